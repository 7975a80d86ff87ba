// Package fakecloud serves the public clouds under their own host names in a cluster, for tests of tools that know no others.
//
// One pod in the namespace public-cloud answers for all of them over TLS, with a certificate of a private authority: the token
// services of Entra ID and Google, Azure Blob Storage, Google Cloud Storage, Amazon S3 and AWS STS. Token services that
// cannot run here are stood in for, and are as strict as the real ones: packages azure and google say what they check and
// what they cannot do. The objects are in real stores: Azurite and fake-gcs-server in the same pod, and versitygw of package
// store, which checks identities itself.
//
// Nobody is known and nothing may be done until a test registers it. Test pods need HostAliases for the names and CABundle
// to trust. Tests share the clouds, so each uses names of its own.
package fakecloud
