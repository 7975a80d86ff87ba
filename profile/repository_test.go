package profile

import (
	"fmt"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// TestRepositories chooses another repository of pgBackRest, by the profile or for a pod, in every auth mode: what it gets are the
// variables of the first under the other number, with the same values, groups and identities, and nothing of the first is left.
func TestRepositories(t *testing.T) {
	t.Parallel()
	for i := range stores {
		s := &stores[i]
		for j := range s.modes {
			if m := &s.modes[j]; pgbackrest.cellsFor(s).modes[m.Name].unsupportedReason == "" {
				t.Run(s.Name+"/"+m.Name, func(t *testing.T) { checkRepository(t, example(t, s, m), 12) })
			}
		}
	}
}

func checkRepository(t *testing.T, spec *v1alpha1.CredentialProfileSpec, number int32) {
	t.Helper()
	spec.Tools = []v1alpha1.Tool{"rclone", ToolPgbackrest}
	first := rendered(spec)
	spec.ToolOptions = &v1alpha1.ToolOptions{Pgbackrest: &v1alpha1.PgbackrestOptions{Repository: &number}}
	if problems := Check(spec, Cluster{}); len(problems) > 0 {
		t.Fatal(problems)
	}
	chosen := rendered(spec)
	if len(chosen.Vars) != len(first.Vars) {
		t.Fatalf("%d variables, and %d of the first repository", len(chosen.Vars), len(first.Vars))
	}
	other := fmt.Sprintf("PGBACKREST_REPO%d_", number)
	renamed := 0
	for i := range chosen.Vars {
		v, w := &chosen.Vars[i], &first.Vars[i]
		if option, ok := strings.CutPrefix(w.Name, pgRepo); ok {
			renamed++
			if v.Name != other+option {
				t.Errorf("%s has become %s", w.Name, v.Name)
			}
		} else if v.Name != w.Name {
			t.Errorf("%s has become %s", w.Name, v.Name)
		}
		if v.Groups != w.Groups || chosen.GroupOf(v.Name) != first.GroupOf(w.Name) || IsKnownVariable(v.Name) != IsKnownVariable(w.Name) {
			t.Errorf("%s is in other groups than %s", v.Name, w.Name)
		}
		if strings.HasPrefix(w.Name, pgRepo) && chosen.GroupOf(w.Name) != 0 {
			t.Errorf("%s of the first repository is in a group", w.Name)
		}
	}
	if renamed == 0 {
		t.Error("no variable of a repository")
	}
	ofPod := Resolve(spec)
	ofPod.ChooseRepository(FirstRepository)
	for _, w := range ofPod.Identities() {
		if strings.Contains(fmt.Sprint(w), other) {
			t.Errorf("an identity of the profile's repository, where a pod has chosen the first: %v", w)
		}
	}
	for _, w := range chosen.Identities() {
		if strings.Contains(fmt.Sprint(w), pgRepo) {
			t.Errorf("an identity of the first repository: %v", w)
		}
	}
}

// TestRepositoryBounds reads profiles that no API server has seen.
func TestRepositoryBounds(t *testing.T) {
	t.Parallel()
	for number, sound := range map[int32]bool{-1: false, 0: false, 1: true, 256: true, 257: false} {
		spec := example(t, &s3Store, s3Store.modeOf(example(t, &s3Store, &s3Modes[0])))
		spec.Tools = []v1alpha1.Tool{ToolPgbackrest}
		spec.ToolOptions = &v1alpha1.ToolOptions{Pgbackrest: &v1alpha1.PgbackrestOptions{Repository: &number}}
		problems := Check(spec, Cluster{})
		if sound != (len(problems) == 0) {
			t.Errorf("%d: %v", number, problems)
		}
		if !sound && problems[0].Field != "spec.toolOptions.pgbackrest.repository" {
			t.Errorf("%d: %v", number, problems)
		}
	}
}
