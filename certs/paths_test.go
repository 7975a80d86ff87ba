package certs

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestNewToken(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := newToken()
		if !tokenPattern.MatchString(token) || seen[token] {
			t.Fatalf("token %q has not the form, or came before", token)
		}
		seen[token] = true
	}
}

func TestParsePaths(t *testing.T) {
	good := webhookPaths{{Token: newToken(), Created: noon()}, {Token: newToken(), Created: noon().Add(time.Nanosecond)}}
	encoded, err := good.encodeJSON()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsePaths(encoded); err != nil || !samePaths(good, got) || !got[1].Created.Equal(good[1].Created) {
		t.Errorf("parsePaths(encode(p)) = %v, %v", got, err)
	}
	if got, err := parsePaths(nil); err != nil || len(got) != 0 {
		t.Errorf("parsePaths of nothing = %v, %v", got, err)
	}
	many, err := json.Marshal(append(good, good...))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"x":                      "read the webhook's paths",
		`[{"token":""}]`:         "does not have the form of a token",
		`[{"token":"../../x"}]`:  "does not have the form of a token",
		string(many):             "there are 4, want at most 3",
		`[{"token":"a"},{}]`:     "does not have the form of a token",
		`{"token":"` + "a" + `}`: "read the webhook's paths",
	} {
		if got, err := parsePaths([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("parsePaths(%s) = %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestAccepts(t *testing.T) {
	paths := webhookPaths{{Token: newToken()}, {Token: newToken()}}
	for _, p := range paths {
		if !paths.hasToken(p.Token) {
			t.Error("its own path is not accepted")
		}
	}
	for _, token := range []string{"", newToken(), paths[0].Token[:51], paths[0].Token + "a", strings.ToUpper(paths[0].Token), paths[0].Token + paths[1].Token} {
		if paths.hasToken(token) || (webhookPaths{}).hasToken(token) {
			t.Errorf("%q is accepted", token)
		}
	}
}

func TestRotate(t *testing.T) {
	now := noon()
	rules := pathRules{interval: 10 * time.Minute, settle: 5 * time.Second, grace: time.Minute, spacing: time.Minute}
	path := func(age time.Duration) webhookPath { return webhookPath{Token: newToken(), Created: now.Add(-age)} }
	young, fresh, used, old := path(time.Second), path(10*time.Second), path(5*time.Minute), path(20*time.Minute)
	future := path(-time.Hour)
	since := func(p webhookPath, d time.Duration) publishedPath {
		return publishedPath{token: p.Token, since: now.Add(-d)}
	}
	tests := map[string]struct {
		paths     webhookPaths
		published publishedPath
		requested time.Time
		want      webhookPaths // without the new one
		added     bool
		publish   string
	}{
		"the first":           {nil, publishedPath{}, now, nil, true, ""},
		"the Secret was lost": {nil, since(used, time.Hour), time.Time{}, webhookPaths{{Token: used.Token}}, true, ""},
		"the configuration holds a path of others": {nil, publishedPath{token: "mine"}, time.Time{}, nil, true, ""},
		"the first settles":                        {webhookPaths{young}, publishedPath{}, now, webhookPaths{young}, false, ""},
		"a new one settles":                        {webhookPaths{old, young}, since(old, time.Hour), time.Time{}, webhookPaths{old, young}, false, old.Token},
		"it has settled":                           {webhookPaths{old, fresh}, since(old, time.Hour), time.Time{}, webhookPaths{old, fresh}, false, fresh.Token},
		"the replaced one is still accepted":       {webhookPaths{old, fresh}, since(fresh, time.Second), time.Time{}, webhookPaths{old, fresh}, false, fresh.Token},
		"and then no more":                         {webhookPaths{old, used}, since(used, time.Minute), time.Time{}, webhookPaths{used}, false, used.Token},
		"nothing is due":                           {webhookPaths{used}, since(used, time.Minute), time.Time{}, webhookPaths{used}, false, used.Token},
		"a new one is due":                         {webhookPaths{old}, since(old, time.Hour), time.Time{}, webhookPaths{old}, true, old.Token},
		"one was asked for":                        {webhookPaths{used}, since(used, time.Minute), now, webhookPaths{used}, true, used.Token},
		"one was asked for before this one":        {webhookPaths{used}, since(used, time.Minute), now.Add(-time.Hour), webhookPaths{used}, false, used.Token},
		"one was asked for too soon":               {webhookPaths{fresh}, since(fresh, time.Second), now, webhookPaths{fresh}, false, fresh.Token},
		"none comes before this one is published":  {webhookPaths{old}, publishedPath{token: "mine"}, now, webhookPaths{old}, false, old.Token},
		"the clock went back":                      {webhookPaths{future}, since(future, time.Hour), time.Time{}, webhookPaths{future}, true, future.Token},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, publish := test.paths.rotatePaths(now, test.requested, rules, test.published)
			if publish != test.publish {
				t.Errorf("publishes %q, want %q", publish, test.publish)
			}
			if test.added {
				if len(got) == 0 || !got[len(got)-1].Created.Equal(now) {
					t.Fatalf("no path was added: %v", got)
				}
				got = got[:len(got)-1]
			}
			if !samePaths(got, test.want) {
				t.Errorf("paths %v, want %v", got, test.want)
			}
		})
	}
}

// TestRotateNeverRefuses lets time pass, with API servers that lag behind the configuration and replicas that lag behind
// the Secret: the path by which an API server calls is always accepted.
func TestRotateNeverRefuses(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		rules := pathRules{interval: 40 * time.Second, settle: 5 * time.Second, grace: 10 * time.Second, spacing: 15 * time.Second}
		var paths webhookPaths
		var published publishedPath
		var requested time.Time
		var secrets []webhookPaths
		var configs []string
		now := noon()
		for range 3000 {
			now = now.Add(100 * time.Millisecond)
			if random.IntN(300) == 0 {
				requested = now
			}
			if random.IntN(4) > 0 { // The process may be slow, or stand still.
				var publish string
				paths, publish = paths.rotatePaths(now, requested, rules, published)
				if publish != "" && publish != published.token {
					published = publishedPath{token: publish, since: now}
				}
			}
			secrets, configs = append(secrets, paths), append(configs, published.token)
			replica, caller := len(secrets)-1-random.IntN(min(len(secrets), 45)), len(configs)-1-random.IntN(min(len(configs), 95))
			if token := configs[caller]; token != "" && !secrets[replica].hasToken(token) {
				t.Fatalf("seed %d: %s after the start, a replica %d steps late refuses a caller %d steps late: %v", seed, now.Sub(noon()),
					len(secrets)-1-replica, len(configs)-1-caller, fmt.Sprint(secrets[replica]))
			}
		}
		if seen := len(compactStrings(configs)); seen < 8 {
			t.Errorf("seed %d: %d paths in five minutes", seed, seen)
		}
	}
}

func compactStrings(all []string) map[string]bool {
	seen := map[string]bool{}
	for _, s := range all {
		seen[s] = true
	}
	return seen
}
