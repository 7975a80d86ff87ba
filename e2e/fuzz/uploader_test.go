package fuzz

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"lighterman.dev/lighterman/api/v1alpha1"
)

// spools are places that pods have volumes at, above and below.
var spools = []string{"/backup", "/data", "/", "/var/run/secrets/lighterman.dev/x", "backup", ""}

// uploader makes one of which most fields are absent. It has no resources of its own: a pod's may be too small for them, and
// then the API server is right to refuse the pod.
func (s *source) uploader() *v1alpha1.Uploader {
	u := &v1alpha1.Uploader{
		Path:                good(s, spools),
		Upload:              rarely(s, "", "OnClose", "Stream", "Never"),
		Include:             some(s, 5, "*.dump", "wal/**", "[", ""),
		Exclude:             some(s, 5, "*.tmp", "{a"),
		Key:                 rarely(s, "", "{namespace}/{pod}/{path}", "{path}", "{pid}", "/x/{path}"),
		Completion:          pick(s, "", "", "Drain", "Wrap"),
		Identity:            rarely(s, "", "Uploader", "Containers", "Both"),
		DrainTimeoutSeconds: maybe(s, 20, rarely(s, int64(60), 604800, 0, -1, 604801)),
		AfterUpload:         rarely(s, "", "Keep", "Delete", "Burn"),
		PartSizeMiB:         maybe(s, 5, rarely(s, int32(16), 5120, 1, -1)),
		Concurrency:         maybe(s, 5, rarely(s, int32(4), 64, 65)),
	}
	if s.chance(5) {
		u.SizeLimit = new(resource.MustParse(pick(s, "10Gi", "0")))
	}
	if s.chance(5) {
		u.ObjectLock = &v1alpha1.ObjectLock{Mode: rarely(s, "Governance", "Compliance", "Legal"), Days: rarely(s, int32(30), 0)}
	}
	if s.chance(5) {
		u.SSE = &v1alpha1.SSE{Algorithm: pick(s, "AES256", "KMS"), KMSKeyID: pick(s, "", "key")}
	}
	if s.chance(5) {
		u.Tags = map[string]string{"team": pick(s, "pg", "")}
	}
	return u
}
