// Image makes container images out of static programs. See package image.
package main
