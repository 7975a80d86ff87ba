// Package directory is what the clouds know: who exists, how each proves who it is, and who may do what.
//
// Nothing is known until it is registered. It is the contract between the tests that register and the program that serves, so
// the types are what goes over the wire.
package directory
