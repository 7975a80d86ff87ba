// Package shell puts a shell and its utilities into images, for containers that run scripts.
package shell
