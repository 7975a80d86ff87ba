// Package reviewtest posts admission reviews as any pod of a cluster can, API server or not.
package reviewtest
