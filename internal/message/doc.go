// Package message makes text from outside fit for denials, warnings, events and log lines: short, and without characters
// that a terminal or a log would act on.
package message
