// Package google stands in for Google's token services, and for the check of identities in front of Cloud Storage.
//
// The Security Token Service exchanges a cluster's token only for a registered provider, and checks signature, issuer, audience and
// lifetime; one of a fleet's member is for the fleet's pool. IAM Credentials gives a service account's token only to a principal that may act as it. The OAuth service takes
// an assertion that a registered key signed, for itself and for at most an hour. Cloud Storage takes the tokens that these
// gave, and those that a registered key signed for Cloud Storage, and checks the principal's roles for the bucket; then
// fake-gcs-server answers, which checks nothing.
//
// What it does not do: attribute mappings and conditions, groups and principal sets, scopes narrower than a role, HMAC keys,
// signed URLs, organisations' policies. Texts of errors are close to the real services'.
package google
