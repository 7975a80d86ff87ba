package main

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// pinned matches a reference that names both a tag, for people, and a digest, which decides.
var pinned = regexp.MustCompile(`^[^@]+:[^@/:]+@sha256:[0-9a-f]{64}$`)

// checkPins returns a message for each base image that is not pinned by a digest. Arguments before the first FROM count
// with their defaults.
func checkPins(content []byte) ([]string, error) {
	file, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	stages, arguments, err := instructions.Parse(file.AST, nil)
	if err != nil {
		return nil, err
	}
	var env []string
	for _, argument := range arguments {
		for _, pair := range argument.Args {
			if pair.Value != nil {
				env = append(env, pair.Key+"="+*pair.Value)
			}
		}
	}
	var messages []string
	lex, own := shell.NewLex(file.EscapeToken), map[string]bool{"scratch": true}
	for _, stage := range stages {
		base, _, err := lex.ProcessWord(stage.BaseName, shell.EnvsFromSlice(env))
		if err != nil {
			return nil, err
		}
		if !own[base] && !pinned.MatchString(base) {
			messages = append(messages, fmt.Sprintf("line %d: base image %q must be pinned as name:tag@sha256:digest", stage.Location[0].Start.Line, base))
		}
		own[stage.Name] = true
	}
	return messages, nil
}
