# What the scripts have in common.

# make_files DIR: an empty file, names that need care, directories, and a file of several parts.
make_files() {
  mkdir -p "$1/a directory/below"
  : > "$1/empty"
  echo "Größe, 大小" > "$1/a directory/größe 大小.txt"
  echo "quoted" > "$1/a directory/below/it's \"quoted\" & more+%41.txt"
  head -c 65536 /dev/urandom > "$1/small.bin"
  head -c 8388608 /dev/urandom > "$1/large.bin"
  sums "$1" > files.sums
}

# sums DIR: the files below DIR with their checksums.
sums() {
  (cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

# same_files DIR: fails unless the files below DIR are those that make_files made, all of them and no others.
same_files() {
  sums "$1" > restored.sums
  diff files.sums restored.sums
}
