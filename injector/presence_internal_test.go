package injector

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// TestReadOwnVariables reads containers as the kubelet does.
func TestReadOwnVariables(t *testing.T) {
	t.Parallel()
	const (
		secret   = "valueFrom: {secretKeyRef: {name: s, key: k}}"
		optional = "valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}"
		config   = "valueFrom: {configMapKeyRef: {name: s, key: k, optional: true}}"
		file     = "valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k, optional: true}}"
		label    = "valueFrom: {fieldRef: {fieldPath: \"metadata.labels['there']\"}}"
		noLabel  = "valueFrom: {fieldRef: {fieldPath: \"metadata.labels['none']\"}}"
	)
	for name, test := range map[string]struct {
		env  []string // Of the variable X, unless it says another.
		from string
		want presence
	}{
		"none":                                   {nil, "", maybeAbsent},
		"a literal":                              {[]string{"value: a"}, "", maybeValue},
		"nothing":                                {[]string{""}, "", maybeEmpty},
		"an empty literal":                       {[]string{`value: ""`}, "", maybeEmpty},
		"blanks":                                 {[]string{`value: " "`}, "", maybeValue},
		"a required reference":                   {[]string{secret}, "", maybeValue},
		"an optional reference":                  {[]string{optional}, "", maybeAbsent | maybeValue},
		"an optional ConfigMap":                  {[]string{config}, "", maybeAbsent | maybeValue},
		"an optional file":                       {[]string{file}, "", maybeAbsent | maybeValue},
		"an optional reference behind a literal": {[]string{"value: a", optional}, "", maybeValue},
		"an optional reference behind nothing":   {[]string{"", optional}, "", maybeEmpty | maybeValue},
		"nothing behind a literal":               {[]string{"value: a", ""}, "", maybeEmpty},
		"a literal behind an optional reference": {[]string{optional, "value: a"}, "", maybeValue},
		"a label":                                {[]string{label}, "", maybeValue},
		"a label that is not there":              {[]string{noLabel}, "", maybeEmpty | maybeValue},
		"a reference to nothing":                 {[]string{"name: A", "value: $(A)"}, "", maybeEmpty},
		"two references to nothing":              {[]string{"name: A", "value: $(A)$(A)"}, "", maybeEmpty},
		"references through nothing":             {[]string{"name: A", "{name: B, value: $(A)}", "value: $(B)"}, "", maybeEmpty},
		"text beside a reference to nothing":     {[]string{"name: A", "value: a$(A)"}, "", maybeValue},
		"a reference to a value":                 {[]string{"{name: A, value: a}", "value: $(A)"}, "", maybeValue},
		"a reference to what comes later":        {[]string{"value: $(A)", "name: A"}, "", maybeValue},
		"a reference to an optional one":         {[]string{"{name: A, " + optional + "}", "value: $(A)"}, "", maybeEmpty | maybeValue},
		"a reference to a label":                 {[]string{"{name: A, " + noLabel + "}", "value: $(A)"}, "", maybeEmpty | maybeValue},
		"a reference of nothing to itself":       {[]string{"", "value: $(X)"}, "", maybeEmpty},
		"a reference of a value to itself":       {[]string{"value: a", "value: $(X)"}, "", maybeValue},
		"a reference to itself alone":            {[]string{"value: $(X)"}, "", maybeValue},
		"a reference to nobody's variable":       {[]string{"value: $(A)"}, "", maybeValue},
		"an escaped reference":                   {[]string{"name: A", "value: $$(A)"}, "", maybeValue},
		"a reference that is not closed":         {[]string{"name: A", "value: $(A"}, "", maybeValue},
		"envFrom":                                {nil, "{secretRef: {name: s}}", maybeAbsent | maybeEmpty | maybeValue},
		"envFrom with a prefix that fits":        {nil, "{prefix: X, secretRef: {name: s}}", maybeAbsent},
		"envFrom with another prefix":            {nil, "{prefix: Y_, secretRef: {name: s}}", maybeAbsent},
		"nothing over envFrom":                   {[]string{""}, "{secretRef: {name: s}}", maybeEmpty},
		"an optional reference over envFrom":     {[]string{optional}, "{secretRef: {name: s}}", maybeAbsent | maybeEmpty | maybeValue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Container{}
			for _, text := range test.env {
				if !strings.Contains(text, "name: A") && !strings.Contains(text, "name: B") {
					text = "name: X\n" + text
				}
				var e corev1.EnvVar
				if err := yaml.UnmarshalStrict([]byte(text), &e); err != nil {
					t.Fatal(err)
				}
				c.Env = append(c.Env, e)
			}
			if test.from != "" {
				c.EnvFrom = make([]corev1.EnvFromSource, 1)
				if err := yaml.UnmarshalStrict([]byte(test.from), &c.EnvFrom[0]); err != nil {
					t.Fatal(err)
				}
			}
			for _, more := range []int{0, fewVariables} { // Both ways to look for them.
				many := c
				for i := range more {
					many.Env = append(slices.Clone(many.Env), corev1.EnvVar{Name: "MORE_" + string(rune('A'+i)), Value: "a"})
				}
				own := readOwnVariables(&many, &Metadata{Labels: map[string]string{"there": "a"}}, &desired{}, nil)
				if got := own.presenceOf("X"); got != test.want {
					t.Errorf("with %d others: got %03b, want %03b", more, got, test.want)
				}
			}
		})
	}
}

