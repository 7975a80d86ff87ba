package oracle_test

import (
	"flag"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/e2e/oracle"
	"lighterman.dev/lighterman/e2e/oracle/realsdk"
)

// samples is how many containers are shown to the real SDKs.
var samples = flag.Int("samples", 1000, "how many containers are shown to the real SDKs")

// TestOracleAgreesWithSDKs shows the same containers to the oracle and to the SDKs themselves.
func TestOracleAgreesWithSDKs(t *testing.T) {
	if !realsdk.InNamespace(t) {
		return
	}
	clouds := realsdk.StartForTest(t)
	seen := map[string]int{}
	for seed := range *samples {
		g := generator{rand.New(rand.NewSource(int64(seed)))}
		store := g.choose("s3", "s3", "azure", "azure", "gcs")
		container, world := g.container(store)
		env, err := oracle.Effective(&container, world)
		if err != nil {
			seen["not started"]++
			continue
		}
		for _, sdk := range oracle.SDKs {
			if sdk.Store != store || strings.Contains(sdk.Name, "barman") { // No SDK reads the storage keys.
				continue
			}
			want := sdk.Take(env, oracle.OwnFiles)
			for _, answer := range clouds.Take(t.Context(), t, store, env, oracle.OwnFiles) {
				seen[fmt.Sprintf("%s: %s", answer.SDK, want.Kind)]++
				if answer.Who != want.Who {
					t.Errorf("seed %d: %s takes %q (%v), and the oracle says %q (%s), of %v", seed, answer.SDK, answer.Who, answer.Err,
						want.Who, want.Why, env.Values())
				}
			}
		}
	}
	t.Logf("%d containers: %v", *samples, seen)
	for _, each := range []string{
		"aws-sdk-go-v2: Keys", "aws-sdk-go-v2: WebIdentity", "aws-sdk-go-v2: CredentialsFile", "aws-sdk-go-v2: AssumedRole", "aws-sdk-go-v2: ContainerAgent",
		"aws-sdk-go-v2: Node", "aws-sdk-go-v2: Failed", "azidentity: ServicePrincipal", "azidentity: Certificate",
		"azidentity: WorkloadIdentity", "azidentity: Node", "azidentity: Failed", "cloud.google.com/go/auth: ServiceAccountKey",
		"golang.org/x/oauth2/google: ExternalAccount", "cloud.google.com/go/auth: OtherMetadataServer", "golang.org/x/oauth2/google: Node",
		"cloud.google.com/go/auth: Failed",
	} {
		if seen[each] == 0 {
			t.Errorf("no container with %s: the test has become empty", each)
		}
	}
}

// generator makes containers at random.
type generator struct{ *rand.Rand }

func (g generator) choose(choices ...string) string { return choices[g.Intn(len(choices))] }

func (g generator) chance(percent int) bool { return g.Intn(100) < percent }

// container makes one with a few identities, whole and in part, and a world for it.
func (g generator) container(store string) (corev1.Container, oracle.World) {
	world := oracle.World{}
	c := corev1.Container{Name: "c"}
	for range g.Intn(3) {
		whole := g.chance(40)
		for _, name := range g.recipe(store).Vars {
			switch {
			case whole:
				c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: oracle.OwnValues(name)[0]})
			case !g.chance(12):
				c.Env = append(c.Env, g.variable(name, world))
			}
		}
	}
	for _, name := range oracle.Switches[store] {
		if g.chance(25) {
			c.Env = append(c.Env, g.variable(name, world))
		}
	}
	if g.chance(20) {
		object := oracle.Object{Name: "from"}
		world[object] = map[string]string{}
		prefix := g.choose("", "", "AWS_", "AZURE_")
		for _, name := range g.recipe(store).Vars {
			world[object][strings.TrimPrefix(name, prefix)] = g.value(name)
		}
		c.EnvFrom = []corev1.EnvFromSource{{Prefix: prefix, SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "from"}}}}
	}
	g.Shuffle(len(c.Env), func(i, j int) { c.Env[i], c.Env[j] = c.Env[j], c.Env[i] })
	return c, world
}

func (g generator) recipe(store string) oracle.Recipe {
	for {
		if r := oracle.Recipes[g.Intn(len(oracle.Recipes))]; r.Store == store {
			return r
		}
	}
}

func (g generator) value(name string) string {
	if values := oracle.OwnValues(name); g.chance(30) {
		return g.choose(values...)
	}
	return oracle.OwnValues(name)[0]
}

// variable sets the variable to a value, to an empty one, or to what may not be there.
func (g generator) variable(name string, world oracle.World) corev1.EnvVar {
	e := corev1.EnvVar{Name: name}
	object := oracle.Object{Name: "keys", ConfigMap: g.chance(30)}
	switch g.Intn(10) {
	case 0:
	case 1:
		e.Value = g.choose("$("+name+")", "$(AWS_REGION)", "$$(HOME)")
	case 2, 3, 4:
		optional := !g.chance(20)
		if !optional || g.chance(60) {
			if world[object] == nil {
				world[object] = map[string]string{}
			}
			world[object][name] = g.choose(g.value(name), g.value(name), "")
		}
		reference := corev1.LocalObjectReference{Name: object.Name}
		if object.ConfigMap {
			e.ValueFrom = &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: reference, Key: name, Optional: &optional}}
		} else {
			e.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: reference, Key: name, Optional: &optional}}
		}
	default:
		e.Value = g.value(name)
	}
	return e
}
