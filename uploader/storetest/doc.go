// Package storetest is the contract that every store passes: what the core relies on when it says that nothing is lost
// and nothing is half visible. A store's test gives a store of a bucket; Run does the rest, against the real thing.
package storetest
