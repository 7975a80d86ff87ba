package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/vuln/scan"
)

// finding is a vulnerability whose code a scanned module can reach.
type finding struct {
	ID      string
	Summary string
	Module  string
	Version string
	Fixed   string
	// Trace names the calls from the scanned module's function to the vulnerable one.
	Trace []string
}

// message is what govulncheck -format json prints; see golang.org/x/vuln/internal/govulncheck, v1.9.0.
type message struct {
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"osv"`
	Finding *struct {
		OSV          string  `json:"osv"`
		FixedVersion string  `json:"fixed_version"`
		Trace        []frame `json:"trace"`
	} `json:"finding"`
}

type frame struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Package  string `json:"package"`
	Function string `json:"function"`
	Receiver string `json:"receiver"`
}

// locateDatabase returns the directory of the pinned database's OSV files, and its version. The go command verifies
// the module by database/go.sum.
func locateDatabase(ctx context.Context) (dir, version string, err error) {
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", "golang.org/x/vulndb")
	download.Dir = "database"
	download.Stderr = os.Stderr
	output, err := download.Output()
	if err != nil {
		return "", "", fmt.Errorf("download golang.org/x/vulndb: %w", err)
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(output, &module); err != nil {
		return "", "", fmt.Errorf("download golang.org/x/vulndb: %w", err)
	}
	return filepath.Join(module.Dir, "data", "osv"), module.Version, nil
}

// scanModule returns what the packages of the module in dir can reach, tests included.
func scanModule(ctx context.Context, database, dir string) ([]finding, error) {
	reader, writer := io.Pipe()
	// A directory of OSV files is a database, though govulncheck's help does not say so: newHybridSource in
	// golang.org/x/vuln/internal/client/source.go, v1.9.0.
	command := scan.Command(ctx, "-C", dir, "-db", "file://"+database, "-format", "json", "-test", "./...")
	command.Stdout = writer
	if err := command.Start(); err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	go func() {
		err := command.Wait()
		failed <- errors.Join(err, writer.CloseWithError(err))
	}()
	findings, err := readFindings(reader)
	return findings, errors.Join(err, reader.Close(), <-failed)
}

// readFindings returns the reachable vulnerabilities of a scan, each once. Govulncheck also reports modules and packages that are
// only required or imported; those have no function in their trace.
func readFindings(output io.Reader) ([]finding, error) {
	summaries := map[string]string{}
	found := map[string]finding{}
	decoder := json.NewDecoder(output)
	for {
		var next message
		if err := decoder.Decode(&next); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read govulncheck's output: %w", err)
		}
		if next.OSV != nil {
			summaries[next.OSV.ID] = next.OSV.Summary
		}
		if next.Finding == nil || len(next.Finding.Trace) == 0 || next.Finding.Trace[0].Function == "" {
			continue
		}
		id, trace := next.Finding.OSV, next.Finding.Trace
		if _, known := found[id]; !known {
			found[id] = finding{
				ID: id, Module: trace[0].Module, Version: trace[0].Version, Fixed: next.Finding.FixedVersion, Trace: formatTrace(trace),
			}
		}
	}
	findings := make([]finding, 0, len(found))
	for id, one := range found {
		one.Summary = summaries[id]
		findings = append(findings, one)
	}
	slices.SortFunc(findings, func(a, b finding) int { return strings.Compare(a.ID, b.ID) })
	return findings, nil
}

// formatTrace returns the calls from the scanned module's function to the vulnerable one; govulncheck lists them the other way round.
func formatTrace(trace []frame) []string {
	calls := make([]string, 0, len(trace))
	for _, call := range slices.Backward(trace) {
		name := call.Function
		if call.Receiver != "" {
			name = strings.TrimPrefix(call.Receiver, "*") + "." + name
		}
		calls = append(calls, call.Package+"."+name)
	}
	return calls
}
