package profile

import (
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// Store is a kind of object store as data.
type Store struct {
	// Name is the store's field in the API and the value of LIGHTERMAN_PROVIDER.
	Name string
	// scheme begins the store's URL in a profile's status.
	scheme string
	isSet  func(*v1alpha1.CredentialProfileSpec) bool
	// Location returns the bucket and what is below it.
	Location func(*v1alpha1.CredentialProfileSpec) (bucket, prefix string)
	// bucketSource returns where the bucket's name is, if the profile does not have it; nil: it has.
	bucketSource func(*v1alpha1.CredentialProfileSpec) *v1alpha1.BucketSource
	// modes has a row for each auth mode of the store's API.
	modes []Mode
	// groups are those of its variables; IdentityGroup is the one of its identities.
	groups, IdentityGroup Group
	// identities are the sets of variables by which the SDKs know a program, rivals what they take before them.
	identities []Identity
	rivals     []Rival
	// endpoints are as in dialect, for the SDKs.
	endpoints map[string]leadsElsewhere
	// BlocksNodeIdentity: one of its variables keeps programs from the identity of the node, whatever else a container sets.
	BlocksNodeIdentity bool
	// CloudWebhooks are the webhooks of cloud providers that inject an identity for it, too.
	CloudWebhooks []CloudWebhook
	// check finds what the CRD's rules cannot refuse in a profile from a file.
	check func(*problems, *Resolved)
	// env adds the environment: neutral variables, then those of the store's own SDKs and command line ("sdk", the
	// dialect that every container gets).
	env func(*Environment)
	// configureUploader adds the store's location and identity to the uploader's configuration.
	configureUploader func(*Environment, *uploader.Config)
}

// Mode is an auth mode of a store as data.
type Mode struct {
	// Name is the mode's field in the API.
	Name string
	// isSet reports whether a profile uses the mode.
	isSet func(*v1alpha1.CredentialProfileSpec) bool
	// check finds what the mode lacks; nil: it needs nothing.
	check func(*problems, *v1alpha1.CredentialProfileSpec)
	// Audience is that of the projected token; nil: the mode needs no token.
	Audience func(*v1alpha1.CredentialProfileSpec) string
	// audienceField is the field of the mode that has it; empty: audience.
	audienceField string
	// File is the Secret's key that is projected under FileName; nil, or a nil key: none.
	File     func(*v1alpha1.CredentialProfileSpec) *v1alpha1.KeyRef
	FileName string
	// configFile is a file that is not secret, and that is projected under FileName, too; nil: there is none.
	configFile *ConfigFile
	// IssuerCA is the ConfigMap's key with the authority of the token service, which is projected apart from the CA bundle; nil,
	// or a nil key: programs check the service as they check others.
	IssuerCA func(*v1alpha1.CredentialProfileSpec) *v1alpha1.CAKeyRef
	// TokenService names the public service that the identity is asked of, and the cure where caBundle replaces the roots
	// by which that is checked; an empty name: there is none. Nil: likewise.
	TokenService func(*v1alpha1.CredentialProfileSpec) (name, cure string)
	// Label is one that the pod gets; nil: none.
	Label func(*v1alpha1.CredentialProfileSpec) (key, value string)
	// annotations are those by which the cloud knows the pod's service account; nil: there are none.
	annotations func(*v1alpha1.CredentialProfileSpec) []Annotation
	// env adds the identity's environment; nil: there is none.
	env func(*Environment)
	// Rank is the place of the mode's credential among those that programs look for; they take the one with the lowest. Zero:
	// the mode has none, or nothing competes with it.
	Rank int
	// addUploaderAuth adds the mode's fields to the uploader's identity; nil: the uploader needs none but the files.
	addUploaderAuth func(*Resolved, *uploader.Auth)
	// LinkLocal are the addresses that only the node answers, of which programs ask the identity; nil: it is asked elsewhere.
	LinkLocal []string
	// KeepsAmbientIdentity: the pod keeps the identity of its node, so the way to it stays open.
	KeepsAmbientIdentity bool
	// IsPodScoped: that identity is the pod's own, as the node's metadata server knows it.
	IsPodScoped bool
}

// stores has a row for each store of the API.
var stores = [...]Store{s3Store, azureStore, gcsStore}

// storeOf returns the store of a spec; nil when the spec has no store that this version supports.
func storeOf(spec *v1alpha1.CredentialProfileSpec) *Store {
	for i := range stores {
		if stores[i].isSet(spec) {
			return &stores[i]
		}
	}
	return nil
}

// modeOf returns the auth mode of a spec; nil when the spec has no auth mode.
func (s *Store) modeOf(spec *v1alpha1.CredentialProfileSpec) *Mode {
	for i := range s.modes {
		if s.modes[i].isSet(spec) {
			return &s.modes[i]
		}
	}
	return nil
}
