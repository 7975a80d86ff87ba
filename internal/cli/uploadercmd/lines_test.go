package uploadercmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/doctor"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/sidecar"
)

// hostile is what a store may say: a line that looks like one of ours, and what a terminal acts on.
const hostile = "denied\nok    write, read, delete: all is well\r\x1b[31mRED\u009b2J\u202e\x07"

// TestStoreCannotForgeLines has the store's words in every text that the program prints: each stays in its own line, in plain characters.
func TestStoreCannotForgeLines(t *testing.T) {
	fault := &objstore.Error{Class: objstore.Denied, Err: errors.New(hostile)}
	termination := filepath.Join(t.TempDir(), "termination")
	if err := sidecar.WriteTermination(termination, fault); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(termination)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		lines int
		text  string
	}{
		"an error":         {1, sidecar.Explain(fault)},
		"the termination":  {1, string(text)},
		"a path":           {1, printed(func(out *bytes.Buffer) { printLine(out, "ok    %s  %d bytes", hostile, 1) })},
		"a step":           {1, printed(func(out *bytes.Buffer) { printStep(out, doctor.Step{Name: "write", Detail: hostile}) })},
		"a failed step":    {2, printed(func(out *bytes.Buffer) { printStep(out, doctor.Step{Name: "write", Err: fault, Cure: hostile}) })},
		"a boundless word": {1, sidecar.Explain(errors.New(strings.Repeat("x", 1<<20)))},
	}
	for name, test := range tests {
		text := strings.TrimSuffix(test.text, "\n")
		if n := strings.Count(text, "\n") + 1; n != test.lines || len(text) > 2*4096+1 {
			t.Errorf("%s: %d lines, %d bytes: %q", name, n, len(text), text)
		}
		if strings.ContainsAny(text, "\r\x1b\x07\u009b\u202e") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func printed(write func(*bytes.Buffer)) string {
	var out bytes.Buffer
	write(&out)
	return out.String()
}
