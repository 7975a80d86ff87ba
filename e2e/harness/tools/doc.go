// Package tools builds the programs that the end-to-end tests run, from the Go modules pinned under hack/tools.
//
// Each tool is built once into a cache outside the work tree and found there again as long as its module's go.mod,
// go.sum and build flags stay the same. Nothing is installed on the machine: what the cluster needs besides (nft, and
// libseccomp to link runc) is taken from the machine when it has it, else unpacked from Debian packages into the same
// cache. Packages downloads whole sets of Debian packages, for images.
package tools