// TestIdentitiesAreWhole takes one member out of each identity: the container then has half of one, or another.
func TestIdentitiesAreWhole(t *testing.T) {
	t.Parallel()
	for _, spec := range []*v1alpha1.CredentialProfileSpec{
		{S3: &v1alpha1.S3Store{Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}}},
		{Azure: &v1alpha1.AzureStore{Auth: v1alpha1.AzureAuth{Default: &v1alpha1.AzureDefault{}}}},
		{GCS: &v1alpha1.GCSStore{Auth: v1alpha1.GCSAuth{Ambient: &v1alpha1.Ambient{}}}},
	} {
		e := profile.Environment{Resolved: profile.Resolve(spec)}
		own := e.Identities()
		for i := range own {
			checkMembers(t, &desired{Environment: &e}, &own[i])
		}
		for _, name := range profile.KnownTools[1:] { // Behind SDK.
			tools := []v1alpha1.Tool{v1alpha1.Tool(name)}
			e := profile.Environment{Resolved: profile.ResolveWithTools(spec, tools)}
			of := e.Identities()[len(own):]
			for i := range of {
				if e.GroupOf(of[i].All[0][0])&e.Store.IdentityGroup != 0 {
					checkMembers(t, &desired{Environment: &e}, &of[i])
				}
			}
		}
	}
}

// checkMembers checks that an identity is whole with all of its members alone.
func checkMembers(t *testing.T, d *desired, w *profile.Identity) {
	t.Helper()
	var names []string
	for _, members := range w.All {
		names = append(names, members[0])
	}
	judge := func(names []string) (completeness, []string) {
		c := Container{}
		for _, name := range names {
			c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: cmp.Or(w.Text, "a")})
		}
		own := readOwnVariables(&c, &Metadata{}, d, nil)
		return identityJudge{scope: scope{desired: d, target: &target{Container: &c, own: own}}}.judgeNames(names)
	}
	if is, missing := judge(names); is != isWhole {
		t.Errorf("%v is not whole: %v is missing", names, missing)
	}
	for i := range names {
		rest := slices.Delete(slices.Clone(names), i, i+1)
		is, missing := judge(rest)
		if len(rest) > 0 && is == isWhole && !slices.Equal(rest, []string{"AZURE_CLIENT_ID"}) {
			t.Errorf("%v without %s is taken for whole", names, names[i])
		}
		if len(rest) > 0 && is == isHalf && len(missing) == 0 {
			t.Errorf("%v: nothing is said to be missing", rest)
		}
	}
}
