package main

import (
	"slices"
	"strings"
	"testing"
)

func TestReadFindings(t *testing.T) {
	output := `{"config":{"scanner_name":"govulncheck"}}
{"osv":{"id":"GO-1","summary":"Panic in Parse"}}
{"osv":{"id":"GO-2","summary":"Only required"}}
{"finding":{"osv":"GO-2","trace":[{"module":"example.com/b","version":"v1.0.0"}]}}
{"finding":{"osv":"GO-2","trace":[{"module":"example.com/b","version":"v1.0.0","package":"example.com/b/p"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.0","trace":[{"module":"example.com/a","version":"v1.1.0","package":"example.com/a","function":"Parse","receiver":"*Reader"},{"module":"m","package":"m","function":"main"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.2.0","trace":[{"module":"example.com/a","version":"v1.1.0","package":"example.com/a","function":"Read"}]}}
`
	findings, err := readFindings(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != 1 || findings[0].ID != "GO-1" || findings[0].Fixed != "v1.2.0" || findings[0].Summary != "Panic in Parse" {
		t.Fatalf("got %+v", findings)
	}
	if trace := strings.Join(findings[0].Trace, " "); trace != "m.main example.com/a.Reader.Parse" {
		t.Errorf("trace: %s", trace)
	}
	if _, err := readFindings(strings.NewReader(`{"finding":`)); err == nil {
		t.Error("half an answer counts as an empty one")
	}
}

// TestScanFindsAVulnerability holds the whole way: the pinned database, read as a directory, and a module that calls a
// function with an entry in it.
func TestScanFindsAVulnerability(t *testing.T) {
	database, version, err := locateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version == "" {
		t.Error("the database has no version")
	}
	findings, err := scanModule(t.Context(), database, "testdata/vulnerable")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(findings, func(found finding) bool { return found.ID == "GO-2021-0113" }) {
		t.Errorf("found %+v, want GO-2021-0113 among them: an out-of-bounds read in golang.org/x/text/language", findings)
	}
}

func TestScanFailsWhereNothingCanBeScanned(t *testing.T) {
	database, _, err := locateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"testdata/nowhere", "testdata"} {
		if findings, err := scanModule(t.Context(), database, dir); err == nil {
			t.Errorf("scan of %s succeeds, with %d findings", dir, len(findings))
		}
	}
}
