// Package fuzz holds the properties that the injection of every pod must have, and looks for a pod and a profile that
// break one.
//
// The judges are not ours: pods are defaulted and validated by the API server's own code (k8s.io/kubernetes, with the
// strategy that it uses for the creation of pods), profiles by its code for custom resources. So "the API server accepts
// the injected pod" is checked for thousands of pods in the time that a real one takes to start.
//
// Pods and profiles are made of bytes. A pod is built of choices that meet our rules, and then gets fields of the whole
// pod API at random; both in Go's fuzzing, where the bytes come from mutation, and in a plain test, where they come from
// seeds.
package fuzz
