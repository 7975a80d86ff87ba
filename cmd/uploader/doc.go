// Uploader is the program of Lighterman's sidecar: it uploads the files of a directory to an object store and proves that
// they arrived. Its commands are in internal/cli/uploadercmd, its tasks in package uploader and those below it.
package main
