package profile

import (
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// TestRenderOnce counts how often the store's row is asked for its variables while the tools of a profile are checked for
// conflicts and its environment is made.
func TestRenderOnce(t *testing.T) {
	before := stores
	t.Cleanup(func() { stores = before })
	count := 0
	stores[0].env = func(e *Environment) {
		count++
		s3Env(e)
	}
	r := Resolve(&v1alpha1.CredentialProfileSpec{
		S3:    &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}},
		Tools: []v1alpha1.Tool{"restic", "rclone"},
	})
	if e, problems := r.Render(Use{}, Cluster{}); len(problems) > 0 || len(e.Vars) == 0 || count != 1 {
		t.Errorf("rendered %d times: %d variables, problems %v", count, len(e.Vars), problems)
	}
}

// TestRenderFindsConflicts holds that the problems name the tools that want different values of one variable.
func TestRenderFindsConflicts(t *testing.T) {
	r := ResolveWithTools(&v1alpha1.CredentialProfileSpec{
		S3:       &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}},
		CABundle: &v1alpha1.CABundle{ConfigMap: &v1alpha1.CAKeyRef{Name: "ca"}},
	}, []v1alpha1.Tool{"litestream", "velero"})
	_, problems := r.Render(Use{ToolsField: "metadata.annotations", Files: Files{CA: "/ca"}}, Cluster{})
	want := "metadata.annotations: litestream does not start where AWS_CA_BUNDLE is set, and velero reads the CA bundle from it: use one of them in a pod"
	if len(problems) != 1 || problems[0].String() != want || !problems[0].Unsupported {
		t.Errorf("got %v, want %s", problems, want)
	}
}

// TestResolveNothing resolves what names no store, or nothing that this version knows.
func TestResolveNothing(t *testing.T) {
	for _, spec := range []v1alpha1.CredentialProfileSpec{
		{},
		{S3: &v1alpha1.S3Store{Preset: "Tape"}},
		{Azure: &v1alpha1.AzureStore{Cloud: "AzureMoon"}},
		{GCS: &v1alpha1.GCSStore{}, Tools: []v1alpha1.Tool{"tar"}},
	} {
		r := Resolve(&spec)
		if problems := r.Check(Cluster{}); len(problems) == 0 || r.AuthMode() != "" || r.HasToken() || r.CredentialsFile() != "" {
			t.Errorf("%+v: mode %q, problems %v", spec, r.AuthMode(), problems)
		}
	}
}
