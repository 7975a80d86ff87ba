// Package testenv starts a real API server for tests. Only tests import it.
package testenv
