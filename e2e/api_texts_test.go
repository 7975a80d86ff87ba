package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/profile"

	"lighterman.dev/lighterman/e2e/harness/cluster"
)

// noVariable are fields of Kubernetes' own types, of which no variable is made: the API server checks them in the pod.
var noVariable = regexp.MustCompile(`^spec(\.selector\.podSelector|\.allowedNamespaces|\.caBundle\.clusterTrustBundle\.labelSelector|\.uploader\.(resources|securityContext|sizeLimit|bandwidthLimit))`)

// TestNoFieldTakesAReference puts a reference to a variable, and a control character, into each text of every valid profile, the
// values of spec.env excepted: the API server and lighterman inject both refuse it, so that no Secret's key ends in an
// object's name.
func TestNoFieldTakesAReference(t *testing.T) {
	api := newProfileAPI(t, cluster.ForTest(t))
	tried := map[string]bool{}
	for _, file := range manifests(t, "valid") {
		for _, prof := range file.documents {
			walkLeaves("spec", prof["spec"], func(path string, value any) {
				text, isText := value.(string)
				field := unindexed(path)
				if !isText || tried[field] || noVariable.MatchString(path) || field == "spec.env[*].value" {
					return
				}
				tried[field] = true
				for _, bad := range []string{text + "$(AWS_SECRET_ACCESS_KEY)", text + "\x01"} {
					wrong := replaceLeaf(t, prof, path, bad)
					if _, err := api.create(t.Context(), wrong); err == nil {
						t.Errorf("%s: the API server accepts %s: %q", file.name, path, bad)
					}
					parsed, err := profile.Parse([]byte(asJSON(t, wrong)))
					if err != nil {
						continue // That is a refusal, too.
					}
					if problems := profile.Check(parsed.Spec, profile.Cluster{}); len(problems) == 0 {
						t.Errorf("%s: the injector accepts %s: %q", file.name, path, bad)
					}
				}
			})
		}
	}
	if len(tried) < 50 {
		t.Errorf("only %d texts found: %s", len(tried), strings.Join(slices.Sorted(maps.Keys(tried)), " "))
	}
}

// replaceLeaf returns a copy of the profile with another text at path, as walkLeaves writes paths.
func replaceLeaf(t *testing.T, profile map[string]any, path, text string) map[string]any {
	t.Helper()
	var copied map[string]any
	if err := json.Unmarshal([]byte(asJSON(t, profile)), &copied); err != nil {
		t.Fatal(err)
	}
	found := false
	var replace func(at string, value any) any
	replace = func(at string, value any) any {
		switch value := value.(type) {
		case map[string]any:
			for key, below := range value {
				value[key] = replace(at+"."+key, below)
			}
		case []any:
			for i, below := range value {
				value[i] = replace(fmt.Sprintf("%s[%d]", at, i), below)
			}
		case string:
			if at == path {
				found = true
				return text
			}
		}
		return value
	}
	replace("spec", copied["spec"])
	if !found {
		t.Fatalf("no text at %s", path)
	}
	return copied
}
