package objstore

import "time"

// Credential is a credential that a service issued for another proof of identity.
type Credential struct {
	// From is the issuer and the identity, for people. Empty: the auth mode has its credential at hand and asks no service.
	From string
	// Expires is zero where the issuer sets no time.
	Expires time.Time
}

// Protection is one way in which a bucket guards its objects against change and deletion, for people.
type Protection struct {
	// Name is the store's own term: versioning, object lock.
	Name string
	// State is what the bucket has; empty with Err.
	State string
	// Err is why the sidecar cannot see the state; Permission is the one that it lacks then.
	Err        error
	Permission string
	// NoLock is the remedy where ObjectLock is not possible; empty: it is.
	NoLock string
}
