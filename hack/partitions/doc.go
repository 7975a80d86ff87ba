// Command partitions writes internal/partition/zz_generated.partitions.go: the table of Amazon's partitions of the
// aws-sdk-go-v2 that go.mod names, whose own package is internal to it. Run it in the root of the repository.
package main
