// Lighterman gives backup pods everything they need to reach their object store.
//
// The program is the admission webhook ("lighterman webhook"), the keeper of its certificates ("lighterman certs"), the same
// rules for use without a cluster ("lighterman inject"), a look at what works between a pod and its store ("lighterman doctor"), and a helper that the webhook adds to pods
// ("lighterman ca-bundle").
package main
