// Package oracle says which identity the clouds' SDKs take in a container, without running one.
//
// Effective builds the environment that the kubelet gives a container, in a World that says which Secrets and ConfigMaps
// exist. Each SDK of SDKs then reads that environment and the container's files, and returns what it takes: a whole
// identity and the variables that it is made of, the node's, none, or an error.
//
// The rules are those of the SDKs' own sources, which the tables cite. Package realsdk runs the same SDKs against stand-ins
// of the clouds' metadata servers and token services, and a test compares the two for a thousand environments.
package oracle
