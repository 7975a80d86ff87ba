// Package checksum computes the checksums that stores verify, and the checksum of a whole from those of its parts.
package checksum
