package injector

import (
	"slices"

	"lighterman.dev/lighterman/uploader"
)

// program is the uploader's, in the volume that the sidecar puts it into.
const program = uploader.DefaultDirectory + "/uploader"

// unwrapCommand returns the command without the uploader's exec, and whether it had one. Another webhook may have
// wrapped it in turn.
func unwrapCommand(command []string) (own []string, wrapped bool) {
	for at := wrapperIndex(command); at >= 0; at = wrapperIndex(command) {
		end := at + 2
		for end < len(command) && command[end] != "--" {
			end++
		}
		command, wrapped = slices.Concat(command[:at], command[min(end+1, len(command)):]), true
	}
	return command, wrapped
}

// wrapperIndex returns the index at which a command runs the uploader's exec; -1: it does not.
func wrapperIndex(command []string) int {
	for i := range len(command) - 1 {
		if command[i] == program && command[i+1] == "exec" {
			return i
		}
	}
	return -1
}
