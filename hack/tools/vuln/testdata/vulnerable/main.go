package main

import "golang.org/x/text/language"

func main() {
	_, _ = language.Parse("x")
}
