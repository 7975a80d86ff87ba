package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// examples has a profile for every auth mode of every store, by <store>.<mode>.
var examples = func() map[string]string {
	specs := map[string]string{}
	for mode, auth := range map[string]string{
		"webIdentity":     "{roleARN: 'arn:aws:iam::111122223333:role/backup'}",
		"podIdentity":     "{}",
		"accessKey":       "{accessKeyID: {name: s, key: id}, secretAccessKey: {name: s, key: secret}}",
		"credentialsFile": "{name: s, key: file}",
		"ambient":         "{}",
	} {
		specs["s3."+mode] = fmt.Sprintf("s3: {bucket: pg-backups, region: eu-west-1, auth: {%s: %s}}", mode, auth)
	}
	for mode, auth := range map[string]string{
		"workloadIdentity":   "{clientID: c, tenantID: t}",
		"managedIdentity":    "{}",
		"podIdentityBinding": "rok",
		"servicePrincipal":   "{clientID: c, tenantID: t, clientSecret: {name: s, key: k}}",
		"connectionString":   "{name: s, key: k}",
		"accountKey":         "{name: s, key: k}",
		"sasToken":           "{name: s, key: k}",
		"default":            "{}",
	} {
		specs["azure."+mode] = fmt.Sprintf("azure: {storageAccount: backups, container: pgc, auth: {%s: %s}}", mode, auth)
	}
	for mode, auth := range map[string]string{
		"gkeWorkloadIdentity":        "{}",
		"workloadIdentityFederation": "{audience: //iam.googleapis.com/x}",
		"serviceAccountKey":          "{name: s, key: k}",
		"ambient":                    "{}",
	} {
		specs["gcs."+mode] = fmt.Sprintf("gcs: {bucket: pg-backups, projectID: example, auth: {%s: %s}}", mode, auth)
	}
	return specs
}()

func example(t *testing.T, s *Store, m *Mode) *v1alpha1.CredentialProfileSpec {
	t.Helper()
	text, ok := examples[s.Name+"."+m.Name]
	if !ok {
		t.Fatalf("no example of %s.auth.%s: add one to examples", s.Name, m.Name)
	}
	spec := new(v1alpha1.CredentialProfileSpec)
	if err := yaml.UnmarshalStrict([]byte(text+"\ncaBundle: {configMap: {name: ca}}"), spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

// rendered returns what a profile injects, with a path for each file that there may be.
func rendered(spec *v1alpha1.CredentialProfileSpec) Environment {
	e := Environment{Resolved: Resolve(spec), Files: Files{Token: "/token", CA: "/ca", Credentials: "/file"}}
	e.addAll()
	return e
}

// TestTools walks through every cell: each is there, and gives variables that are complete, or says why not.
func TestTools(t *testing.T) {
	for _, d := range dialects {
		for i := range stores {
			s := &stores[i]
			cells := d.cellsFor(s)
			if len(cells.modes) != len(s.modes) {
				t.Errorf("the row of %s has %d cells for the %d modes of %s", d.name, len(cells.modes), len(s.modes), s.Name)
			}
			for j := range s.modes {
				t.Run(fmt.Sprintf("%s/%s/%s", d.name, s.Name, s.modes[j].Name), func(t *testing.T) {
					checkCell(t, d, s, &s.modes[j])
				})
			}
		}
	}
}

func checkCell(t *testing.T, d *dialect, s *Store, m *Mode) {
	t.Helper()
	cell, ok := d.cellsFor(s).modes[m.Name]
	if !ok {
		t.Fatal("the row of the tool has no cell for the mode")
	}
	spec := example(t, s, m)
	spec.Tools = []v1alpha1.Tool{d.name}
	problems := Check(spec, Cluster{})
	if refused := cell.unsupportedReason != ""; refused != (len(problems) > 0) {
		t.Fatalf("refused: %v, problems: %v", refused, problems)
	} else if refused {
		if !problems[0].Unsupported || !strings.HasSuffix(problems[0].Message, ": "+cell.unsupportedReason) {
			t.Errorf("the reason is not shown: %v", problems)
		}
		return
	}
	e := rendered(spec)
	seen := map[string]bool{}
	for _, v := range e.Vars {
		if seen[v.Name] || (v.Value == "" && v.ValueFrom == nil) || strings.Contains(v.Value, "//pgc//") {
			t.Errorf("%s is there twice or not complete: %q", v.Name, v.Value)
		}
		// What goes with a repository is not what makes it the container's.
		if v.Groups&^d.repository != 0 && !strings.HasPrefix(v.Name, ReservedPrefix) && (groupsByVariable[v.Name]|d.groups[v.Name])&v.Groups == 0 {
			t.Errorf("%s is in none of its groups when a container sets it: add it to groupsByVariable, or to groups in the row of %s", v.Name, d.name)
		}
		if groupsByVariable[v.Name]&s.IdentityGroup != 0 && v.Groups == 0 {
			t.Errorf("%s belongs to the identity in groupsByVariable, and the row adds it without a group", v.Name)
		}
		for reference := range strings.SplitSeq(v.Value, "$(") {
			if name, _, ok := strings.Cut(reference, ")"); ok && !seen[name] {
				t.Errorf("%s refers to %s, which is not before it", v.Name, name)
			}
		}
		seen[v.Name] = true
	}
	// Never these: the first sends requests for tokens to the store, the second switches authentication off.
	if seen["AWS_ENDPOINT_URL"] || seen["STORAGE_EMULATOR_HOST"] {
		t.Error("a variable that must never be set")
	}
}

// TestGoldenCases looks for a golden case of package injector of every auth mode, and of every tool with every store.
func TestGoldenCases(t *testing.T) {
	used := map[string]bool{}
	profiles, err := filepath.Glob("../injector/testdata/*/profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range profiles {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if r := Resolve(profile.Spec); r.Store != nil {
			used[r.Store.Name+"."+r.AuthMode()] = true
			for _, tool := range profile.Spec.Tools {
				used[string(tool)+"."+r.Store.Name] = true
			}
		}
	}
	for i := range stores {
		for _, m := range stores[i].modes {
			if !used[stores[i].Name+"."+m.Name] {
				t.Errorf("no golden case has %s.auth.%s", stores[i].Name, m.Name)
			}
		}
		for _, d := range dialects {
			if !used[string(d.name)+"."+stores[i].Name] {
				t.Errorf("no golden case has %[1]s with %[2]s: add injector/testdata/tool-%[1]s-%[2]s or denied-tool-%[1]s-%[2]s", d.name, stores[i].Name)
			}
		}
	}
}

// TestRowsAreValues changes one tool's cell, made from another's, which stays as it is.
func TestRowsAreValues(t *testing.T) {
	first := allSupported(&s3Store, supported("first"), nil)
	second := first.override(map[string]cell{"ambient": supported("second")})
	if got := first.modes["ambient"].note + " " + second.modes["ambient"].note; got != "first second" {
		t.Errorf("the cells are %q, want %q", got, "first second")
	}
}
