export RESTIC_PASSWORD=only-for-this-test
make_files files
restic init
restic backup files
echo more >> files/small.bin
sums files > files.sums
restic backup files
rm -r files
restic restore latest --target restored
same_files restored/files
restic forget --keep-last 1 --prune
restic check --read-data
