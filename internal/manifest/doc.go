// Package manifest finds the pods in Kubernetes manifests, and writes back what they are given.
//
// A manifest is what kubectl apply takes: YAML or JSON, one document or many, objects or Lists of them. What makes pods
// is a table of kinds (kinds.go). A document of which nothing is injected is written back byte for byte; another one
// as YAML with its keys in alphabetical order and every field that it had, without the comments inside it.
package manifest
