package injector

import (
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// store is a kind of object store as data.
type store struct {
	// name is the store's field in the API and the value of LIGHTERMAN_PROVIDER.
	name string
	// scheme begins the store's URL in a profile's status.
	scheme string
	set    func(*v1alpha1.CredentialProfileSpec) bool
	// place gives the bucket and what is below it.
	place func(*v1alpha1.CredentialProfileSpec) (bucket, prefix string)
	// modes has a row for each auth mode of the store's API.
	modes []mode
	// groups are those of its variables; identity is the one by which a container says who it is to this store.
	groups, identity group
	// identities are the sets of variables by which the SDKs know a program, rivals what they take before them.
	identities []wholeIdentity
	rivals     []rival
	// shutsNode: one of its variables keeps programs from the identity of the node, whatever else a container sets.
	shutsNode bool
	// others are the webhooks of cloud providers that give pods an identity for it, too.
	others []otherWebhook
	// check finds what the CRD's rules cannot refuse in a profile from a file.
	check func(*problems, *v1alpha1.CredentialProfileSpec)
	// env adds the environment: neutral variables, then those of the store's own SDKs and command line ("sdk", the
	// dialect that every container gets).
	env func(*environment)
	// upload says the store's location and identity in the uploader's words.
	upload func(*environment, *uploader.Config)
}

// mode is an auth mode of a store as data.
type mode struct {
	// name is the mode's field in the API.
	name string
	// set reports whether a profile uses the mode.
	set func(*v1alpha1.CredentialProfileSpec) bool
	// check finds what the mode lacks; nil: it needs nothing.
	check func(*problems, *v1alpha1.CredentialProfileSpec)
	// audience is that of the projected token; nil: the mode needs no token.
	audience func(*v1alpha1.CredentialProfileSpec) string
	// file is the Secret's key that is projected under fileName; nil, or a nil key: none.
	file     func(*v1alpha1.CredentialProfileSpec) *v1alpha1.KeyRef
	fileName string
	// document is the text of a file that is not secret: it is put into a pod annotation and projected under fileName; nil:
	// there is none.
	document func(*environment) (string, error)
	// tokenService names the public service that the identity is asked of, and the cure where caBundle replaces the roots
	// by which that is checked; an empty name: there is none. Nil: likewise.
	tokenService func(*v1alpha1.CredentialProfileSpec) (name, cure string)
	// label is one that the pod gets; nil: none.
	label func(*v1alpha1.CredentialProfileSpec) (key, value string)
	// annotations are those of the pod's service account that say who it is; nil: there are none.
	annotations func(*v1alpha1.CredentialProfileSpec) []Annotation
	// env adds the identity's environment; nil: there is none.
	env func(*environment)
	// rank is the place of the mode's credential among those that programs look for; they take the one with the lowest. Zero:
	// the mode gives none, or nothing competes with it.
	rank int
	// upload adds the mode's fields to what the uploader is told of the identity; nil: it has none but its files.
	upload func(*v1alpha1.CredentialProfileSpec, *uploader.Auth)
	// linkLocal are the addresses that only the node answers, of which programs ask the identity; nil: it is asked elsewhere.
	linkLocal []string
	// inherits: the pod keeps the identity of its node, so the way to it stays open.
	inherits bool
	// ofPod: that identity is the pod's own, as the node's metadata server knows it.
	ofPod bool
}

// stores has a row for each store of the API.
var stores = [...]store{s3Store, azureStore, gcsStore}

// storeOf is nil when the spec has no store that this version supports.
func storeOf(spec *v1alpha1.CredentialProfileSpec) *store {
	for i := range stores {
		if stores[i].set(spec) {
			return &stores[i]
		}
	}
	return nil
}

// mode is nil when the spec has no auth mode.
func (s *store) mode(spec *v1alpha1.CredentialProfileSpec) *mode {
	for i := range s.modes {
		if s.modes[i].set(spec) {
			return &s.modes[i]
		}
	}
	return nil
}
