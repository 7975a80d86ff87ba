// Lighterman gives backup pods access to their object store.
//
// The program is the admission webhook ("lighterman webhook"), the issuer of its certificates ("lighterman certs"), the same
// rules for use without a cluster ("lighterman inject"), a diagnosis of a pod's access to its store ("lighterman doctor"), and a
// helper that the webhook adds to pods ("lighterman ca-bundle"). The commands are in internal/cli/lightermancmd.
package main
