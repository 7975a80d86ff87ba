package e2e_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// TestDoctor runs "lighterman doctor" as a person does.
func TestDoctor(t *testing.T) {
	t.Parallel()
	e := setup(t)
	program := filepath.Join(t.TempDir(), "lighterman")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = ".." // The program is of another module.
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, test := range map[string]struct {
		injection string
		policy    func(bucket string) string
		change    func(*v1alpha1.CredentialProfileSpec)
		args      []string
		code      int
		says      []string
	}{
		"all is well": {
			policy: backups,
			says: []string{
				"ok    service-account token: of system:serviceaccount:NS:backup, for [sts.amazonaws.com]",
				"ok    token exchange: given by STS, for the role ", "ok    write: dumps/NS/lighterman-doctor-", "ok    delete: allowed",
				"ok    versioning: ", "ok    object lock: ",
			},
		},
		"a profile with an uploader that wraps": {
			policy: backups, says: []string{"ok    write: "},
			change: func(s *v1alpha1.CredentialProfileSpec) {
				s.Uploader = &v1alpha1.Uploader{Path: "/backup", Completion: "Wrap"}
			},
		},
		"the place of a workload": {
			policy: func(bucket string) string { return store.AllowBackups(bucket, "dumps/orders-db/") },
			change: func(s *v1alpha1.CredentialProfileSpec) { s.S3.Prefix = "dumps/{workload}" },
			args:   []string{"--workload=orders-db"},
			says: []string{
				"the prefix dumps/orders-db: {workload} of the profile stands for orders-db", "ok    write: dumps/orders-db/NS/lighterman-doctor-",
			},
		},
		"the place of a workload that is not named": {
			policy: func(bucket string) string { return store.AllowBackups(bucket, "dumps/orders-db/") }, code: 1,
			change: func(s *v1alpha1.CredentialProfileSpec) { s.S3.Prefix = "dumps/{workload}/{pod}" },
			says:   []string{"{workload} of the profile stands for lighterman-doctor; for another, use --workload", "FAIL  write: ", "AccessDenied"},
		},
		"a role that trusts another": {
			policy: backups, args: []string{"--serviceaccount=other"}, code: 1,
			says: []string{"FAIL  token exchange: obtain a credential: AssumeRoleWithWebIdentity: ", "check the role's trust policy", "not all is well"},
		},
		"a role that may write elsewhere": {
			policy: func(bucket string) string { return store.AllowBackups(bucket, "elsewhere/") }, code: 1,
			says: []string{"ok    token exchange: ", "FAIL  write: ", "AccessDenied", "give the identity leave"},
		},
		"a bucket that is missing": {
			policy: backups, code: 1, says: []string{"FAIL  write: ", "NoSuchBucket", "create the bucket"},
			change: func(s *v1alpha1.CredentialProfileSpec) { s.S3.Bucket = "missing" },
		},
		"a profile that is missing": {
			policy: backups, args: []string{"--profile=gp"}, code: 2,
			says: []string{`the webhook denies the pod, as it would a backup's: there is no CredentialProfile "gp" in namespace NS`},
		},
		"no profile, and none by default": {
			policy: backups, args: []string{"--profile="}, code: 2,
			says: []string{"the webhook did not inject the pod: neither --profile nor --cluster-profile is given"},
		},
		"a service account that is missing": {
			policy: backups, args: []string{"--serviceaccount=nobody"}, code: 2,
			says: []string{"there is no service account nobody in namespace NS: name the one"},
		},
		"a namespace that is missing": {
			policy: backups, args: []string{"--namespace=no-such"}, code: 2, says: []string{"there is no namespace no-such"},
		},
		"a namespace that is not opted in": {
			policy: backups, injection: "none", code: 2,
			says: []string{"the webhook did not inject the pod: namespace NS is not opted in: kubectl label namespace NS lighterman.dev/injection=enabled"},
		},
		"an image that is not there": {
			policy: backups, args: []string{"--image=127.0.0.1:1/no/such:image"}, code: 2,
			says: []string{"container doctor cannot start: ImagePullBackOff", "name another with --image"},
		},
		"a ConfigMap that is missing": {
			policy: backups, args: []string{"--timeout=6s"}, code: 2,
			change: func(s *v1alpha1.CredentialProfileSpec) { s.CABundle.ConfigMap.Name = "no-such" },
			says:   []string{"waiting: FailedMount: ", "the doctor's pod has not ended within 6s; last seen: FailedMount: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			injection := injector.InjectionEnabled
			if test.injection == "none" {
				injection = ""
			}
			namespace := e.namespace(t, injection)
			e.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: namespace}})
			role := e.store.RoleForTest(t, store.Role{
				Name: namespace, Audience: audience, Subject: "system:serviceaccount:" + namespace + ":backup", Policy: test.policy(namespace),
			})
			e.profile(t, namespace, role, func(s *v1alpha1.CredentialProfileSpec) {
				if test.change != nil {
					test.change(s)
				}
			})
			args := append([]string{
				"doctor", "--kubeconfig=" + e.target.Kubeconfig, "--namespace=" + namespace, "--profile=pg", "--serviceaccount=backup",
			}, test.args...)
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program, args...)
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run() // The exit code says it.
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.says {
				if !strings.Contains(out.String(), strings.ReplaceAll(want, "NS", namespace)) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
			var left corev1.PodList
			if err := e.client.List(t.Context(), &left, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
			for i := range left.Items {
				if left.Items[i].DeletionTimestamp == nil {
					t.Errorf("pod %s stays", left.Items[i].Name)
				}
			}
		})
	}
}
