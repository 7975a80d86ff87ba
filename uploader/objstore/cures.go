package objstore

import "errors"

// cures have, for each class, the remedy for an error that has none of its own.
var cures = map[Class]string{
	Transient:       "the store cannot be reached, or has a fault: look at its endpoint, the pod's network policies and the store's own state",
	Throttled:       "the store asks for fewer requests: lower spec.uploader.concurrency, or raise the store's limits",
	Expired:         "the credential has run out and no new one came: look at the service-account token, or renew the Secret",
	Denied:          "the store knows the caller and refuses: give the identity leave to write, read and delete below the prefix",
	Unauthenticated: "the store does not know the caller: look at the identity, its trust in the cluster and the token's audience",
	NoBucket:        "the bucket does not exist or is in another region: correct its name and region, or create it",
	NotFound:        "the object is gone from the store: look for a lifecycle rule, or somebody who deletes",
	Exists:          "an object of that key exists: choose a key that differs for each run, or set spec.uploader.overwrite",
	Corrupt:         "what the store received is not what was sent: look for a proxy that changes requests, or a fault of the memory",
	NoUpload:        "the upload is gone from the store: look for a lifecycle rule that aborts uploads",
	ClockSkew:       "the clocks of node and store differ: set the node's clock",
	Untrusted:       "the store's certificate is not signed by an authority that is trusted here: set spec.caBundle, or correct the endpoint",
	Invalid:         "the store refuses what is asked: look at storage class, encryption, object lock, tags and key",
	Misconfigured:   "no store was asked: correct what the message names, in the profile, or in the Secret or file that it refers to",
	ProxyRefused:    "the proxy refuses the way to the store: let it pass the store's host, or except that host in spec.proxy.noProxy",
	Unknown:         "look at the message",
}

// CureOf returns the remedy for an error of a store, in one sentence for people.
func CureOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Cure != "" {
		return e.Cure
	}
	return cures[ClassOf(err)]
}
