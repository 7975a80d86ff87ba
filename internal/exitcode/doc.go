// Package exitcode lists the exit codes of the programs "lighterman" and "uploader", other than 0. docs/commands.md
// explains them to users.
package exitcode
