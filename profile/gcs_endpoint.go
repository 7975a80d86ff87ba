package profile

import "strings"

// googleStorage is the host of Google's own service.
const googleStorage = "storage.googleapis.com"

// checkGCSEndpoint finds what is wrong with the URL of a storage service by itself, and with the bucket.
func (p *problems) checkGCSEndpoint(r *Resolved) {
	gcs, field := r.Spec.GCS, "spec.gcs.endpoint"
	if gcs.Endpoint == "" {
		return
	}
	u := p.checkURL(field, gcs.Endpoint)
	if u == nil {
		return
	}
	root := u.Scheme + "://" + u.Host
	if gcs.Bucket != "" && (u.Path == "/"+gcs.Bucket || strings.HasPrefix(u.Path, "/"+gcs.Bucket+"/")) {
		p.addInvalid(field, "has the bucket in it, which programs add themselves: write %s", root)
		return
	}
	if base, ok := strings.CutSuffix(u.Path, "/storage/v1"); ok {
		p.addInvalid(field, "has the path of the API in it, which is added: write %s%s", root, base)
		return
	}
	if strings.HasSuffix(u.Hostname(), "."+googleStorage) {
		p.addInvalid(field, "has a bucket in it, which programs add themselves: write https://%s, or leave endpoint out", googleStorage)
	}
}
