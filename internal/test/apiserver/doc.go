// Package apiserver starts a real API server for tests. Only tests import it.
package apiserver
