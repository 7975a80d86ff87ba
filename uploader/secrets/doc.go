// Package secrets reads the static credentials of an auth mode: access keys, account keys, signatures, connection strings,
// client secrets and key files. It reads them again when the kubelet has replaced their files, all from one generation of the
// volume, so that a pair of keys is never made of two halves.
package secrets
