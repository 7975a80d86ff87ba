// Package release installs Lighterman in a cluster as its users do: the image from the work tree, the chart with the
// real helm.
package release
