// Package certs gives the webhook server its serving certificate and says when the API server trusts it.
//
// Two modes exist. Embedded keeps a CA in one Secret with cert-manager's library, signs a certificate in the memory of
// each replica, and keeps caBundle in our MutatingWebhookConfiguration. Files serves a pair from a directory.
//
// The promise of embedded mode is that no admission request fails because a certificate changed. Therefore a
// certificate of a new CA is served only once caBundle, as the API server shows it, has held that CA for a settling
// delay; until then the previous certificate is served. The old CA stays in caBundle until it expires, because other
// replicas may still serve a certificate that it signed.
//
// What is pure (bundle.go, gate.go) takes the time as an argument; what talks to the API server (casecret.go,
// webhookconfig.go) or to a disk (files.go) holds no rule of its own. The package knows nothing of pods and profiles.
package certs
