// Package spool finds the files of a directory and says which of them are complete. It never follows a link, opens
// nothing but regular files, and never leaves the directory. It needs Linux: inotify tells when a writer closes a file,
// and a file lease tells whether anybody has it open for writing.
package spool
