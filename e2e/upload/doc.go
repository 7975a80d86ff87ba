// Package upload tests the uploader against real servers on loopback: the stores' contract of package storetest, the classes
// of what the servers answer, faults of the network, and speed; and the whole program, in every fault that docs/uploader.md
// tells of, killed again and again.
//
// TestFaults waits for what the program itself waits for, so its pods run at the same time, more than there are processors.
// -kills, -seed and -down make more of what is random or long.
package upload
