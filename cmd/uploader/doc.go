// Uploader is the program of Lighterman's sidecar: it carries the files of a directory to an object store and proves that
// they arrived. This package reads flags and environment, opens the store, and leaves the rest to package uploader and
// those below it.
package main
