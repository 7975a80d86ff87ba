package injector_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

// asStored gives a pod what the API server fills in before webhooks see it, as far as it matters here.
func asStored(t *testing.T, raw []byte) []byte {
	t.Helper()
	pod := podtest.Decode(t, raw).(map[string]any)
	spec := pod["spec"].(map[string]any)
	if spec["terminationGracePeriodSeconds"] == nil {
		spec["terminationGracePeriodSeconds"] = json.Number("30")
	}
	return podtest.Marshal(t, pod)
}

// running gives a pod what the control plane and the node add to one that runs.
func running(t *testing.T, raw []byte) []byte {
	t.Helper()
	pod := podtest.Decode(t, raw).(map[string]any)
	pod["status"] = map[string]any{"phase": "Running"}
	spec := pod["spec"].(map[string]any)
	spec["nodeName"], spec["priority"] = "node-1", 0
	volumes, _ := spec["volumes"].([]any)
	spec["volumes"] = append(volumes, map[string]any{"name": "kube-api-access-x7k2p", "projected": map[string]any{"sources": []any{}}})
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			container := c.(map[string]any)
			mounts, _ := container["volumeMounts"].([]any)
			container["volumeMounts"] = append(mounts, map[string]any{
				"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true,
			})
		}
	}
	return podtest.Marshal(t, pod)
}

// restored gives a pod that ran as Velero creates it anew: without status, node and the token of the API server
// (github.com/vmware-tanzu/velero v1.17 pkg/restore/actions/pod_action.go), under a label of Velero's.
func restored(t *testing.T, raw []byte, namespace string) []byte {
	t.Helper()
	pod := podtest.Decode(t, raw).(map[string]any)
	delete(pod, "status")
	pod["metadata"].(map[string]any)["namespace"] = namespace
	spec := pod["spec"].(map[string]any)
	delete(spec, "nodeName")
	delete(spec, "priority")
	isToken := func(item any) bool {
		return strings.HasPrefix(item.(map[string]any)["name"].(string), "kube-api-access")
	}
	volumes, _ := spec["volumes"].([]any)
	spec["volumes"] = slices.DeleteFunc(volumes, isToken)
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			container := c.(map[string]any)
			mounts, _ := container["volumeMounts"].([]any)
			container["volumeMounts"] = slices.DeleteFunc(mounts, isToken)
		}
	}
	return podtest.Marshal(t, pod)
}

// checkRestored injects a pod with a profile, restores it in a namespace, and injects it with another profile. It must
// become what the other profile makes of the pod that never was injected. It reports whether both were admitted.
func checkRestored(t *testing.T, original []byte, first, second *profile.Profile, namespace string) (admitted bool) {
	t.Helper()
	original = asStored(t, original)
	before, err := injector.Inject(parse(t, original), first, settings)
	if err != nil {
		return false // There is nothing to restore.
	}
	again := restored(t, running(t, podtest.Apply(t, original, before.Operations)), namespace)
	bare := restored(t, running(t, original), namespace)
	want, wantErr := injector.Inject(parse(t, bare), second, settings)
	got, gotErr := injector.Inject(parse(t, again), second, settings)
	if reasonOf(gotErr) != reasonOf(wantErr) {
		t.Errorf("the restored pod: %v; the pod that never was injected: %v", gotErr, wantErr)
		return false
	}
	if wantErr != nil {
		return false
	}
	after := podtest.Apply(t, again, got.Operations)
	if diff := cmp.Diff(compact(podtest.Decode(t, podtest.Apply(t, bare, want.Operations))), compact(podtest.Decode(t, after))); diff != "" {
		t.Errorf("the restored pod differs from the pod that never was injected (-want +got):\n%s", diff)
	}
	third, err := injector.Inject(parse(t, after), second, settings)
	if err != nil || len(third.Operations) > 0 {
		t.Errorf("another pass: %s, %v", podtest.Marshal(t, third.Operations), err)
	}
	return true
}

