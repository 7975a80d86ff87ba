package main

import (
	"os"
	"strings"
	"testing"
)

func TestCheckPins(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for name, test := range map[string]struct {
		dockerfile string
		wrong      int
	}{
		"pinned":                   {"FROM golang:1.26.8@" + digest + "\n", 0},
		"pinned by an argument":    {"ARG BASE=golang:1.26.8@" + digest + "\nFROM ${BASE} AS build\n", 0},
		"with a registry's port":   {"FROM localhost:5000/golang:1@" + digest + "\n", 0},
		"an earlier stage":         {"FROM golang:1@" + digest + " AS build\nFROM build\nFROM scratch\n", 0},
		"a tag alone":              {"FROM golang:1.26.8\n", 1},
		"a tag in an argument":     {"ARG BASE=golang:1.26.8\nFROM ${BASE} AS build\n", 1},
		"an argument without":      {"ARG BASE\nFROM golang:1@" + digest + "\nFROM ${BASE:-busybox}\n", 1},
		"a digest without a tag":   {"FROM golang@" + digest + "\n", 1},
		"half a digest":            {"FROM golang:1@sha256:0a0a\n", 1},
		"the name of a later one":  {"FROM later\nFROM golang:1@" + digest + " AS later\n", 1},
		"two unpinned base images": {"FROM golang:1.26 AS build\nFROM gcr.io/distroless/static:nonroot\n", 2},
	} {
		t.Run(name, func(t *testing.T) {
			messages, err := checkPins([]byte(test.dockerfile))
			if err != nil || len(messages) != test.wrong {
				t.Errorf("got %q, %v; want %d messages", messages, err, test.wrong)
			}
		})
	}
}

// TestDockerfileUsesGoModsToolchain holds that the image is built by the compiler that go.mod names: the setting of the Go
// image would take its own.
func TestDockerfileUsesGoModsToolchain(t *testing.T) {
	content, err := os.ReadFile("../../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "\nENV GOTOOLCHAIN=auto\n") {
		t.Error("Dockerfile does not set GOTOOLCHAIN=auto in the build stage")
	}
}
