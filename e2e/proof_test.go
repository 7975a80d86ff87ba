package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/test/toolmatrix"

	"lighterman.dev/lighterman/e2e/fakecloud"
	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/debian"
	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/tools"
	"lighterman.dev/lighterman/e2e/proof"
)

// leastStored is how many bytes a backup leaves in the store at least; the files that scripts make are larger.
const leastStored = 1 << 20

// proofRun is one program with one store in one auth mode.
type proofRun struct {
	*environment
	program       *toolmatrix.Program
	proof         *toolmatrix.Proof
	mode, variant string
	namespace     string
	// cloud has the public clouds' names.
	cloud *fakecloud.Cloud
	// spec is the profile's. The store's preparation fills it in.
	spec v1alpha1.CredentialProfileSpec
	// hosts are names that the pod has to find inside the cluster.
	hosts []corev1.HostAlias
	// stored gives the size of what is in the store, as its administrator sees it.
	stored func(context.Context) (int64, error)
}

// proofStores prepare each store and auth mode for a run.
var proofStores = map[string]func(*proofRun, *testing.T){ // A table.
	"s3":    (*proofRun).s3Store,
	"azure": (*proofRun).azureStore,
	"gcs":   (*proofRun).gcsStore,
}

// TestProof runs real backup programs, which back up, delete, restore and compare with nothing but what is injected.
// docs/tools.md shows what runs here.
func TestProof(t *testing.T) {
	t.Parallel()
	e := setup(t)
	programs, _, err := proof.Programs()
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]string{}
	for i := range programs {
		if name := programs[i].Image; images[name] == "" {
			images[name] = e.proofImage(t, name)
		}
	}
	clouds := fakecloud.ForTest(t, e.target, e.store)
	for i := range programs {
		program := &programs[i]
		for j := range program.Proofs {
			p := &program.Proofs[j]
			for _, of := range p.Modes {
				t.Run(fmt.Sprintf("%s/%s/%s", program.Name, p.Store, of), func(t *testing.T) {
					t.Parallel()
					run := &proofRun{environment: e, program: program, proof: p, cloud: clouds}
					run.mode, run.variant = toolmatrix.Mode(of)
					run.run(t, images[program.Image])
				})
			}
		}
	}
}

func (r *proofRun) run(t *testing.T, image string) {
	t.Helper()
	r.prepareStore(t)
	if r.program.Tool != toolmatrix.SDK {
		r.spec.Tools = []v1alpha1.Tool{v1alpha1.Tool(r.program.Tool)}
	}
	r.profile(t, r.namespace, "", func(s *v1alpha1.CredentialProfileSpec) { *s = r.spec })
	ok, log := r.job(t, r.namespace, r.pod(t, image))
	if !ok {
		t.Fatal(log)
	}
	if said, ok := proof.SaysVersion(log, r.program.Version); !ok {
		t.Errorf("the program says that its version is %q, and program.yaml %q", said, r.program.Version)
	}
	if size, err := r.stored(t.Context()); err != nil || size < leastStored {
		t.Errorf("%d bytes are in the store: %v\n%s", size, err, log)
	}
}

// subject is who the pods' tokens say that they are.
func (r *proofRun) subject() string { return "system:serviceaccount:" + r.namespace + ":backup" }

// pod is a pod that runs the script, and brings nothing but a directory to work in.
func (r *proofRun) pod(t *testing.T, image string) corev1.PodTemplateSpec {
	t.Helper()
	script, err := proof.Script(r.program, r.proof)
	if err != nil {
		t.Fatal(err)
	}
	template := r.template(corev1.RestartPolicyNever)
	template.Spec.HostAliases = r.hosts
	template.Spec.Volumes = []corev1.Volume{{Name: "work", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	if r.program.User != 0 {
		template.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &r.program.User}
	}
	c := &template.Spec.Containers[0]
	c.Image, c.Command, c.Args = image, []string{"sh", "-euc"}, []string{script}
	c.WorkingDir = "/work"
	c.Env = []corev1.EnvVar{{Name: "HOME", Value: c.WorkingDir}}
	c.VolumeMounts = []corev1.VolumeMount{{Name: "work", MountPath: c.WorkingDir}}
	return template
}

// proofImage delivers the image that program.yaml calls so.
func (e *environment) proofImage(t *testing.T, name string) string {
	t.Helper()
	b, err := tools.NewBuilder(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	img, err := proof.Image(t.Context(), b, name)
	if release, ok := errors.AsType[*debian.ReleaseError](err); ok {
		require.Skip(t, release.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := e.target.Deliver(t.Context(), "localhost/"+name+":1", img)
	if errors.Is(err, cluster.ErrNoRepository) {
		require.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// prepare calls the preparation of the run's mode and variant.
func (r *proofRun) prepare(t *testing.T, modes map[string]func()) {
	t.Helper()
	name := r.mode
	if r.variant != "" {
		name += "+" + r.variant
	}
	prepare, ok := modes[name]
	if !ok {
		t.Fatalf("nothing prepares %s.auth.%s", r.proof.Store, name)
	}
	prepare()
}
