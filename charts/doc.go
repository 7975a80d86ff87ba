// Package charts holds the chart, and the custom resource definitions that it installs, for programs that work without a cluster.
package charts
