// Command vulnerable calls a function with a known fault, so that a test can see that it is found.
package main
