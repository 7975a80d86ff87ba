package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
)

// run runs the program as the shell would, and gives what it wrote.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := newCommand()
	var out, errOut bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // A file of the test's own.
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

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

// TestInject runs the injector's golden cases through the command: its output is theirs, but for the version.
func TestInject(t *testing.T) {
	cases, err := filepath.Glob("injector/testdata/*/want.*")
	if err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	for _, path := range cases {
		dir, want := filepath.Dir(path), read(t, path)
		t.Run(filepath.Base(dir)+"/"+filepath.Base(path), func(t *testing.T) {
			settings := injector.Settings{ClusterTrustBundles: true}
			if text, err := os.ReadFile(dir + "/settings.yaml"); err == nil { //nolint:gosec // A file of the test's own.
				if err := yaml.Unmarshal(text, &settings); err != nil {
					t.Fatal(err)
				}
			}
			stdout, stderr, err := run(t, "", "inject", "-f", dir+"/pod.yaml", "--profile", dir+"/profile.yaml",
				"--image", "lighterman:test", fmt.Sprint("--cluster-trust-bundles=", settings.ClusterTrustBundles),
				fmt.Sprint("--annotate-service-accounts=", !settings.NoServiceAccountAnnotations))
			switch filepath.Ext(path) {
			case ".yaml":
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.ReplaceAll(want, "v0.0.0-test", version), stdout); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			case ".warnings":
				if got := strings.ReplaceAll(stderr, "Warning: ", ""); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			case ".err":
				if _, message, _ := strings.Cut(want, ": "); err == nil || err.Error()+"\n" != message {
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
	if want := "Warning: the webhook also writes, before the pod is created, what this would: " + command; err != nil || !strings.HasSuffix(stderr, want) {
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
	for _, want := range []string{"fieldOfTheFuture:\n    kept:\n    - 1.5\n    - x", "LIGHTERMAN_BUCKET"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
	if !strings.HasPrefix(stderr, "Warning: container \"dump\" takes variables from envFrom") {
		t.Errorf("standard error: %q", stderr)
	}
}

func TestInjectDiff(t *testing.T) {
	stdout, _, err := run(t, podYAML, "inject", "-f", "-", "--profile", writeFile(t, profileYAML), "--diff")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stdout, "--- pod\n+++ injected pod\n") || !strings.Contains(stdout, "\n+    - name: LIGHTERMAN_BUCKET\n") {
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
		"a workload":            {strings.Replace(podYAML, "v1\nkind: Pod", "batch/v1\nkind: Job", 1), profile, `batch/v1 "Job": only v1 Pods are supported`},
		"several documents":     {podYAML + "---\n" + podYAML, profile, "several documents"},
		"text that is not YAML": {"\tx", profile, "read -:"},
		"wrong types":           {strings.Replace(podYAML, "name: dump\n", "name: [dump]\n", 1), profile, "name"},
		"opted out":             {strings.Replace(podYAML, "{name: dump,", `{name: dump, annotations: {lighterman.dev/inject: "false"},`, 1), profile, "opts out"},
		"another profile":       {strings.Replace(podYAML, "{name: dump,", `{name: dump, annotations: {lighterman.dev/profile: x},`, 1), profile, `names CredentialProfile "x", and the file holds CredentialProfile "pg"`},
		"another namespace":     {strings.Replace(podYAML, "payments", "other", 1), profile, "serves its own namespace only"},
		"another account":       {strings.Replace(podYAML, "serviceAccountName: backup", "", 1), profile, "does not allow service account default"},
		"an unknown field":      {podYAML, writeFile(t, profileYAML+"  buckte: x\n"), `unknown field "buckte"`},
		"another kind":          {podYAML, writeFile(t, "apiVersion: lighterman.dev/v1alpha1\nkind: Profile\n"), "is not a profile"},
		"another API":           {podYAML, writeFile(t, "apiVersion: v1\nkind: Secret\n"), "it must be lighterman.dev/v1alpha1"},
		"no file":               {podYAML, "/does/not/exist", "no such file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := run(t, test.pod, "inject", "-f", "-", "--profile", test.profile)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestChartFlags parses the arguments of every rendered chart with the program's own flags.
func TestChartFlags(t *testing.T) {
	rendered, err := filepath.Glob("charts/testdata/*/want.yaml")
	if err != nil || len(rendered) == 0 {
		t.Fatal(err, len(rendered))
	}
	for _, path := range rendered {
		found := false
		for document := range strings.SplitSeq(read(t, path), "\n---\n") {
			var d appsv1.Deployment
			if err := yaml.Unmarshal([]byte(document), &d); err != nil || d.Kind != "Deployment" {
				continue
			}
			found = true
			for _, c := range d.Spec.Template.Spec.Containers {
				cmd, flags, err := newCommand().Find(c.Args)
				if err != nil || cmd.Name() != "webhook" {
					t.Fatalf("%s: %v: %v", path, c.Args, err)
				}
				if err := cmd.ParseFlags(flags); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
		if !found {
			t.Errorf("%s has no Deployment", path)
		}
	}
}

func TestWebhookRefusesBadFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--namespace is required":                 {"--certs=files", "--certs-dir=x"},
		"--log-level=loud is not a level":         {"--log-level=loud"},
		"--log-format=xml is not a format":        {"--log-format=xml"},
		"not supported in this version: --certs=": {"--namespace=x", "--certs=cert-manager"},
		"--certs=files needs --certs-dir":         {"--namespace=x", "--certs=files"},
		"--certs=embedded needs --certs-secret":   {"--namespace=x"},
	} {
		_, _, err := run(t, "", append([]string{"webhook"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

func TestBundle(t *testing.T) {
	private := read(t, "testdata/ca.crt")
	out := filepath.Join(t.TempDir(), "ca.crt")
	if _, _, err := run(t, "", "ca-bundle", "--add", writeFile(t, strings.TrimSpace(private)), "--out", out); err != nil {
		t.Fatal(err)
	}
	joined := read(t, out)
	if !strings.HasSuffix(joined, private) {
		t.Error("the added certificate is not there")
	}
	count := 0
	for rest := []byte(joined); ; count++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
	}
	if count < 100 {
		t.Errorf("%d certificates: the public roots are more than 100", count)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v: every user of the pod must be able to read it", info.Mode(), err)
	}
}

func TestBundleRefuses(t *testing.T) {
	private := read(t, "testdata/ca.crt")
	for name, test := range map[string]struct{ text, want string }{
		"no certificate":     {"hello", "holds no PEM certificate"},
		"a private key":      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "only certificates belong"},
		"garbage in a block": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1:"},
		"a second cut off":   {private + private[:len(private)/2], "what follows certificate 1 is not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "ca.crt")
			_, _, err := run(t, "", "ca-bundle", "--add", writeFile(t, test.text), "--out", out)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a file was written")
			}
		})
	}
}