func reasonOf(err error) injector.Reason {
	if denied, ok := errors.AsType[*injector.DeniedError](err); ok {
		return denied.Reason
	}
	if err != nil {
		return injector.Reason(err.Error())
	}
	return ""
}

// compact leaves out texts, lists and maps that are empty: to the API server they are absent.
func compact(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			switch inner := compact(inner).(type) {
			case nil:
				delete(v, key)
			case string:
				if inner == "" {
					delete(v, key)
				}
			case []any:
				if v[key] = inner; len(inner) == 0 {
					delete(v, key)
				}
			case map[string]any:
				if v[key] = inner; len(inner) == 0 && key != "emptyDir" {
					delete(v, key)
				}
			}
		}
	case []any:
		for i := range v {
			v[i] = compact(v[i])
		}
	}
	return value
}

const restoredPod = `
metadata: {name: r, namespace: operators-a, annotations: {lighterman.dev/profile: rst}}
spec:
  restartPolicy: Never
  serviceAccountName: backup
  initContainers:
  - {name: wait, image: x, command: [wait]}
  containers:
  - name: dump
    image: x
    command: [sh, -c, "true"]
    env: [{name: AWS_REGION, value: eu-west-1}, {name: PGUSER, value: backup}]
  - {name: metrics, image: x, command: [exporter]}
`

// restoredSpecs are generations of one profile. The first container's own region is that of the first.
var restoredSpecs = map[string]string{
	"web identity":      `{s3: {bucket: pg-backups, prefix: p, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/one"}}}}`,
	"another role":      `{s3: {bucket: pg-backups, prefix: p, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/two"}}}}`,
	"second role":       `{s3: {bucket: pg-backups, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/one", assumeRole: {roleARN: "arn:aws:iam::444455556666:role/x", externalID: acme}}}}}`,
	"second role, else": `{s3: {bucket: pg-backups, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/one", assumeRole: {roleARN: "arn:aws:iam::777788889999:role/x"}}}}, tools: [restic]}`,
	"another bucket":    `{s3: {bucket: new-bucket, prefix: q, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/one"}}}}`,
	"another region":    `{s3: {bucket: pg-backups, prefix: p, region: us-east-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/one"}}}}`,
	"another audience":  `{s3: {bucket: pg-backups, prefix: p, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/one", audience: minio}}}}`,
	"access key":        `{s3: {bucket: pg-backups, region: eu-west-1, auth: {accessKey: {accessKeyID: {name: a, key: i}, secretAccessKey: {name: a, key: s}}}}}`,
	"pod identity":      `{s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}, env: [{name: HTTPS_PROXY, value: "http://proxy:1"}]}`,
	"node's role":       `{s3: {bucket: pg-backups, region: eu-west-1, auth: {ambient: {}}}}`,
	"tools":             `{s3: {bucket: pg-backups, region: eu-west-1, auth: {accessKey: {accessKeyID: {name: a, key: i}, secretAccessKey: {name: a, key: s}}}}, tools: [restic, rclone, wal-g]}`,
	"placeholders":      `{s3: {bucket: pg-backups, prefix: "{namespace}/{workload}/{pod}", region: eu-west-1, auth: {podIdentity: {}}}, tools: [wal-g, pgbackrest]}`,
	"tools' identity":   `{s3: {bucket: pg-backups, prefix: "{workload}", region: eu-west-1, auth: {podIdentity: {}}}, tools: [wal-g, pgbackrest], toolOptions: {location: Omit}}`,
	"literals":          `{s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}, env: [{name: PGUSER, value: other}, {name: PLACE, value: "$(AWS_REGION)"}, {name: PGAPPNAME, value: x}]}`,
	"CA":                `{s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}, caBundle: {configMap: {name: ca}}}`,
	"bucket of a map":   `{s3: {bucketFrom: {configMap: {name: pg, key: BUCKET_NAME}}, region: eu-west-1, auth: {podIdentity: {}}}, tools: [restic]}`,
	"bucket of a key":   `{s3: {bucketFrom: {secret: {name: pg, key: bucket}}, region: eu-west-1, auth: {podIdentity: {}}}, tools: [restic]}`,
	"appended CA":       `{s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}, caBundle: {configMap: {name: ca}, mode: Append}}`,
	"drain":             `{s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}, uploader: {path: /backup}}`,
	"wrap":              `{s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}, uploader: {path: /backup, completion: Wrap, drainTimeoutSeconds: 60}}`,
	"wrap, role":        `{s3: {bucket: pg-backups, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/two"}}}, uploader: {path: /dumps, completion: Wrap}}`,
	"wrap, for all":     `{s3: {bucket: pg-backups, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/two"}}}, uploader: {path: /backup, completion: Wrap, identity: Containers}}`,
	"Azure":             `{azure: {storageAccount: backups, container: pg, auth: {workloadIdentity: {clientID: 11111111-1111-1111-1111-111111111111, tenantID: 22222222-2222-2222-2222-222222222222}}}}`,
	"Azure, bound":      `{azure: {storageAccount: backups, container: pg, auth: {podIdentityBinding: rok}}}`,
	"Azure, else bound": `{azure: {storageAccount: backups, container: pg, auth: {podIdentityBinding: other}}}`,
	"Google":            `{gcs: {bucket: pg-backups, auth: {workloadIdentityFederation: {audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b"}}}}`,
	"Google, else":      `{gcs: {bucket: pg-backups, auth: {workloadIdentityFederation: {audience: "//iam.googleapis.com/projects/2/locations/global/workloadIdentityPools/a/providers/b"}}}}`,
}

