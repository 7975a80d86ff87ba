package inpod

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/uploader"
)

// TestPrefixNote checks that the doctor says whose place it looks at, where the profile's prefix has {workload}.
func TestPrefixNote(t *testing.T) {
	for workload, want := range map[string]string{"": DefaultWorkload, "orders-db": "orders-db"} {
		o := Options{Workload: workload}
		pod := dryRunPod(&o)
		if got := pod.Annotations[injector.AnnotationWorkload]; got != want {
			t.Errorf("the pod's workload is %q, want %q", got, want)
		}
		for prefix, isNoted := range map[string]bool{"": false, "payments": false, "payments/" + want: true} {
			config := uploader.Config{Prefix: prefix}
			pod.Spec.InitContainers = []corev1.Container{{
				Name: injector.UploaderContainerName, Env: []corev1.EnvVar{{Name: uploader.EnvConfig, Value: config.String()}},
			}}
			var notes strings.Builder
			o.Notes = &notes
			(&diagnosis{Options: o}).notePrefix(pod)
			if got := notes.String(); strings.Contains(got, "prefix "+prefix+":") != isNoted || (got != "") != isNoted {
				t.Errorf("workload %q, prefix %q: noted %q", workload, prefix, got)
			}
		}
	}
}

func TestWithVariables(t *testing.T) {
	config := uploader.Config{Spool: "/spool", S3: &uploader.S3{
		Bucket: "b", Auth: uploader.Auth{Mode: "accessKey", SecretsDirectory: "/var/run/secrets/lighterman.dev"},
	}}
	text, err := readSecretsFromVariables(config.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := uploader.ParseConfig(text)
	if err != nil || got.S3.Auth.SecretsDirectory != "" || got.S3.Auth.Mode != "accessKey" || got.S3.Bucket != "b" || got.Spool != "/spool" {
		t.Errorf("got %s, %v", text, err)
	}
	const later = `{"azure":{"auth":{"mode":"sasToken","new":1,"secretsDirectory":"/x"},"new":2},"new":3}`
	const want = `{"azure":{"auth":{"mode":"sasToken","new":1},"new":2},"new":3}`
	if text, err := readSecretsFromVariables(later); err != nil || text != want {
		t.Errorf("got %s, %v", text, err)
	}
	for _, wrong := range []string{"", "[]", `{"s3":1}`, `{"s3":{}}`} {
		if text, err := readSecretsFromVariables(wrong); err == nil {
			t.Errorf("%q gives %q", wrong, text)
		}
	}
}
