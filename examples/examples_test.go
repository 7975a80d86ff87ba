package examples_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

var update = flag.Bool("update", false, "rewrite out.diff and out.warnings")

var settings = injector.Settings{
	Version: "v0.1.0", Image: "registry.example.com/lighterman:0.1.0", UploaderImage: "registry.example.com/lighterman-uploader:0.1.0",
	Cluster: profile.Cluster{ClusterTrustBundles: true},
}

// systems are those whose users must find their set-up, with its variants; "." is the system's own folder.
var systems = map[string][]string{
	"argo-workflows": {"."},
	"barman-cloud": {
		"azure-account-key", "azure-connection-string", "azure-default-credential", "azure-managed-identity", "azure-sas-token",
		"azure-workload-identity", "gcs", "s3",
	},
	// One for each section of the plugin's page on object stores.
	"cloudnative-pg": {
		"azure-account-key", "azure-connection-string", "azure-default-credential", "azure-emulator", "azure-managed-identity",
		"azure-sas-token", "azure-workload-identity", "gcs-gke-workload-identity", "gcs-service-account-key", "s3-access-keys",
		"s3-digitalocean", "s3-irsa", "s3-linode", "s3-minio-gateway", "s3-private-ca",
	},
	"crunchy-postgres":   {"."},
	"etcd-druid":         {"."},
	"k8up":               {"."},
	"kanister":           {"."},
	"kannika":            {"sas-token", "service-account"},
	"kopia":              {"azure-workload-identity", "gcs", "s3"},
	"mariadb-operator":   {"."},
	"percona-mongodb":    {"."},
	"percona-postgresql": {"."},
	"percona-xtradb":     {"."},
	"pgbackrest":         {"azure", "gcs", "s3"},
	"postgresql-dump":    {"."},
	"postgresql-wal":     {"."},
	"rclone":             {"azure", "gcs", "s3"},
	"restic":             {"azure", "gcs", "s3"},
	"rok":                {"s3proxy", "s3proxy-account-key", "s3proxy-client", "verify-storage-access"},
	"strimzi":            {"."},
	"velero":             {"azure", "gcs", "s3", "s3-b2"},
	"volsync":            {"rclone", "restic"},
	"wal-g":              {"azure", "gcs", "s3"},
	"zalando":            {"irsa", "minio"},
}

// TestSystems compares the folders with the list, and the list with the index.
func TestSystems(t *testing.T) {
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "profile.yaml" {
			system, variant, nested := strings.Cut(filepath.Dir(path), "/")
			if !nested {
				variant = "."
			}
			found[system] = append(found[system], variant)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(systems, found); diff != "" {
		t.Errorf("the folders with a profile.yaml (-want +got):\n%s", diff)
	}
	index := string(read(t, "README.md"))
	for system, variants := range systems {
		if !strings.Contains(index, "("+system+"/README.md)") {
			t.Errorf("README.md has no link to %s/README.md", system)
		}
		readme := string(read(t, filepath.Join(system, "README.md")))
		for _, variant := range variants {
			if variant != "." && !strings.Contains(readme, "("+variant+"/") {
				t.Errorf("%s/README.md has no link to %s", system, variant)
			}
		}
	}
}

// TestFiles looks for files that nothing reads: a misspelt one would be left out silently.
func TestFiles(t *testing.T) {
	known := []string{"README.md", "profile.yaml", "workload.yaml", "secret.yaml", "operator.yaml", "restore.yaml", "out.diff", "out.warnings"}
	for system := range systems {
		err := filepath.WalkDir(system, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !slices.Contains(known, d.Name()) {
				t.Errorf("%s: no test reads a file of that name", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRender injects the pods of every example, and compares what comes out with out.diff and out.warnings.
func TestRender(t *testing.T) {
	eachExample(t, func(t *testing.T, e *example) {
		t.Helper()
		if problems := profile.Check(e.profile.Spec, settings.Cluster); len(problems) > 0 {
			t.Fatalf("the profile is not accepted: %v", problems)
		}
		if len(e.pods) == 0 {
			t.Fatal("no workload with pods")
		}
		var diffs, warnings strings.Builder
		for _, p := range e.pods {
			e.checkAsked(t, p)
			injected := e.inject(t, p)
			diffs.WriteString(p.diff(t, injected))
			for _, warning := range injected.warnings {
				warnings.WriteString(p.title() + ": " + warning + "\n")
			}
		}
		compare(t, filepath.Join(e.dir, "out.diff"), diffs.String())
		compare(t, filepath.Join(e.dir, "out.warnings"), warnings.String())
	})
}

// checkAsked fails the test unless the cluster's webhook would inject the pod with the example's profile.
func (e *example) checkAsked(t *testing.T, p *pod) {
	t.Helper()
	label := ""
	for _, o := range e.objects {
		if o.GetKind() == "Namespace" && o.GetName() == p.parsed.Metadata.Namespace {
			label = o.GetLabels()[injector.NamespaceLabel]
		}
	}
	ref, err := resolve.RefFrom(p.parsed.Metadata.Annotations, "the pod")
	if err != nil {
		t.Fatal(err)
	}
	named := resolve.Ref{Kind: e.profile.Kind, Name: e.profile.Name}
	byAnnotation := ref == named && (label == injector.InjectionEnabled || label == injector.InjectionSelected)
	bySelector := ref == resolve.Ref{} && label == injector.InjectionSelected && e.profile.Selects(p.parsed.Metadata.Labels, p.parsed.ServiceAccount())
	if !byAnnotation && !bySelector {
		t.Errorf("%s asks for %q, in a namespace labelled %q: nothing injects it with %s", p.title(), ref.Name, label, e.profile)
	}
	if e.profile.Kind == v1alpha1.KindCredentialProfile && e.profile.Namespace != p.parsed.Metadata.Namespace {
		t.Errorf("%s is in namespace %q, the profile in %q", p.title(), p.parsed.Metadata.Namespace, e.profile.Namespace)
	}
	if err := resolve.CheckServiceAccount(e.profile, p.parsed.ServiceAccount()); err != nil {
		t.Error(err)
	}
}

// compare compares a file with text; no text: there must be no file.
func compare(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		err := os.RemoveAll(path)
		if text != "" {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(there), text); diff != "" {
		t.Errorf("%s (-want +got), run with -update:\n%s", path, diff)
	}
}