func restoredProfile(t *testing.T, spec, namespace string) *profile.Profile {
	t.Helper()
	profile, err := profile.Parse([]byte("{apiVersion: lighterman.dev/v1alpha1, kind: CredentialProfile, metadata: {name: rst, namespace: " +
		namespace + "}, spec: " + spec + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// TestRestored restores a pod after its profile has changed from each generation to each other, in its own namespace and in
// another that has a profile of the same name.
func TestRestored(t *testing.T) {
	t.Parallel()
	raw, err := yaml.YAMLToJSON([]byte(restoredPod))
	if err != nil {
		t.Fatal(err)
	}
	for from, first := range restoredSpecs {
		for to, second := range restoredSpecs {
			for _, namespace := range []string{"operators-a", "operators-b"} {
				t.Run(from+"/"+to+"/"+namespace, func(t *testing.T) {
					t.Parallel()
					if !checkRestored(t, raw, restoredProfile(t, first, "operators-a"), restoredProfile(t, second, namespace), namespace) {
						t.Error("the pod was denied")
					}
				})
			}
		}
	}
}

// TestRestoredGoldenCases does the same with the pods and profiles of the golden cases.
func TestRestoredGoldenCases(t *testing.T) {
	t.Parallel()
	var pods [][]byte
	var profiles []*profile.Profile
	eachProfile(t, func(t *testing.T, profile *profile.Profile) {
		t.Helper()
		profiles = append(profiles, profile)
		_, name, _ := strings.Cut(t.Name(), "/")
		raw, err := yaml.YAMLToJSON(read(t, filepath.Join("testdata", name), "pod.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if parse(t, raw).Metadata.Annotations[injector.AnnotationInjected] != "" {
			raw = []byte{} // Not a pod that never was injected.
		}
		// An entry that refers to an empty one is filled in too, and is empty when that is taken back.
		pods = append(pods, bytes.ReplaceAll(raw, []byte("$(KEY)"), nil))
	})
	admitted := 0
	for i, raw := range pods {
		if len(raw) == 0 {
			continue
		}
		for _, step := range []int{0, 1, 7, 31, 101} {
			j := (i + step) % len(profiles)
			if checkRestored(t, raw, profiles[i], profiles[j], "elsewhere") {
				admitted++
			}
			if t.Failed() {
				t.Fatalf("pod %d and its profile %s, restored with profile %d", i, podtest.Marshal(t, profiles[i].Spec), j)
			}
		}
	}
	if admitted < 2*len(pods) {
		t.Errorf("%d restored pods were admitted: the test has become empty", admitted)
	}
}
