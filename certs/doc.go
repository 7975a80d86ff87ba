// Package certs provides the webhook's serving certificate and the secret paths by which API servers call it, and publishes
// both in the webhook configuration.
//
// A replica of the webhook uses a Source, which reads and never writes. It has two modes. Embedded reads what an Issuer wrote
// to a Secret; Files reads a directory. An Issuer runs in a process of its own, under an account of its own: it keeps a CA in
// one Secret with cert-manager's library, issues certificate and paths into another, and keeps caBundle and the path in our
// MutatingWebhookConfiguration. The right to write that configuration is worth the whole cluster, and no admission policy
// can bound it, so it must not belong to a process that parses what the network sends. For the same reason a replica never
// holds the CA's key.
//
// The promise of embedded mode is that no admission request fails because a certificate or a path changed. Therefore a
// certificate of a new CA is handed out only once caBundle, as the API server shows it, has held that CA for a settling delay;
// until then the previous certificate is served. The old CA stays in caBundle until it expires. Likewise a path is accepted
// by replicas for the settling delay before it is published, and for a grace period after it was replaced.
//
// The rules (bundle.go, gate.go, paths.go) are pure and take the time as an argument. The files that talk to the API server
// (secret.go, webhookconfig.go, published.go, outage.go) or read a disk (files.go) hold no rule of their own. The package knows
// nothing of pods and profiles.
package certs
