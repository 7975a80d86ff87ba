package main

import (
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 12, 1, 15, 0, 0, 0, time.UTC)

func TestParseAllowances(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":     {text: "[]\n"},
		"valid":     {text: "- {id: GO-2026-0001, until: 2026-12-24, reason: no caller passes such input}\n"},
		"last day":  {text: "- {id: GO-2026-0001, until: 2026-12-01, reason: no caller passes such input}\n"},
		"ended":     {text: "- {id: GO-2026-0001, until: 2026-11-30, reason: no caller passes such input}\n", want: "ended on 2026-11-30"},
		"too far":   {text: "- {id: GO-2026-0001, until: 2027-12-01, reason: no caller passes such input}\n", want: "more than 90 days ahead"},
		"no date":   {text: "- {id: GO-2026-0001, reason: no caller passes such input}\n", want: "until must be a date"},
		"no reason": {text: "- {id: GO-2026-0001, until: 2026-12-24, reason: later}\n", want: "reason must say why"},
		"other id":  {text: "- {id: CVE-2026-1, until: 2026-12-24, reason: no caller passes such input}\n", want: "id must be that of the Go"},
		"twice": {text: "- {id: GO-2026-0001, until: 2026-12-24, reason: no caller passes such input}\n" +
			"- {id: GO-2026-0001, until: 2026-12-25, reason: no caller passes such input}\n", want: "listed twice"},
		"unknown field": {text: "- {id: GO-2026-0001, untill: 2026-12-24}\n", want: "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseAllowances([]byte(test.text), today)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	found := []finding{{ID: "GO-2026-0001", Module: "stdlib"}}
	allowed := []allowance{{ID: "GO-2026-0001"}}
	for name, test := range map[string]struct {
		findings []finding
		list     []allowance
		clean    bool
	}{
		"nothing":                      {clean: true},
		"a finding":                    {findings: found},
		"an accepted finding":          {findings: found, list: allowed, clean: true},
		"a line that nothing needs":    {list: allowed},
		"a finding and another's line": {findings: found, list: []allowance{{ID: "GO-2026-0002"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if clean := report(test.findings, test.list); clean != test.clean {
				t.Errorf("report: %t, want %t", clean, test.clean)
			}
		})
	}
}

func TestCommittedAllowList(t *testing.T) {
	if clean, err := run(t.Context(), "allow.yaml", nil); clean || err == nil || !strings.Contains(err.Error(), "no module to scan") {
		t.Errorf("run without a module: %t, %v", clean, err)
	}
}
