package profile

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// presetHint returns the CEL expression of the CRD's rule that names the preset for a host which is not Amazon's: the hosts of
// services first, then the words in names.
func presetHint() string {
	var chain strings.Builder
	for _, parts := range []func(*preset) []string{
		func(p *preset) []string { return p.hosts }, func(p *preset) []string { return p.words },
	} {
		for i := range presets {
			var known, conditions []string
			for _, part := range parts(&presets[i]) {
				part = part[strings.LastIndexByte(part, '*')+1:]
				if !slices.ContainsFunc(known, func(shorter string) bool { return strings.Contains(part, shorter) }) {
					known = append(known, part)
					conditions = append(conditions, "self.endpoint.contains('"+part+"')")
				}
			}
			if len(conditions) > 0 {
				chain.WriteString(strings.Join(conditions, " || ") + " ? '" + string(presets[i].name) + "' : ")
			}
		}
	}
	return "'AWS is for Amazon S3 alone, and the host of the endpoint is none of it: set preset: ' + (" + chain.String() +
		"'Other, or the name of the store where there is one for it')"
}

// TestCRDNamesThePreset holds that the rule on S3Store in api/v1alpha1/s3_types.go names every preset that the table knows by its
// hosts.
func TestCRDNamesThePreset(t *testing.T) {
	for _, kind := range []string{"clustercredentialprofiles", "credentialprofiles"} {
		text, err := os.ReadFile("../charts/lighterman/files/crds/lighterman.dev_" + kind + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		// YAML folds long lines at blanks and doubles quotes.
		crd := strings.ReplaceAll(regexp.MustCompile(`\n +`).ReplaceAllString(string(text), " "), "''", "'")
		if hint := presetHint(); !strings.Contains(crd, hint) {
			t.Errorf("%s: write into the messageExpression of the rule on preset AWS, and run make generate:\n%s", kind, hint)
		}
	}
}
