package profile

import (
	"lighterman.dev/lighterman/api/v1alpha1"
)

// Resolved is a profile's spec with the rows that it names. They are looked up once; checks, environment and messages use them.
type Resolved struct {
	Spec *v1alpha1.CredentialProfileSpec
	// Store and Mode are the rows of the store and of its auth mode; nil: the spec has none that this version supports.
	Store *Store
	Mode  *Mode
	// Tools are the names of the tools, in the order in which their variables are added.
	Tools []v1alpha1.Tool

	// dialects has a row for each of Tools; nil: there is no such tool.
	dialects []*dialect
	// preset is the row of an S3 store's preset; nil: there is no such preset. location is where that store is.
	preset   *preset
	location location
	// cloud is the row of an Azure store's cloud; nil: there is no such cloud.
	cloud *azureCloud
	// prefix is the part of the bucket that the pods use; with its placeholders, until FillPrefix has replaced them.
	prefix string
}

// Resolve returns a spec with its rows.
func Resolve(spec *v1alpha1.CredentialProfileSpec) Resolved {
	return ResolveWithTools(spec, spec.Tools)
}

// ResolveWithTools returns a spec with its rows and with tools that a pod names in place of the profile's.
func ResolveWithTools(spec *v1alpha1.CredentialProfileSpec, tools []v1alpha1.Tool) Resolved {
	r := Resolved{Spec: spec, Store: storeOf(spec), Tools: tools}
	if r.Store != nil {
		r.Mode = r.Store.modeOf(spec)
		_, r.prefix = r.Store.Location(spec)
	}
	if spec.S3 != nil {
		if r.preset = presetOf(spec.S3); r.preset != nil {
			r.location = locateS3(spec.S3, r.preset)
		}
	}
	if spec.Azure != nil {
		r.cloud = cloudOf(spec.Azure)
	}
	if len(tools) > 0 {
		r.dialects = make([]*dialect, len(tools))
		for i, tool := range tools {
			r.dialects[i] = dialectOf(tool)
		}
		if number := chosenRepository(spec); number != FirstRepository {
			r.ChooseRepository(number)
		}
	}
	return r
}

// Prefix returns the part of the bucket that the pods use, without a slash at either end; empty: the whole bucket. It has
// the placeholders of the profile until FillPrefix has replaced them.
func (r *Resolved) Prefix() string { return r.prefix }

// URL returns the store as a URL, for people; empty when the spec has none.
func (r *Resolved) URL() string {
	if r.Store == nil {
		return ""
	}
	bucket, _ := r.Store.Location(r.Spec)
	if source := r.Store.bucketSource(r.Spec); source != nil {
		bucket = describeBucketSource(source)
	}
	return joinPrefix(r.Store.scheme+"://"+bucket, r.Prefix())
}

// AuthMode returns the name of the auth mode as the API writes it; empty when the spec has none that this version supports.
func (r *Resolved) AuthMode() string {
	if r.Mode == nil {
		return ""
	}
	return r.Mode.Name
}

// AuthMode returns the name of a spec's auth mode as the API writes it; empty when it has none that this version supports.
func AuthMode(spec *v1alpha1.CredentialProfileSpec) string {
	r := Resolve(spec)
	return r.AuthMode()
}

// HasToken reports whether the auth mode needs a projected service-account token.
func (r *Resolved) HasToken() bool { return r.Mode != nil && r.Mode.Audience != nil }

// CredentialsFile returns the name of the auth mode's file of credentials in the projected volume; empty: it has none.
func (r *Resolved) CredentialsFile() string {
	m := r.Mode
	if m != nil && (r.ConfigFile() != nil || m.File != nil && m.File(r.Spec) != nil) {
		return m.FileName
	}
	return ""
}

// IssuerCA returns the ConfigMap's key with the authority of the auth mode's token service; nil: there is none of its own.
func (r *Resolved) IssuerCA() *v1alpha1.CAKeyRef {
	if r.Mode == nil || r.Mode.IssuerCA == nil {
		return nil
	}
	return r.Mode.IssuerCA(r.Spec)
}

// GroupOf returns the group that a variable belongs to, for the SDKs or for one of the profile's tools; zero: to none.
func (r *Resolved) GroupOf(name string) Group {
	if g := groupsByVariable[name]; g != 0 {
		return g
	}
	return r.toolGroupOf(name)
}

// toolGroupOf returns the group that a variable belongs to for one of the profile's tools; zero: to none.
func (r *Resolved) toolGroupOf(name string) Group {
	for _, d := range r.dialects {
		if g := d.groups[name]; g != 0 {
			return g
		}
	}
	return 0
}
