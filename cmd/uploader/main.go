package main

import (
	"os"

	"lighterman.dev/lighterman/internal/cli/uploadercmd"
)

// version is set by the linker.
var version = "v0.0.0-dev"

func main() { os.Exit(uploadercmd.Main(version)) }
