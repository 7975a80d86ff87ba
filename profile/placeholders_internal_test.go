package profile

import (
	"errors"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
)

func withPrefix(prefix string) *v1alpha1.CredentialProfileSpec {
	return &v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
		Bucket: "b", Prefix: prefix, Region: "eu-west-1", Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}},
	}}
}

// TestFillPrefix fills in every placeholder of a prefix; the profile's own URL, which its status shows, keeps them.
func TestFillPrefix(t *testing.T) {
	values := map[Placeholder]string{
		PlaceholderNamespace: "payments", PlaceholderServiceAccount: "backup", PlaceholderWorkload: "orders", PlaceholderPod: PodNameReference,
	}
	valueOf := func(name Placeholder) (string, error) { return values[name], nil }
	for prefix, want := range map[string][2]string{ // For variables, and for the uploader.
		"":                        {"", ""},
		"pg":                      {"pg", "pg"},
		"{namespace}/{workload}":  {"payments/orders", "payments/orders"},
		"a-{workload}{workload}b": {"a-ordersordersb", "a-ordersordersb"},
		"{serviceAccount}/{pod}":  {"backup/$(LIGHTERMAN_POD_NAME)", "backup/{pod}"},
		"{namespace}/{cluster}":   {"{namespace}/{cluster}", "{namespace}/{cluster}"},
	} {
		r := Resolve(withPrefix(prefix))
		if got := r.URL(); got != joinPrefix("s3://b", prefix) {
			t.Errorf("%q: the store is %q", prefix, got)
		}
		if err := r.FillPrefix(valueOf); err != nil {
			t.Fatal(err)
		}
		if r.Prefix() != want[0] || r.UploaderPrefix() != want[1] {
			t.Errorf("%q: got %q and %q, want %q", prefix, r.Prefix(), r.UploaderPrefix(), want)
		}
	}
	r := Resolve(withPrefix("{namespace}/{workload}"))
	unknown := errors.New("unknown")
	if err := r.FillPrefix(func(Placeholder) (string, error) { return "", unknown }); !errors.Is(err, unknown) {
		t.Errorf("got %v", err)
	}
}

// TestCheckPrefix refuses every brace that belongs to no placeholder, and names those that there are.
func TestCheckPrefix(t *testing.T) {
	for prefix, isGood := range map[string]bool{
		"": true, "pg": true, "{pod}": true, "a/{namespace}{workload}-{serviceAccount}": true,
		"{foo}": false, "{}": false, "{pod": false, "pod}": false, "{{pod}}": false, "{ pod }": false, "{Pod}": false, "{pod}}": false,
		"$(POD_NAME)": false, "${pod}": false, "a$/{pod}": true,
	} {
		problems := Check(withPrefix(prefix), Cluster{})
		if isGood != (len(problems) == 0) {
			t.Errorf("%q: got %v", prefix, problems)
		}
		for _, p := range problems {
			if p.Field != "spec.s3.prefix" || !strings.Contains(p.Message, writePlaceholders) {
				t.Errorf("%q: %v does not name the field and the placeholders", prefix, p)
			}
		}
	}
}
