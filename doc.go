// Lighterman gives backup pods everything they need to reach their object store.
//
// The program is the admission webhook ("lighterman webhook"), the same rules for use without a cluster ("lighterman
// inject"), and a helper that the webhook adds to pods ("lighterman ca-bundle").
package main
