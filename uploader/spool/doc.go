// Package spool finds the files of the spool, the directory into which the pod's containers write, and which of them
// have no writer.
//
// It never follows a link, opens regular files only, and never leaves the directory. It needs Linux: inotify reports
// that a writer has closed a file, and a file lease shows whether a process of the node has it open for writing.
package spool
