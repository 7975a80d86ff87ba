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
// A file can be staged: all its parts are sent, and the journal records its state and its SHA-256, but nothing is visible
// before the file is sent. If its state is the same then, only the upload is completed, and the file is not read again.
//
// A growing file is followed: the pass runs behind the writer, and each part is sent as soon as it is full. When the
// writer has closed the file, the rest is sent, and the earlier parts are read again, for a writer may have changed its
// earlier output: pg_dump's custom format writes its table of contents at the front in the end. The kernel does not
// keep which part of a file was written: a time of modification is of the whole file, inotify merges events and names
// no place, and pages that were written back are clean again. fanotify has the range of a write since Linux 6.14
// (FAN_PRE_ACCESS, commit f156524e5d72), but only for CAP_SYS_ADMIN, and each write waits for its listener. A clone of
// the file (FICLONE, XFS and Btrfs) would show by its extents which blocks were replaced since, but the kernel first
// writes all dirty pages back (fs/remap_range.c). So all parts are read, and only their checksums are made,
// which is as fast as memory. SHA-256 is made again only if a part did change, and then after the object is visible.
//
// A Stream has no file: it is the standard output of a command. Its parts stay in memory until the store has confirmed
// them, and nothing is read while there is no room. So its bytes are read once, and sent again from memory.
package transfer
