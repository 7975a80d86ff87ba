// Package upload tests the uploader's stores against real servers on loopback: the contract of package storetest, the
// classes of what the servers answer, faults of the network, and speed.
package upload
