// Package manifest finds the pods in Kubernetes manifests, and writes the manifests back with their pods injected.
//
// A manifest is the input of kubectl apply: YAML or JSON, one document or many, objects or Lists of them. A table of kinds
// (kinds.go) lists the objects that make pods. A document of which nothing is injected is written back byte for byte. In another one the
// patch is applied to the YAML itself (edit.go), so that comments, order and quotes stay; where that would mean something else
// than the patched JSON does, the JSON is written as YAML, with its keys in alphabetical order and without the comments in it.
package manifest
