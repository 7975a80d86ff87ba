// Command vulnerable calls a function with a known fault, so that a test can see that it is found.
package main

import "golang.org/x/text/language"

func main() {
	_, _ = language.Parse("x")
}
