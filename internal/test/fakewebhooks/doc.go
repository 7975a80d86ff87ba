// Package fakewebhooks models what the webhooks of cloud providers do to a pod, for tests of what comes of it together
// with Lighterman. Only their rules are here, written anew after their sources; each type says which.
package fakewebhooks
