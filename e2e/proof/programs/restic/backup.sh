export RESTIC_PASSWORD=only-for-this-test
# restic sends an empty access tier, for the account's own; Azurite wants a name.
[ "$LIGHTERMAN_PROVIDER" != azure ] || set -- -o azure.access-tier=Hot
make_files files
restic "$@" init
restic "$@" backup files
echo more >> files/small.bin
sums files > files.sums
restic "$@" backup files
rm -r files
restic "$@" restore latest --target restored
same_files restored/files
restic "$@" forget --keep-last 1 --prune
restic "$@" check --read-data
