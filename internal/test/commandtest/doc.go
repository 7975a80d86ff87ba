// Package commandtest checks that every command of a program is complete, as "How to add a command" in CONTRIBUTING.md
// describes it.
package commandtest
