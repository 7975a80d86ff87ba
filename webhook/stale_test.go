package webhook

import (
	"encoding/json"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// editedProfile is a profile as it was in its first generation and as it is in its second, by what was edited.
func editedProfile(t *testing.T, edit func(text string) string) (before, after *fakecluster.Source) {
	t.Helper()
	text := `
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments, uid: u, generation: 1}
spec:
  tokenExpirationSeconds: 3600
  s3: {bucket: pg-backups, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/backup"}}}
`
	made := make([]*fakecluster.Source, 2)
	for i, text := range []string{text, edit(strings.Replace(text, "generation: 1", "generation: 2", 1))} {
		p, err := profile.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		made[i] = &fakecluster.Source{Profiles: []resolve.ScopedProfile{{Profile: p}}}
	}
	return made[0], made[1]
}

var profileEdits = map[string]func(string) string{
	"nothing that shows": func(s string) string { return s },
	"the volume":         func(s string) string { return strings.Replace(s, "3600", "7200", 1) },
	"a variable":         func(s string) string { return strings.Replace(s, "eu-west-1", "eu-central-1", 1) },
	"the role":           func(s string) string { return strings.Replace(s, "role/backup", "role/other", 1) },
}

// TestProfileEditedBetweenTwoPasses has a pod injected by a replica that knows the profile as it is now, and asked about
// again by one whose cache has it as it was: the pod stays as it is.
func TestProfileEditedBetweenTwoPasses(t *testing.T) {
	t.Parallel()
	for name, edit := range profileEdits {
		before, after := editedProfile(t, edit)
		first, _ := newHandler(t, after, after)
		pod := podWith(`"lighterman.dev/profile":"pg"`)
		injected := applyPatch(t, pod, responseOf(t, post(first, reviewOf(pod))).Patch)

		second, events := newHandler(t, before, after)
		response := responseOf(t, post(second, reviewOf(injected)))
		if !response.Allowed || len(response.Patch) > 0 || len(events.notes) > 0 {
			t.Errorf("%s was edited: allowed %v (%+v), patch %s, events %v; want the pod admitted as it is", name, response.Allowed,
				response.Result, response.Patch, events.notes)
		}
		if before.Reads.Load() == 0 || after.Reads.Load() == 0 {
			t.Errorf("%s was edited: asked the cache %d times, the API server %d times", name, before.Reads.Load(), after.Reads.Load())
		}
	}
}

func applyPatch(t *testing.T, pod string, patch []byte) string {
	t.Helper()
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := operations.Apply([]byte(pod))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(patched) {
		t.Fatalf("not JSON: %s", patched)
	}
	return string(patched)
}

// TestProfileEditedAfterTheFirstPass has a pod injected with the profile as it was, and asked about again in the same
// admission by a replica that knows it as it is: the pod comes out as from one pass with the profile as it is.
func TestProfileEditedAfterTheFirstPass(t *testing.T) {
	t.Parallel()
	for name, edit := range profileEdits {
		before, after := editedProfile(t, edit)
		first, _ := newHandler(t, before, before)
		second, events := newHandler(t, after, after)
		pod := podWith(`"lighterman.dev/profile":"pg"`)
		injected := applyPatch(t, pod, responseOf(t, post(first, reviewOf(pod))).Patch)
		response := responseOf(t, post(second, reviewOf(injected)))
		if !response.Allowed || len(events.notes) > 0 {
			t.Errorf("%s was edited: denied: %+v, events %v", name, response.Result, events.notes)
			continue
		}
		want := applyPatch(t, pod, responseOf(t, post(second, reviewOf(pod))).Patch)
		if diff := cmp.Diff(anyOf(t, want), anyOf(t, applyPatch(t, injected, response.Patch))); diff != "" {
			t.Errorf("%s was edited (-want +got):\n%s", name, diff)
		}
	}
}

func anyOf(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
