// Package textdiff compares texts for people to read.
package textdiff
