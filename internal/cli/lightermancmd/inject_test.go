package lightermancmd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata/inject")

const profileYAML = `apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec:
  s3: {bucket: pg-backups, region: eu-west-1, auth: {ambient: {}}}
  allowedServiceAccounts: [backup]
`

const podYAML = `apiVersion: v1
kind: Pod
metadata: {name: dump, namespace: payments}
spec:
  serviceAccountName: backup
  fieldOfTheFuture: {kept: [1.50, "x"]}
  containers:
  - name: dump
    envFrom: [{secretRef: {name: x}}]
`

// ofPod is how messages about a pod begin.
var ofPod = regexp.MustCompile(`(?m)^(Warning: )?Pod \S+: `)

// refusedByRules is in the message about a profile that the API server would refuse.
const refusedByRules = " is not valid, and the API server would refuse it:\n"

// TestInject runs the injector's golden cases through the command: its output is theirs, but for the version, and for the
// name of the pod in messages.
func TestInject(t *testing.T) {
	cases, err := filepath.Glob("../../../injector/testdata/*/want.*")
	if err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	for _, path := range cases {
		dir, want := filepath.Dir(path), read(t, path)
		if _, err := os.Stat(dir + "/first.yaml"); err == nil {
			continue // A second pass: only an admission has two.
		}
		t.Run(filepath.Base(dir)+"/"+filepath.Base(path), func(t *testing.T) {
			settings := injector.Settings{UploaderImage: "uploader:test", Cluster: profile.Cluster{ClusterTrustBundles: true}}
			if text, err := os.ReadFile(dir + "/settings.yaml"); err == nil {
				if err := yaml.Unmarshal(text, &settings); err != nil {
					t.Fatal(err)
				}
			}
			stdout, stderr, err := run(t, "", "inject", "-f", dir+"/pod.yaml", "--profile", dir+"/profile.yaml",
				"--image", "lighterman:test", "--uploader-image", settings.UploaderImage, fmt.Sprint("--cluster-trust-bundles=", settings.ClusterTrustBundles),
				fmt.Sprint("--annotate-service-accounts=", !settings.NoServiceAccountAnnotations))
			switch filepath.Ext(path) {
			case ".yaml":
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.ReplaceAll(want, "v0.0.0-test", version), addedLine.ReplaceAllString(sorted(t, stdout), "")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			case ".warnings":
				if got := ofPod.ReplaceAllString(stderr, ""); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			case ".err":
				if err != nil && strings.Contains(err.Error(), refusedByRules) {
					break // Before the injector saw it.
				}
				if _, message, _ := strings.Cut(want, ": "); err == nil || ofPod.ReplaceAllString(err.Error(), "")+"\n" != message {
					t.Errorf("got %v, want %s", err, message)
				}
			}
		})
	}
}

func TestInjectSaysWhatTheServiceAccountNeeds(t *testing.T) {
	command := "kubectl annotate serviceaccount backup -n payments eks.amazonaws.com/role-arn=arn:aws:iam::111122223333:role/x\n"
	text := strings.Replace(profileYAML, "{ambient: {}}", "{webIdentity: {roleARN: 'arn:aws:iam::111122223333:role/x'}}", 1)
	_, stderr, err := run(t, podYAML, "inject", "-f", "-", "--profile", writeFile(t, text+"  serviceAccount: {annotate: Always}\n"))
	if want := "Warning: Pod payments/dump: the webhook also writes, before the pod is created, what this would: " + command; err != nil || !strings.HasSuffix(stderr, want) {
		t.Errorf("%v, got %q, want %q", err, stderr, want)
	}
	if _, stderr, err = run(t, podYAML, "inject", "-f", "-", "--profile", writeFile(t, text)); err != nil || strings.Contains(stderr, "annotate") {
		t.Errorf("%v, got %q", err, stderr)
	}
}

