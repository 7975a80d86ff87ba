package injector

// Record is the value of AnnotationInjected, as compact JSON.
type Record struct {
	// Profile is namespace/name, or the name of a cluster profile.
	Profile string `json:"profile"`
	Kind    string `json:"kind"`
	// UID and Generation are those of the profile; zero when it came from a file.
	UID        string `json:"uid,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	// Version is that of Lighterman.
	Version string `json:"version"`
	// Volume: the pod has the volume VolumeName; the admission policy checks it after all other webhooks.
	Volume bool `json:"volume,omitempty"`
	// Uploader: the pod has the native sidecar UploaderContainerName; the policy checks that, too.
	Uploader bool `json:"uploader,omitempty"`
}
