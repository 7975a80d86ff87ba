package objstore

import "time"

// Credential is what a service gave for another proof of identity.
type Credential struct {
	// From says who gave it, and as whom, for people. Empty: nobody was asked, for the auth mode has all it needs at hand.
	From string
	// Expires is zero where nobody said.
	Expires time.Time
}

// Protection is one way in which a bucket guards its objects against change and deletion, for people.
type Protection struct {
	// Name is the store's own word: versioning, object lock.
	Name string
	// State is what the bucket has; empty with Err.
	State string
	// Err is why that cannot be seen; Permission is what shows it.
	Err        error
	Permission string
	// NoLock says how to make ObjectLock possible, where it is not.
	NoLock string
}
