package oracle_test

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/e2e/oracle"
)

func keyOfKeys(key string, optional bool) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: key, Optional: &optional,
	}}
}

func TestEffective(t *testing.T) {
	world := oracle.World{
		{Name: "keys"}:                      {"id": "of the Secret", "empty": ""},
		{Name: "env"}:                       {"A": "from", "B": "from"},
		{ConfigMap: true, Name: "settings"}: {"B": "settings"},
	}
	from := func(prefix string) []corev1.EnvFromSource {
		return []corev1.EnvFromSource{
			{Prefix: prefix, SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "env"}}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}, Optional: new(true)}},
		}
	}
	for name, c := range map[string]struct {
		env     []corev1.EnvVar
		envFrom []corev1.EnvFromSource
		want    map[string]string // nil: the container does not start
	}{
		"the later value wins":                {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "A", Value: "2"}}, want: map[string]string{"A": "2"}},
		"an empty one, too":                   {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "A"}}, want: map[string]string{"A": ""}},
		"env wins over envFrom":               {env: []corev1.EnvVar{{Name: "A"}}, envFrom: from(""), want: map[string]string{"A": "", "B": "settings"}},
		"envFrom with a prefix":               {envFrom: from("X_"), want: map[string]string{"X_A": "from", "X_B": "from", "B": "settings"}},
		"a reference to what stands before":   {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "$(A)-$(C)-$$(A)"}, {Name: "C", Value: "3"}}, want: map[string]string{"A": "1", "B": "1-$(C)-$(A)", "C": "3"}},
		"a reference to envFrom":              {env: []corev1.EnvVar{{Name: "C", Value: "$(A)"}}, envFrom: from(""), want: map[string]string{"A": "from", "B": "settings", "C": "from"}},
		"an optional key that is there":       {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "A", ValueFrom: keyOfKeys("id", true)}}, want: map[string]string{"A": "of the Secret"}},
		"an optional key that is not there":   {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "A", ValueFrom: keyOfKeys("absent", true)}}, want: map[string]string{"A": "1"}},
		"an optional key that is empty":       {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "A", ValueFrom: keyOfKeys("empty", true)}}, want: map[string]string{"A": ""}},
		"a required key that is not there":    {env: []corev1.EnvVar{{Name: "A", ValueFrom: keyOfKeys("absent", false)}}},
		"a required Secret that is not there": {envFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			env, err := oracle.Effective(&corev1.Container{Env: c.env, EnvFrom: c.envFrom}, world)
			if (err == nil) != (c.want != nil) || (err == nil && !maps.Equal(env.Values(), c.want)) {
				t.Errorf("got %v, %v; want %v", env.Values(), err, c.want)
			}
		})
	}
}

// TestAzureStorage holds the order of the storage keys, which no SDK has.
func TestAzureStorage(t *testing.T) {
	env := oracle.Env{}
	for _, name := range []string{"AZURE_CLIENT_ID", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING"} {
		env[name] = oracle.Var{Value: "own"}
		if got := oracle.AzureStorage(env, nil); len(got.Vars) != 1 || got.Vars[0] != name {
			t.Errorf("with %s: %+v", name, got)
		}
	}
}
