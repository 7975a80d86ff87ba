// Package storetest tests a store against the contract of package objstore: the uploader relies on it to lose nothing and to make
// nothing visible by half. A store's test opens a bucket of a real server, and Run does the rest. CheckAuthModes does the
// same for the table of auth modes.
package storetest
