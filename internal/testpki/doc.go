// Package testpki makes the authorities and certificates of tests.
package testpki
