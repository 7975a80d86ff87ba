package e2e_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// The container knows nothing of Lighterman but the names that its own arguments refer to. Its token comes from the
// kubelet, its credentials from the store's token service, and the object ends up in the bucket.
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.profile(t, namespace, e.role(t, namespace))

	t.Run("a Job uploads with the role of its service account", func(t *testing.T) {
		ok, log := e.job(t, namespace, e.template(corev1.RestartPolicyNever, put("one", "by web identity")...))
		if !ok || !strings.Contains(log, "identity from WebIdentityCredentials") {
			t.Fatalf("succeeded: %v\n%s", ok, log)
		}
		if got := e.object(t, namespace, "dumps/one"); got != "by web identity" {
			t.Errorf("the object holds %q", got)
		}
	})
	t.Run("the role ends where its policy does", func(t *testing.T) {
		ok, log := e.job(t, namespace, e.template(corev1.RestartPolicyNever,
			"put", "s3://$(LIGHTERMAN_BUCKET)/elsewhere", "--from-text=x"))
		if ok || !strings.Contains(log, "AccessDenied") {
			t.Errorf("succeeded: %v\n%s", ok, log)
		}
	})
	t.Run("another service account does not get the role", func(t *testing.T) {
		template := e.template(corev1.RestartPolicyNever, put("two", "x")...)
		template.Spec.ServiceAccountName = "default"
		ok, log := e.job(t, namespace, template)
		if ok || !strings.Contains(log, "InvalidIdentityToken") {
			t.Errorf("succeeded: %v\n%s", ok, log)
		}
	})
	t.Run("a user without privileges reads the token", func(t *testing.T) {
		template := e.template(corev1.RestartPolicyNever, put("three", "as nobody")...)
		template.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](4242), RunAsNonRoot: new(true)}
		if ok, log := e.job(t, namespace, template); !ok {
			t.Fatal(log)
		}
		template.Spec.SecurityContext.FSGroup = ptr.To[int64](2000)
		template.Spec.Containers[0].Args = put("four", "as nobody, with a group")
		if ok, log := e.job(t, namespace, template); !ok {
			t.Fatal(log)
		}
	})
	t.Run("an init container is injected too", func(t *testing.T) {
		template := e.template(corev1.RestartPolicyNever, "sleep", "1ms")
		template.Spec.InitContainers = []corev1.Container{{Name: "before", Image: e.backup, Args: put("init", "before")}}
		if ok, log := e.job(t, namespace, template); !ok {
			t.Fatal(log)
		}
		if got := e.object(t, namespace, "dumps/init"); got != "before" {
			t.Errorf("the object holds %q", got)
		}
	})
}

func TestAccessKey(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	key, err := e.store.CreateUser(t.Context(), namespace, store.AllowPrefix(namespace, "dumps/", "s3:PutObject"))
	if err != nil {
		t.Fatal(err)
	}
	e.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "keys", Namespace: namespace},
		StringData: map[string]string{
			"id": key.ID, "secret": key.Secret,
			"credentials": "[default]\naws_access_key_id = " + key.ID + "\naws_secret_access_key = " + key.Secret + "\n",
		},
	})
	ref := func(name string) v1alpha1.KeyRef { return v1alpha1.KeyRef{Name: "keys", Key: name} }
	accessKey := v1alpha1.S3Auth{AccessKey: &v1alpha1.S3AccessKey{AccessKeyID: ref("id"), SecretAccessKey: ref("secret")}}
	tests := map[string]struct {
		change func(*v1alpha1.CredentialProfileSpec)
		source string // what the SDK says of its credentials
	}{
		"a key in the environment, and a CA in a Secret": {
			change: func(s *v1alpha1.CredentialProfileSpec) {
				s.S3.Auth = accessKey
				s.CABundle = &v1alpha1.CABundle{Secret: &v1alpha1.CAKeyRef{Name: "store-ca"}}
			},
			source: "identity from EnvConfigCredentials",
		},
		"a credentials file": {
			change: func(s *v1alpha1.CredentialProfileSpec) {
				file := ref("credentials")
				s.S3.Auth = v1alpha1.S3Auth{CredentialsFile: &file}
			},
			source: "identity from SharedConfigCredentials",
		},
		"a key, and a CA joined with the public roots": {
			change: func(s *v1alpha1.CredentialProfileSpec) {
				s.S3.Auth = accessKey
				s.CABundle.Mode = v1alpha1.CABundleAppend
			},
			source: "identity from EnvConfigCredentials",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e.profile(t, namespace, "", test.change)
			ok, log := e.job(t, namespace, e.template(corev1.RestartPolicyNever, put("one", name)...))
			if !ok || !strings.Contains(log, test.source) {
				t.Fatalf("succeeded: %v\n%s", ok, log)
			}
			if got := e.object(t, namespace, "dumps/one"); got != name {
				t.Errorf("the object holds %q", got)
			}
		})
	}
	t.Run("without the CA the store is not trusted", func(t *testing.T) {
		e.profile(t, namespace, "", func(s *v1alpha1.CredentialProfileSpec) { s.S3.Auth, s.CABundle = accessKey, nil })
		if ok, log := e.job(t, namespace, e.template(corev1.RestartPolicyNever, put("two", "x")...)); ok || !strings.Contains(log, "x509") {
			t.Errorf("succeeded: %v\n%s", ok, log)
		}
	})
}
