// Package pki makes throw-away certificate authorities and certificates for tests.
package pki
