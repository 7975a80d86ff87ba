package injector

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

func FuzzAppendString(f *testing.F) {
	for _, text := range []string{"", "plain", "a\"\\<>&\n\x00\x7f\xff日本\u2028"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		expectJSON(t, appendString(nil, text), text)
	})
}

func expectJSON(t *testing.T, got []byte, value any) {
	t.Helper()
	want, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// testVars are variables of each form.
func testVars() []corev1.EnvVar {
	yes := true
	secret := func(name, key string, optional *bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: optional,
		}}
	}
	return []corev1.EnvVar{
		{},
		{Name: "A", Value: `<"$(B)">`},
		{Name: "B", ValueFrom: secret("s", "k", nil)},
		{Name: "C", ValueFrom: secret("", "", &yes)},
		{Name: "D", Value: "both", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
	}
}

// TestOutlineIsWrittenAsEncodingJSONDoes fails when Settings gets a field that the hash leaves out.
func TestOutlineIsWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	port := int32(8080)
	for name, o := range map[string]*outline{
		"empty": {Settings: &Settings{}},
		"full": {
			Profile: "CredentialProfile payments/pg",
			Settings: &Settings{Version: "v1", Image: "a", UploaderImage: "b", Cluster: profile.Cluster{
				ClusterTrustBundles: true, APIAudiences: []string{"x", "y"}, NoServiceAccountAnnotations: true,
			}},
			Annotations: []entry{{"lighterman.dev/skip-containers", "a,b"}, {"lighterman.dev/tools", "<sdk>"}},
			Sources: []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Items: []corev1.KeyToPath{{Key: "k", Path: "p"}},
			}}},
			Document: "{\n}", Label: []string{"key", "value"}, AppendCA: true, Uploader: &uploadOutline{Port: &port, Identity: "Uploader"},
		},
	} {
		reference := struct {
			Profile     string
			Settings    *Settings
			Annotations map[string]string
			Vars        []corev1.EnvVar
			Sources     []corev1.VolumeProjection
			Document    string
			Label       []string
			AppendCA    bool
			Uploader    *uploadOutline
		}{o.Profile, o.Settings, mapOf(o.Annotations), []corev1.EnvVar{}, o.Sources, o.Document, o.Label, o.AppendCA, o.Uploader}
		if name == "full" {
			for _, e := range testVars() {
				o.Vars = append(o.Vars, profile.Variable{EnvVar: e})
				reference.Vars = append(reference.Vars, e)
			}
		}
		got, err := o.appendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		expectJSON(t, got, reference)
	}
}

// TestAddedIsWrittenAsEncodingJSONDoes compares what is written with what a later pass reads.
func TestAddedIsWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	var a arena
	vars := a.hashEnv(append(testVars(), corev1.EnvVar{Name: "A", Value: "the last counts"}))
	fills := a.hashFills([]filling{{env: &testVars()[1]}, {env: &testVars()[2]}})
	meta := a.hashValues([]entry{{"z", "1"}, {"a", "2"}})
	for _, r := range []addedRecord{
		{plan: "p"},
		{plan: "p", env: []envRecord{{containers: []string{"x"}, hashes: vars}, {containers: []string{"y", "z"}, hashes: mergeEntries(vars, fills)}}},
		{plan: "<p>", labels: meta},
		{plan: "p", env: []envRecord{{containers: []string{"x"}, hashes: fills}}, labels: meta, annotations: meta[:1]},
	} {
		added := Added{Plan: r.plan, Labels: mapOf(r.labels), Annotations: mapOf(r.annotations)}
		for _, e := range r.env {
			added.Env = append(added.Env, AddedEnv{In: e.containers, Vars: mapOf(e.hashes)})
		}
		expectJSON(t, r.appendJSON(nil), added)
	}
	if len(vars) != 5 || vars[1].value != a.hashEnv([]corev1.EnvVar{{Value: "the last counts"}})[0].value {
		t.Errorf("of several entries with one name the last must count: %q", vars)
	}
}

func mapOf(entries []entry) map[string]string {
	m := make(map[string]string, len(entries))
	for _, e := range entries {
		m[e.key] = e.value
	}
	return m
}
