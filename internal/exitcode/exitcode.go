package exitcode

import "syscall"

const (
	// Failed is the code of a command that failed, and of a doctor whose report has a failure.
	Failed = 1
	// NoReport is the code of "lighterman doctor" when it could not examine anything.
	NoReport = 2
	// NotStored is the code of "uploader exec" when the wrapped command ended well but its files are not stored: EX_IOERR
	// of sysexits.h.
	NotStored = 74
	// CannotRun is the code of "uploader exec" when the wrapped command cannot be run, as in a shell.
	CannotRun = 126
	// NotFound is the code of "uploader exec" when the wrapped command does not exist, as in a shell.
	NotFound = 127
)

// FromSignal returns the code with which a shell reports a command that a signal ended.
func FromSignal(s syscall.Signal) int { return 128 + int(s) }
