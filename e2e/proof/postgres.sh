# A database, for the programs that back one up: in the directory data, reached through a socket in /tmp.
export PGDATA="$PWD/data" PGHOST=/tmp PGDATABASE=postgres PGCTLTIMEOUT=600

# make_database COMMAND: starts a database that hands its write-ahead log to COMMAND, with a table of orders.
make_database() {
  initdb --no-sync --auth=trust --wal-segsize=4 > /dev/null
  cat >> data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$PGHOST'
fsync = off
shared_buffers = 16MB
archive_mode = on
archive_command = '$1'
END
  start_database
  psql --quiet --command 'create table orders (id bigserial, what text)'
  add_orders
}

start_database() {
  pg_ctl start --wait --log database.log > /dev/null || { cat database.log; return 1; }
}

add_orders() {
  psql --quiet --command 'insert into orders (what) select md5(random()::text) from generate_series(1, 20000)'
}

orders() {
  mkdir "$1"
  psql --no-align --tuples-only --command 'select * from orders order by id' > "$1/orders"
}

# wait_until QUERY: fails when the answer is still not true after five minutes.
wait_until() (
  set +x
  for _ in $(seq 1500); do
    if [ "$(psql --no-align --tuples-only --command "$1")" = t ]; then return; fi
    sleep 0.2
  done
  echo "still not: $1"
  cat database.log
  return 1
)

# lose_database: once the log has been handed over, notes the orders and deletes the database as it runs.
lose_database() {
  orders files
  sums files > files.sums
  last=$(psql --no-align --tuples-only --command 'select pg_walfile_name(pg_switch_wal())')
  wait_until "select last_archived_wal >= '$last' from pg_stat_archiver"
  pg_ctl stop --mode=immediate > /dev/null
  rm -r data files
}

# recover_database COMMAND: starts what was restored to the same place, which fetches the log with COMMAND, or with what
# the program itself has set, and compares the orders.
recover_database() {
  cat >> data/postgresql.conf <<END
archive_mode = off
restore_command = '$1'
END
  touch data/recovery.signal
  start_database
  wait_until 'select not pg_is_in_recovery()'
  orders restored
  same_files restored
}
