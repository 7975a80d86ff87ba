// Package pki makes the authorities and certificates of tests.
package pki
