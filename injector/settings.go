package injector

import "lighterman.dev/lighterman/profile"

// Settings are what the process, and not the profile, decides.
type Settings struct {
	// Version is written into the injected annotation.
	Version string
	// Image is that of the containers which Lighterman adds. Empty: profiles that need one deny the pod.
	Image string
	// UploaderImage is that of the uploader. Empty: pods that need it are denied.
	UploaderImage string
	// Cluster is what profiles are checked against.
	profile.Cluster
}
