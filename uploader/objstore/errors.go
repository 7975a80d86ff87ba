package objstore

import (
	"errors"
	"time"
)

// Class is a kind of error of a store, by which the caller decides whether to try again.
type Class string

const (
	// Transient errors heal by themselves: a cut connection, a timeout, a 5xx.
	Transient Class = "Transient"
	// Throttled means: the store asks for fewer requests.
	Throttled Class = "Throttled"
	// Expired means: the credential has run out; a new one is to be had.
	Expired Class = "Expired"
	// Denied means: the store or the token service knows the caller and refuses. It may heal, when a role was just granted.
	Denied Class = "Denied"
	// Unauthenticated means: the store or the token service does not know the caller.
	Unauthenticated Class = "Unauthenticated"
	// NoBucket means: the bucket or container does not exist, or is in another region.
	NoBucket Class = "NoBucket"
	// NotFound means: the object does not exist.
	NotFound Class = "NotFound"
	// Exists means: the object exists and must not be replaced.
	Exists Class = "Exists"
	// Corrupt means: what the store received is not what was sent.
	Corrupt Class = "Corrupt"
	// NoUpload means: the store does not know the upload in parts, or one of its parts.
	NoUpload Class = "NoUpload"
	// ClockSkew means: the clocks of the pod and the store are too far apart.
	ClockSkew Class = "ClockSkew"
	// Untrusted means: the store's certificate is not signed by an authority that the pod trusts, or not for its name.
	Untrusted Class = "Untrusted"
	// Invalid means: the store refuses the request for what it asks: a storage class, a key, a setting.
	Invalid Class = "Invalid"
	// Misconfigured means: the client cannot make a request of what it was given, such as a key with a line break in it, a region
	// that is no name, or a file that is missing. No server was asked, and asking again does not help.
	Misconfigured Class = "Misconfigured"
	// ProxyRefused means: the proxy on the way to the store refuses to pass a request on.
	ProxyRefused Class = "ProxyRefused"
	// Unknown is everything else.
	Unknown Class = "Unknown"
)

// Error is an error of a store, with what the core needs to decide.
type Error struct {
	Class Class
	// After is how long the store asks to wait; zero: it does not ask.
	After time.Duration
	// Cure is the remedy, in one sentence for people; empty: the class's own.
	Cure string
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of an error; Unknown for one that has none.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unknown
}

// AsMisconfigured returns an error with the class Misconfigured and a remedy, unless it has a class already; nil for nil.
func AsMisconfigured(err error, cure string) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	return &Error{Class: Misconfigured, Cure: cure, Err: err}
}
