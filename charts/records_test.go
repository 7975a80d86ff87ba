package charts_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"lighterman.dev/lighterman/injector"
)

// testRecords creates pods as they are after every mutating webhook.
func (c *cluster) testRecords(t *testing.T) {
	const asks = "lighterman.dev/profile=pg"
	recorded := func(record string, annotations ...string) *corev1.Pod {
		return pod(append(annotations, injector.AnnotationInjected+"="+record)...)
	}
	emptied := injected(pod(asks))
	emptied.Spec.Volumes = []corev1.Volume{{Name: injector.VolumeName}}
	const lost, notSent, rewritten, unseen = "some other webhook removed it", "this pod does not reach it",
		"is not in the form in which Lighterman writes it", "Lighterman was not asked about it"
	tests := map[string]struct {
		in        *corev1.Pod
		namespace string
		want      string // in the denial; empty: it is admitted
	}{
		"injected, with its volume":                 {injected(pod(asks), "data", injector.VolumeName), "enabled", ""},
		"injected without a volume":                 {recorded(record, asks), "enabled", ""},
		"injected by a selector":                    {recorded(record), "selected", ""},
		"not injected, as no selector matched":      {pod(), "selected", ""},
		"injected, and lost its volume":             {injected(pod(asks)), "enabled", lost},
		"injected, and kept only another volume":    {injected(pod(asks), "data"), "enabled", lost},
		"injected, and has an empty volume instead": {emptied, "enabled", lost},
		"without a record":                          {pod(asks), "enabled", unseen},
		"without a record, for a cluster profile":   {pod("lighterman.dev/cluster-profile=pg"), "selected", unseen},
		"a record and no profile":                   {recorded(record), "enabled", notSent},
		"a record where nobody opted in":            {injected(pod(asks), injector.VolumeName), "plain", notSent},
		"a record where the label is misspelt":      {recorded(record, asks), "misspelt", notSent},
		"a record, and opts out":                    {recorded(record, asks, "lighterman.dev/inject=false"), "enabled", notSent},
	}
	for name, forged := range map[string]string{
		"empty": "", "an empty object": "{}", "no JSON": "yes",
		"a space":                 `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","volume" :true}`,
		"a space at the end":      record + " ",
		"a line":                  record + "\n",
		"two":                     record + record,
		"an escape":               `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","\u0076olume":true}`,
		"another order":           `{"kind":"CredentialProfile","profile":"p/pg","version":"v1"}`,
		"a field more":            `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","volume":true,"volume":false}`,
		"a field of another case": `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","Volume":true}`,
		"another kind":            `{"profile":"p/pg","kind":"Secret","version":"v1"}`,
		"a value in a string":     `{"profile":"p/\"volume\":true","kind":"CredentialProfile","version":"v1"}`,
		"just a volume":           `{"volume" :true}`,
	} {
		tests["a forged record: "+name] = struct {
			in        *corev1.Pod
			namespace string
			want      string
		}{recorded(forged, asks), "enabled", rewritten}
	}
	c.failOpen(t)
	for name, test := range tests {
		err := c.create(t.Context(), test.namespace, test.in)
		if (err != nil) != (test.want != "") || err != nil && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	for _, record := range programRecords(t) {
		in := injected(pod(asks), injector.VolumeName)
		in.Annotations[injector.AnnotationInjected] = record
		always := corev1.ContainerRestartPolicyAlways
		in.Spec.InitContainers = []corev1.Container{{Name: "lighterman-uploader", Image: "u:1", RestartPolicy: &always}}
		if err := c.create(t.Context(), "enabled", in); err != nil {
			t.Errorf("%s: %v", record, err)
		}
	}
	c.warnings.Take() // Of the pods in namespaces that are not opted in.
}

// programRecords returns records as the program writes them: with each field set alone, with all, and with none.
func programRecords(t *testing.T) []string {
	t.Helper()
	none := injector.Record{Profile: "payments/pg", Kind: "CredentialProfile", Version: "v0.1.0-3-gabc+dirty"}
	all := none
	records := []injector.Record{none, {Profile: "pg", Kind: "ClusterCredentialProfile", Version: "dev"}}
	for i := range reflect.TypeFor[injector.Record]().NumField() {
		if !reflect.ValueOf(none).Field(i).IsZero() {
			continue
		}
		alone := none
		for _, r := range []*injector.Record{&alone, &all} {
			switch field := reflect.ValueOf(r).Elem().Field(i); field.Kind() { //nolint:exhaustive // The default fails.
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Int64:
				field.SetInt(12)
			case reflect.String:
				field.SetString("0f1c-6")
			default:
				t.Fatalf("injector.Record has a field of kind %s: does the policy take it?", field.Kind())
			}
		}
		records = append(records, alone)
	}
	var texts []string
	for _, r := range append(records, all) {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}
