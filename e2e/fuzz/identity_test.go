package fuzz

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"

	"lighterman.dev/lighterman/e2e/oracle"
)

var (
	identities    = flag.Int("identities", 20000, "how many pods TestIdentityOfManyPods injects")
	firstIdentity = flag.Int("first-identity", 0, "the seed of the first of them")
)

func FuzzIdentity(f *testing.F) {
	for seed := range 32 {
		f.Add(bytesOf(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var found tally
		checkIdentities(t, data, &found)
		for _, problem := range found.problems {
			t.Error(problem)
		}
	})
}

// TestIdentityOfManyPods asks the oracle, for pods that are always the same, which identity their containers take.
func TestIdentityOfManyPods(t *testing.T) {
	start, total := time.Now(), tally{}
	for seed := range *identities {
		checkIdentities(t, bytesOf(*firstIdentity+seed), &total)
	}
	for _, kind := range slices.Sorted(maps.Keys(total.problems)) {
		t.Error(total.problems[kind])
	}
	t.Logf("%d pods in %s: %d injected, with %d containers in %d worlds", *identities, time.Since(start).Round(time.Second),
		total.injected, total.containers, total.worlds)
	for _, key := range slices.Sorted(maps.Keys(total.counts)) {
		t.Logf("%s: %d", key, total.counts[key])
	}
	if total.injected < *identities/4 {
		t.Errorf("%d of %d pods were injected: the test has become empty", total.injected, *identities)
	}
}

// tally counts what became of pods.
type tally struct {
	injected, containers, worlds int
	counts                       map[string]int
	// problems has one for each kind.
	problems map[string]string
}

func (c *tally) count(key string) {
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[key]++
}

// judged is one container of a pod that was injected.
type judged struct {
	total         *tally
	complain      func(format string, args ...any)
	profile       *v1alpha1.CredentialProfile
	store         string
	before, after *corev1.Container
	files         oracle.Files
	warned        bool // a warning names the container
	writes        bool // it only writes files, and the uploader has the identity
	bad           bool
	// bare returns the container as it is injected when it sets nothing itself.
	bare func() *corev1.Container
}

// checkIdentities makes a pod and a profile of data, and checks who the pod's containers are.
func checkIdentities(t *testing.T, data []byte, total *tally) {
	t.Helper()
	s := newSource(data)
	prof := s.soundProfile()
	store := storeName(&prof.Spec)
	pod := s.identityPod(store)
	rawPod, rawProfile := podtest.Marshal(t, pod), podtest.Marshal(t, prof)
	complain := func(format string, args ...any) {
		t.Helper()
		what := fmt.Sprintf(format, args...)
		kind, _, _ := strings.Cut(what, ":")
		kind = fmt.Sprintf("problem: %s %s: %s", store, profile.AuthMode(&prof.Spec), kind)
		if total.count(kind); total.counts[kind] > 1 {
			return
		}
		if total.problems == nil {
			total.problems = map[string]string{}
		}
		total.problems[kind] = fmt.Sprintf("%s: %s\nthe bytes %q give the pod:\n%s\nand the profile:\n%s", kind, what, data,
			text(t, rawPod), text(t, rawProfile))
	}
	parsed, err := profile.Parse(rawProfile)
	if err != nil {
		t.Fatal(err)
	}
	injectOne := func(raw []byte) (injector.Result, error) {
		p, err := injector.ParsePod(raw)
		if err != nil {
			return injector.Result{}, err
		}
		return injector.Inject(p, parsed, settings)
	}
	result, err := injectOne(rawPod)
	if denied, ok := errors.AsType[*injector.DeniedError](err); ok {
		total.count("denied: " + string(denied.Reason))
		if denied.Reason == "" || len(denied.Problems) == 0 || strings.TrimSpace(denied.Problems[0]) == "" {
			complain("the denial says nothing: %#v", denied)
		}
		if _, bareErr := injectOne(podtest.Marshal(t, bare(pod))); bareErr == nil && saysNothing(pod) {
			complain("variables that say nothing deny the pod: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("neither a patch nor a denial: %v", err)
	}
	patched := podtest.Apply(t, rawPod, result.Operations)
	if second, err := injectOne(patched); err != nil || len(second.Operations) > 0 {
		complain("a second pass adds: %s, %v", podtest.Marshal(t, second.Operations), err)
	}
	var after corev1.Pod
	if err := json.Unmarshal(patched, &after); err != nil {
		t.Fatalf("the injected pod cannot be read: %v", err)
	}
	total.injected++
	original := containers(pod)
	meant, recipient := chosen(pod, &after), recipients(pod, &after, parsed)
	for name, c := range containers(&after) {
		if original[name] == nil || !meant(name) {
			continue
		}
		j := &judged{
			total: total, complain: complain, writes: !recipient(name), profile: prof, store: store, before: original[name], after: c, files: filesOf(&after, c),
			warned: slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.Contains(w, fmt.Sprintf("container %q", name)) }),
			bare: sync.OnceValue(func() *corev1.Container {
				result, err := injectOne(podtest.Marshal(t, bare(pod)))
				if err != nil {
					return &corev1.Container{}
				}
				var after corev1.Pod
				if err := json.Unmarshal(podtest.Apply(t, podtest.Marshal(t, bare(pod)), result.Operations), &after); err != nil {
					t.Fatal(err)
				}
				return containers(&after)[name]
			}),
		}
		total.containers++
		s.worlds(j.after, unknowns(j.before, store), j.check)
	}
}

// bare is the pod without variables of its own.
func bare(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	for _, c := range containers(pod) {
		c.Env, c.EnvFrom = nil, nil
	}
	return pod
}

// oracles say who a container is to the programs of a store.
var oracles = map[string]func(oracle.Env, oracle.Files) oracle.Taken{
	"s3": oracle.AWS, "azure": oracle.AzureStorage, "gcs": oracle.Google,
}

// check holds what must be so in every world.
func (j *judged) check(w oracle.World, emptied bool) {
	if j.bad {
		return // One world is enough to read.
	}
	j.total.worlds++
	env, err := oracle.Effective(j.after, w)
	if err != nil {
		return // The kubelet does not start the container.
	}
	t := oracles[j.store](env, j.files)
	whose := j.whose(t, env, w)
	complain := func(what string) {
		j.bad = true
		j.complain("%s: %s, %+v, with %v in %v", what, j.after.Name, t, env.Values(), w)
	}
	switch {
	case j.writes:
		if len(t.Vars) > 0 && whose != "its own" {
			complain("a container that only writes files opens the store")
		}
		if j.store == "s3" && whose == "the node's" && !j.mayBeNode(env) {
			complain("a container that only writes files takes the identity of the node")
		}
	case emptied && j.store != "s3":
		// Nobody can see an empty key in a Secret, and these SDKs have no switch that shuts the node alone.
		j.total.count(fmt.Sprintf("where required keys are empty: %s, %s, %s", j.store, t.Kind, whose))
		return
	case whose == "nobody's":
		if !emptied && !j.mayFail(env) {
			complain("a container has no identity")
		}
	case whose == "the node's":
		if !j.mayBeNode(env) {
			complain("a container takes the identity of the node")
		}
	case whose == "a mixture" && j.sets(env, "AZURE_TOKEN_CREDENTIALS") && isTokenOfWebhook(env.Get("AZURE_FEDERATED_TOKEN_FILE")):
		// The user opens the chain, and Azure's webhook came without a client: the token is that of the pod's account, and the client
		// the profile's.
	case whose == "a mixture":
		complain("a container mixes identities")
	case whose == "the profile's" && t.Kind == oracle.WebIdentity && j.assumesRole() && env.Get("RESTIC_AWS_ASSUME_ROLE_ARN") == "":
		complain("a container acts as the first role alone")
	case whose == "its own" && !j.warned && !j.inherits():
		complain("a container keeps its own identity, and no warning says so")
	}
	key := fmt.Sprintf("taken: %s, %s, %s", j.store, t.Kind, whose)
	if j.writes {
		key += ", beside an uploader"
	}
	j.total.count(key)
}

// whose says to whom the parts of an identity belong. A value that the profile injects, too, is anybody's.
func (j *judged) whose(t oracle.Taken, env oracle.Env, w oracle.World) string {
	switch {
	case t.Kind == oracle.Failed:
		return "nobody's"
	case t.Kind == oracle.Node && len(t.Vars) == 0:
		return "the node's"
	}
	parts := t.Vars
	if t.Kind == oracle.StorageKey && env.Get("AZURE_STORAGE_ACCOUNT") != "" && parts[0] != "AZURE_STORAGE_CONNECTION_STRING" {
		parts = append(slices.Clone(parts), "AZURE_STORAGE_ACCOUNT")
	}
	var own, profiles []string
	for _, name := range parts {
		switch {
		case !j.isOwn(env[name]):
			profiles = append(profiles, name)
		default:
			own = append(own, name)
		}
	}
	if len(own) > 0 && (len(profiles) > 0 || !j.warned && !j.inherits()) {
		given, err := oracle.Effective(j.bare(), w)
		if err != nil {
			given = oracle.Env{}
		}
		own = slices.DeleteFunc(own, func(name string) bool {
			return given.Get(name) == env.Get(name) || (isTokenOfWebhook(env.Get(name)) && given.Get(name) != "")
		})
	}
	switch {
	case len(own) == 0 && t.Kind == oracle.Node:
		return "the profile's managed identity"
	case len(own) == 0:
		return "the profile's"
	case len(profiles) == 0, slices.Equal(profiles, []string{"AZURE_STORAGE_ACCOUNT"}): // Its own key of the profile's account.
		return "its own"
	}
	return "a mixture"
}

// isTokenOfWebhook reports whether the path is that of the token by which a cloud's own webhook says who the pod is. Lighterman leaves it
// in the place of its own where it is for the same audience.
func isTokenOfWebhook(path string) bool {
	return strings.HasPrefix(path, "/var/run/secrets/") && strings.HasSuffix(path, "token") && !strings.HasPrefix(path, injector.MountPath)
}

// isOwn reports whether the variable's value comes from what the container set before.
func (j *judged) isOwn(v oracle.Var) bool {
	if v.Origin.EnvFrom {
		return true
	}
	e := j.after.Env[v.Origin.Index]
	return slices.ContainsFunc(j.before.Env, func(b corev1.EnvVar) bool { return b.Name == e.Name && reflect.DeepEqual(b, e) })
}

// assumesRole reports whether the profile means a role that another one assumes.
func (j *judged) assumesRole() bool {
	s3 := j.profile.Spec.S3
	return s3 != nil && s3.Auth.WebIdentity != nil && s3.Auth.WebIdentity.AssumeRole != nil
}

// inherits reports whether the profile means the identity that the machine gives.
func (j *judged) inherits() bool {
	spec := &j.profile.Spec
	switch {
	case spec.S3 != nil:
		return spec.S3.Auth.Ambient != nil
	case spec.Azure != nil:
		return spec.Azure.Auth.Default != nil || spec.Azure.Auth.ManagedIdentity != nil || spec.Azure.Auth.PodIdentityBinding != ""
	}
	return spec.GCS.Auth.Ambient != nil || spec.GCS.Auth.GKEWorkloadIdentity != nil
}

// isManaged reports whether the profile means an identity of its own on the machine.
func (j *judged) isManaged() bool {
	az := j.profile.Spec.Azure
	return az != nil && (az.Auth.ManagedIdentity != nil || az.Auth.PodIdentityBinding != "")
}

// mayBeNode reports whether the identity of the node is what the profile means, or what the user asked for by the very switch.
func (j *judged) mayBeNode(env oracle.Env) bool {
	required := slices.ContainsFunc(j.before.Env, func(e corev1.EnvVar) bool {
		object, _, optional := reference(&e)
		return e.Name == "AWS_EC2_METADATA_DISABLED" && (e.Value != "" || (object.Name != "" && !optional))
	})
	return j.inherits() || required || j.sets(env, "AWS_EC2_METADATA_DISABLED") || j.sets(env, "AZURE_TOKEN_CREDENTIALS")
}

// sets reports whether the container itself sets the variable to a value.
func (j *judged) sets(env oracle.Env, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return env.Get(name) != "" && j.isOwn(env[name]) })
}

// mayFail reports whether the user has been told, or has set a switch, or values that cannot work.
func (j *judged) mayFail(env oracle.Env) bool {
	certain := len(j.after.EnvFrom) == 0 && !slices.ContainsFunc(j.before.Env, func(e corev1.EnvVar) bool {
		_, _, optional := reference(&e)
		return optional
	})
	// The image may have the files in which AWS_PROFILE is a section.
	// azidentity takes an empty client ID for one that chooses no managed identity, and an empty choice of the credential for a wrong
	// one: nothing that can be added mends that.
	_, client := env["AZURE_CLIENT_ID"]
	_, chain := env["AZURE_TOKEN_CREDENTIALS"]
	unmended := (client && env.Get("AZURE_CLIENT_ID") == "") || (chain && env.Get("AZURE_TOKEN_CREDENTIALS") == "")
	return j.sets(env, oracle.Switches[j.store]...) || j.sets(env, "AWS_PROFILE") || !isSound(j.before) ||
		((!certain || unmended) && j.warned) || (j.inherits() && !j.isManaged())
}
