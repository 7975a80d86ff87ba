// Package transfer sends one file to a store, whole or not at all, and knows afterwards what the store has.
//
// Every byte is read twice. The first reading is one pass from the beginning to the end, which makes the SHA-256 of the
// file and the checksum of each part. The second is the store's: it sends a part with the checksum that the pass has
// made, and refuses bytes that differ. So a fault on the way, in memory or in the file shows before anything is
// visible. Both readings run at the same time, and the second finds its bytes in the page cache.
//
// The file may change meanwhile. A round reads the file's state, makes all parts agree with the file, and reads the
// state again; what is sent in a round in which the state did not change is the file as it was in one moment. Only then
// is the object made visible. Otherwise the next round reads again, and sends the parts that differ.
//
// A file that still grows is followed: the pass runs behind the writer, and each part goes as soon as it is full. When
// the writer has closed the file, what is left is sent, and the parts that went before are read once more, for a writer
// may have changed its earlier output: pg_dump's custom format puts its table of contents at the front in the end.
// Which part of a file was written nobody can tell afterwards: a time of modification is of the whole file, inotify
// merges events and names no place, and pages that were written back are clean again. So all is read, and only its
// checksum is made, which goes as fast as memory. SHA-256 is made again only if a part did change, and then after the
// object is durable.
package transfer
