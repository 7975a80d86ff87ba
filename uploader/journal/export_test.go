package journal

// SetLimits sets the size of the file, and the size of dead records from which on it is compacted.
func (j *Journal) SetLimits(maxSize, compactFrom int64) {
	j.maxSize, j.compactFrom = maxSize, compactFrom
}