func TestInjectKeepsUnknownFieldsAndWarns(t *testing.T) {
	stdout, stderr, err := run(t, podYAML, "inject", "-f", "-", "--profile", writeFile(t, profileYAML))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fieldOfTheFuture: {kept: [1.50, \"x\"]}", "LIGHTERMAN_BUCKET"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
	if !strings.HasPrefix(stderr, "Warning: Pod payments/dump: container \"dump\" takes variables from envFrom") {
		t.Errorf("standard error: %q", stderr)
	}
}

func TestInjectDiff(t *testing.T) {
	stdout, _, err := run(t, podYAML, "inject", "-f", "-", "--profile", writeFile(t, profileYAML), "--diff")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stdout, "--- Pod payments/dump\n+++ Pod payments/dump, injected\n") || !strings.Contains(stdout, "\n+    - name: LIGHTERMAN_BUCKET\n") {
		t.Errorf("not a diff:\n%s", stdout)
	}
	for line := range strings.Lines(stdout) {
		// A key that is not the first of its list item any more has moved away from the dash.
		key := strings.TrimLeft(strings.TrimSpace(line), "- ")
		if strings.HasPrefix(line, "- ") && !strings.Contains(stdout, "\n+    "+key) {
			t.Errorf("a line was removed: %s", line)
		}
	}
}

func TestInjectRefuses(t *testing.T) {
	profile := writeFile(t, profileYAML)
	tests := map[string]struct{ pod, profile, want string }{
		"text that is not YAML": {"\tx", profile, "read -:"},
		"wrong types":           {strings.Replace(podYAML, "name: dump\n", "name: [dump]\n", 1), profile, "name"},
		"another profile":       {strings.Replace(podYAML, "{name: dump,", `{name: dump, annotations: {lighterman.dev/profile: x},`, 1), profile, `Pod payments/dump: the pod's annotation names CredentialProfile "x", and the files of --profile hold CredentialProfile payments/pg`},
		"another namespace":     {strings.Replace(podYAML, "payments", "other", 1), profile, "the pod is in namespace other, and the files of --profile hold CredentialProfile payments/pg: a CredentialProfile serves its own namespace only"},
		"another account":       {strings.Replace(podYAML, "serviceAccountName: backup", "", 1), profile, "does not allow service account default"},
		"an unknown field":      {podYAML, writeFile(t, profileYAML+"  buckte: x\n"), "- spec.buckte: Forbidden: unknown field"},
		"an invalid name":       {podYAML, writeFile(t, strings.Replace(profileYAML, "name: pg,", "name: PG_1,", 1)), `- metadata.name: Invalid value: "PG_1"`},
		"what a rule refuses": {
			podYAML, writeFile(t, strings.Replace(profileYAML, "bucket: pg-backups", "bucket: 's3://pg', endpoint: minio, prefix: /pg/", 1)),
			"CredentialProfile payments/pg" + refusedByRules + `- spec.s3.bucket: Invalid value: "s3://pg": must be the name of a bucket: 3 to 63`,
		},
		"what two profiles break": {
			podYAML, writeFile(t, strings.Replace(profileYAML, "pg-backups", "pg", 1)+"---\n"+
				strings.NewReplacer("name: pg,", "name: other,", "eu-west-1", "''").Replace(profileYAML)),
			"CredentialProfile payments/other" + refusedByRules + "- spec.s3.region: Invalid value",
		},
		"another kind":          {podYAML, writeFile(t, "apiVersion: lighterman.dev/v1alpha1\nkind: Profile\n"), "is not a profile"},
		"another API":           {podYAML, writeFile(t, "apiVersion: v1\nkind: Secret\n"), "there is no profile in it: write apiVersion: lighterman.dev/v1alpha1"},
		"another version":       {podYAML, writeFile(t, "apiVersion: lighterman.dev/v1\nkind: CredentialProfile\n"), "it must be lighterman.dev/v1alpha1"},
		"a profile twice":       {podYAML, writeFile(t, profileYAML+"---\n"+profileYAML), "CredentialProfile payments/pg is given twice"},
		"no kind":               {"# Nothing\n---\na: b\n", profile, "read -: document 2, from line 2: not a Kubernetes object"},
		"no kind in a List":     {"{apiVersion: v1, kind: List, items: [{}]}", profile, "/items/0: not a Kubernetes object"},
		"a List of text":        {"{apiVersion: v1, kind: List, items: x}", profile, "read a List:"},
		"a key twice":           {podYAML + "kind: Pod\n", profile, `"kind" already set`},
		"an end without a mark": {podYAML + "...\n" + podYAML, profile, `begin each document with a line "---"`},
		"no template":           {"{apiVersion: batch/v1, kind: CronJob, metadata: {name: x}, spec: {jobTemplate: {}}}", profile, "CronJob x: spec.jobTemplate.spec is missing"},
		"a template of text":    {"{apiVersion: batch/v1, kind: Job, metadata: {name: x, namespace: z}, spec: text}", profile, "Job z/x: read spec:"},
		"several denied": {
			strings.ReplaceAll(podYAML+"---\n"+podYAML, "{name: dump,", `{name: dump, annotations: {lighterman.dev/profile: x},`), profile,
			"CredentialProfile payments/pg\nPod payments/dump: ",
		},
		"a profile of two namespaces": {
			strings.Replace(podYAML, "{name: dump, namespace: payments}", `{name: dump, annotations: {lighterman.dev/profile: pg}}`, 1),
			writeFile(t, profileYAML+"---\n"+strings.Replace(profileYAML, "payments", "shop", 1)),
			"CredentialProfile payments/pg, CredentialProfile shop/pg: write metadata.namespace of the object",
		},
		"two selectors": {
			podYAML, writeFile(t, profileYAML+"  selector: {podSelector: {}}\n---\n"+strings.Replace(profileYAML, "name: pg", "name: other", 1)+
				"  selector: {serviceAccounts: [backup]}\n"),
			"the selectors of several profiles match the pod: CredentialProfile payments/other, CredentialProfile payments/pg: narrow spec.selector",
		},
		"no file": {podYAML, "/does/not/exist", "no such file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, _, err := run(t, test.pod, "inject", "-f", "-", "--profile", test.profile)
			if stdout != "" {
				t.Errorf("it is refused, and yet this was printed: %s", stdout)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestInjectManifests runs the command on the folders of testdata/inject. What comes out is final: a second run prints it
// as it is.
func TestInjectManifests(t *testing.T) {
	folders, err := filepath.Glob("testdata/inject/*")
	if err != nil || len(folders) == 0 {
		t.Fatal(err, len(folders))
	}
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			profiles, err := filepath.Glob(dir + "/profile*.yaml")
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"inject", "-f", dir + "/in.yaml"}
			for _, profile := range profiles {
				args = append(args, "--profile", profile)
			}
			stdout, stderr, err := run(t, "", args...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, dir+"/want.yaml", addedLine.ReplaceAllString(stdout, ""))
			golden(t, dir+"/want.stderr", stderr)
			args[2] = "-"
			if again, _, err := run(t, stdout, args...); err != nil || again != stdout {
				t.Errorf("a second run: %v (-first +second):\n%s", err, cmp.Diff(stdout, again))
			}
			if diff, _, err := run(t, stdout, append(args, "--diff")...); err != nil || diff != "" {
				t.Errorf("a second run: %v: %s", err, diff)
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, path), got); diff != "" {
		t.Errorf("%s (-want +got), run with -update:\n%s", path, diff)
	}
}

// TestInjectExamples compares what the workloads of the examples get with what their pods get: the same.
func TestInjectExamples(t *testing.T) {
	diffs, err := filepath.Glob("../../../examples/*/*/out.diff")
	if err != nil || len(diffs) == 0 {
		t.Fatal(err, len(diffs))
	}
	for _, path := range diffs {
		dir := filepath.Dir(path)
		workload := filepath.Join(dir, "workload.yaml")
		if _, err := os.Stat(workload); err != nil {
			workload = filepath.Join(filepath.Dir(dir), "workload.yaml")
		}
		t.Run(dir, func(t *testing.T) {
			args := []string{"inject", "-f", workload, "--profile", filepath.Join(dir, "profile.yaml"), "--image", "registry.example.com/lighterman:0.1.0"}
			diff, _, err := run(t, "", append(args, "--diff")...)
			if err != nil {
				t.Fatal(err)
			}
			want := additions(strings.ReplaceAll(read(t, path), `"v0.1.0"`, `"`+version+`"`))
			if diff := cmp.Diff(want, additions(diff)); diff != "" {
				t.Errorf("added to the pods, and to the workloads (-pods +workloads):\n%s", diff)
			}
		})
	}
}

// sorted returns a YAML document as the golden files of the injector have it.
func sorted(t *testing.T, text string) string {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := yaml.JSONToYAML(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// addedLine is the annotation with the hashes of what is added, which the golden cases leave out.
var addedLine = regexp.MustCompile(`(?m)^ *"?lighterman\.dev/added"?: .*\n`)

// additions are the lines that a diff adds, without what depends on where they stand: indentation, dashes, order, and
// whether the list of volumes was there. The controller of StatefulSets adds the claims to it.
func additions(diff string) []string {
	var added []string
	for line := range strings.Lines(diff) {
		if text, ok := strings.CutPrefix(line, "+"); ok && !strings.HasPrefix(line, "+++") {
			if text = strings.Trim(text, " -\n"); text != "volumes:" && !strings.HasPrefix(text, injector.AnnotationAdded+":") {
				added = append(added, text)
			}
		}
	}
	slices.Sort(added)
	return added
}
