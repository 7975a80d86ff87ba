package profile

// bucket returns the name of the bucket or container as the variables of the tools have it.
func (r *Resolved) bucket() string {
	bucket, _ := r.Store.Location(r.Spec)
	return bucket
}
