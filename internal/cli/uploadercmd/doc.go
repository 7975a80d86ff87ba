// Package uploadercmd holds the commands of the program "uploader": each reads its flags and the environment, opens the
// store, and leaves the work to package uploader and those below it.
package uploadercmd
