package profile

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// withMode adds an auth mode to S3 that every profile of the test uses.
func withMode(t *testing.T, mode Mode) *v1alpha1.CredentialProfileSpec {
	t.Helper()
	before := stores
	t.Cleanup(func() { stores = before })
	mode.isSet = func(*v1alpha1.CredentialProfileSpec) bool { return true }
	stores[0].modes = []Mode{mode}
	return &v1alpha1.CredentialProfileSpec{
		S3: &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1"}, Uploader: &v1alpha1.Uploader{Path: "/backup"},
	}
}

func oneProblem(t *testing.T, spec *v1alpha1.CredentialProfileSpec, want Problem) {
	t.Helper()
	got := Check(spec, Cluster{})
	if len(got) != 1 || got[0].Unsupported != want.Unsupported || got[0].Field != want.Field || !strings.HasPrefix(got[0].Message, want.Message) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestCheckUploaderAuthMode: an auth mode that the uploader does not have is a problem of a profile with an uploader, and of no
// other.
func TestCheckUploaderAuthMode(t *testing.T) {
	spec := withMode(t, Mode{Name: "badge"})
	oneProblem(t, spec, Problem{
		Unsupported: true, Field: "spec.s3.auth.badge", Message: "the uploader cannot use this auth mode: use one of webIdentity, podIdentity, ",
	})
	spec.Uploader = nil
	if got := Check(spec, Cluster{}); len(got) > 0 {
		t.Errorf("without an uploader: got %+v", got)
	}
}

// TestCheckUploaderAuthFields: an auth mode whose row gives the uploader too little, or too much.
func TestCheckUploaderAuthFields(t *testing.T) {
	audience := func(*v1alpha1.CredentialProfileSpec) string { return "a" }
	oneProblem(t, withMode(t, Mode{Name: "webIdentity", Audience: audience}), Problem{
		Field: "spec.s3.auth.webIdentity.roleARN", Message: "is missing: mode webIdentity needs it",
	})
	oneProblem(t, withMode(t, Mode{Name: "ambient", Audience: audience}), Problem{
		Field: "spec.s3.auth.ambient.tokenFile", Message: "is set: mode ambient does not use it; remove it",
	})
}

// TestCheckUploaderLocation: what the uploader would refuse of the store is named as the profile's API has it.
func TestCheckUploaderLocation(t *testing.T) {
	s3 := func(change func(*v1alpha1.S3Store)) *v1alpha1.CredentialProfileSpec {
		store := &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}}
		change(store)
		return &v1alpha1.CredentialProfileSpec{S3: store, Uploader: &v1alpha1.Uploader{Path: "/backup"}}
	}
	for want, spec := range map[string]*v1alpha1.CredentialProfileSpec{
		`spec.s3.bucket: is "a/b": write the name, without a slash`: s3(func(s *v1alpha1.S3Store) { s.Bucket = "a/b" }),
		`spec.s3.prefix: is "/a": write it without a slash`:         s3(func(s *v1alpha1.S3Store) { s.Prefix = "/a" }),
	} {
		field, message, _ := strings.Cut(want, ": ")
		oneProblem(t, spec, Problem{Field: field, Message: message})
	}
}

// TestFieldsOfProfile maps each field that the uploader's checks name to one of the profile's.
func TestFieldsOfProfile(t *testing.T) {
	r := Resolve(
		&v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}}},
	)
	for field, want := range map[string]string{
		"spool": "spec.uploader.path", "caFile": "spec.caBundle", "prefix": "spec.s3.prefix", "key": "spec.uploader.key",
		"s3.region": "spec.s3.region", "s3.auth.roleARN": "spec.s3.auth.ambient.roleARN", "objectLock.days": "spec.uploader.objectLock.days",
	} {
		if got := r.fieldOf(field); got != want {
			t.Errorf("%s: got %s, want %s", field, got, want)
		}
	}
	for field := range fieldsOfProfile {
		if name, _, _ := strings.Cut(field, "."); strings.Contains(field, ".") && len(uploader.AuthModes(name)) == 0 {
			t.Errorf("%s is no field of the uploader's configuration", field)
		}
	}
}
