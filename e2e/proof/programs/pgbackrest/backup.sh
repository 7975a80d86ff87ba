export PGBACKREST_STANZA=orders PGBACKREST_PG1_PATH="$PGDATA" PGBACKREST_PG1_SOCKET_PATH="$PGHOST"
export PGBACKREST_LOCK_PATH="$PWD/lock" PGBACKREST_LOG_LEVEL_FILE=off PGBACKREST_START_FAST=y PGBACKREST_REPO1_RETENTION_FULL=1
# Bundles that are not compressed are large enough to go up in several parts.
export PGBACKREST_REPO1_BUNDLE=y PGBACKREST_COMPRESS_TYPE=none
make_database "pgbackrest archive-push %p"
pgbackrest stanza-create
pgbackrest check
pgbackrest --type=full backup
add_orders
lose_database
mkdir -m 700 data
pgbackrest restore
recover_database ''
