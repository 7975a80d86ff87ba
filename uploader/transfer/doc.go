// Package transfer sends one file to a store, whole or not at all, and compares the object with the file.
//
// A small file is sent in one request. A large one becomes an upload in parts: the store collects the parts and makes
// the object visible when the upload is completed.
//
// Every byte is read twice. The first reading is one pass from the beginning to the end, which makes the SHA-256 of the
// file and the checksum of each part. The second is the store's: it sends a part with the checksum that the pass has
// made, and the store refuses other bytes. So a fault on the way, in memory or in the file shows before anything is
// visible. Both readings run at the same time, and the second finds its bytes in the page cache.
//
// The file may change meanwhile. A round reads the file's state, sends the parts that differ from the file, and reads
// the state again. If the state did not change, the parts are the file as it was in one moment, and the upload is
// completed. Otherwise the next round reads the file again, and sends the parts that differ.
//
// A growing file is followed: the pass runs behind the writer, and each part is sent as soon as it is full. When the
// writer has closed the file, the rest is sent, and the earlier parts are read again, for a writer may have changed its
// earlier output: pg_dump's custom format writes its table of contents at the front in the end. The kernel does not
// keep which part of a file was written: a time of modification is of the whole file, inotify merges events and names
// no place, and pages that were written back are clean again. So all parts are read, and only their checksums are made,
// which is as fast as memory. SHA-256 is made again only if a part did change, and then after the object is visible.
package transfer
