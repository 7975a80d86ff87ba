// Command vuln scans Go modules for known vulnerabilities, without the network, and fails on each that the code can reach:
//
//	go run . -allow allow.yaml ../../.. ../../../e2e
//
// The database is the module golang.org/x/vulndb in the version that database/go.mod pins. A finding passes only where
// the file given by -allow lists it with a reason and an end date; a line that has ended, or that nothing needs any
// more, is a failure too.
package main
