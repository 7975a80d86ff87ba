// Command dockerfile checks Dockerfiles with BuildKit's own rules, without an engine and without a registry:
//
//	go run . ../../../Dockerfile
//
// It prints what docker build --check would, and each base image that is not pinned by a digest, and exits with 1 if
// there is anything to say.
package main
