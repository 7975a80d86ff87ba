package objstore

// Sum is a checksum; the zero value is none.
type Sum struct {
	Algorithm Algorithm `json:"algorithm,omitempty"`
	// Value is the checksum's bytes in base64, most significant byte first, as stores write it.
	Value string `json:"value,omitempty"`
}
