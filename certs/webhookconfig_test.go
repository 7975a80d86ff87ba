package certs

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPatch(t *testing.T) {
	now := noon()
	ca := newTestCA(t, caCommonName, now.Add(-time.Hour), now.Add(time.Hour))
	object := func(annotation string, bundles ...string) *admissionregistrationv1.MutatingWebhookConfiguration {
		o := &admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "lighterman", UID: "u", ResourceVersion: "7"},
		}
		if annotation != "" {
			o.Annotations = map[string]string{annotation: "x"}
		}
		for i, bundle := range bundles {
			o.Webhooks = append(o.Webhooks, admissionregistrationv1.MutatingWebhook{
				Name:         string(rune('a' + i)),
				ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: []byte(bundle)},
			})
		}
		return o
	}
	tests := map[string]struct {
		in          *admissionregistrationv1.MutatingWebhookConfiguration
		wanted      []*x509.Certificate
		wantChanged []string
		wantErr     string
	}{
		"all webhooks are filled":              {object("", "", ""), []*x509.Certificate{ca.Certificate}, []string{"a", "b"}, ""},
		"only what differs is written":         {object("", ca.pem(), ""), []*x509.Certificate{ca.Certificate}, []string{"b"}, ""},
		"nothing differs":                      {object("", ca.pem()), []*x509.Certificate{ca.Certificate}, nil, ""},
		"without a CA, garbage is not touched": {object("", "garbage"), nil, nil, ""},
		"no webhooks":                          {object(""), []*x509.Certificate{ca.Certificate}, nil, "has no webhooks"},
		"cainjector: by Certificate":           {object("cert-manager.io/inject-ca-from", ""), []*x509.Certificate{ca.Certificate}, nil, "remove the annotation"},
		"cainjector: by Secret":                {object("cert-manager.io/inject-ca-from-secret", ""), []*x509.Certificate{ca.Certificate}, nil, "cainjector"},
		"cainjector: of the API server":        {object("cert-manager.io/inject-apiserver-ca", ""), []*x509.Certificate{ca.Certificate}, nil, "inject-apiserver-ca"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &webhookConfig{prefix: testPrefix}
			patch, err := c.buildPatch(test.in, now, "", test.wanted)
			if got := fmt.Sprint(err); test.wantErr != "" && !strings.Contains(got, test.wantErr) || test.wantErr == "" && err != nil {
				t.Errorf("error = %s, want %q", got, test.wantErr)
			}
			if test.wantChanged == nil {
				if patch != nil {
					t.Errorf("patch = %s, want none", patch)
				}
				return
			}
			checkPatch(t, patch, test.wantChanged, ca.pem())
		})
	}
}

// checkPatch checks that patch sets the caBundle of the named webhooks, on the object that was read.
func checkPatch(t *testing.T, patch []byte, names []string, bundle string) {
	t.Helper()
	var got admissionregistrationv1.MutatingWebhookConfiguration
	if err := json.Unmarshal(patch, &got); err != nil {
		t.Fatal(err)
	}
	want := admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: "7"}}
	for _, name := range names {
		want.Webhooks = append(want.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name: name, ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: []byte(bundle)},
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
}

func TestManagers(t *testing.T) {
	at := func(manager string, minute int, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Time: &metav1.Time{Time: noon().Add(time.Duration(minute) * time.Minute)},
			FieldsV1: metav1.NewFieldsV1(fields),
		}
	}
	const caBundle = `{"f:webhooks":{"k:{\"name\":\"a\"}":{"f:clientConfig":{"f:caBundle":{}}}}}`
	object := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{
		ManagedFields: []metav1.ManagedFieldsEntry{
			at("helm", 1, `{"f:webhooks":{}}`), at("kubectl-edit", 3, caBundle), at(fieldManager, 2, caBundle),
			{Manager: "bare"},
			at(fieldManager, 5, caBundle),
		},
	}}
	if got, want := lastWrite(object), noon().Add(5*time.Minute); !got.Equal(want) {
		t.Errorf("lastWrite = %v, want %v", got, want)
	}
	if diff := cmp.Diff([]string{"kubectl-edit"}, otherManagers(object)); diff != "" {
		t.Errorf("otherManagers (-want +got):\n%s", diff)
	}
	if got := lastWrite(&admissionregistrationv1.MutatingWebhookConfiguration{}); !got.IsZero() {
		t.Errorf("lastWrite of an object that nobody wrote = %v", got)
	}
}
