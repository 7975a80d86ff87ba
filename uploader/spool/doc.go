// Package spool finds the files of the spool, the directory into which the pod's containers write, and which of them
// have no writer.
//
// It never follows a link that a container can make, opens regular files only, and never leaves the directory. It needs
// Linux: inotify reports that a writer has closed a file, and a file lease shows whether a process of the node has it
// open for writing.
//
// Between two calls a name may stand for another file, so no file is removed by its name: see SetAside.
package spool
