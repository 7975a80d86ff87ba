package tools

// FakeGCSServer keeps the objects behind Google Cloud Storage's API. It does not check identities.
func FakeGCSServer() Tool {
	return Tool{
		Name:     "fake-gcs-server",
		Module:   "github.com/fsouza/fake-gcs-server",
		Packages: []string{"github.com/fsouza/fake-gcs-server"},
		LDFlags:  "-s -w",
		Static:   true,
	}
}

// SeaweedFS is a store with an S3 gateway, a token service and an S3 API that is not a gateway's in front of files. It has no
// releases as module versions.
func SeaweedFS() Tool {
	return Tool{
		Name:     "seaweedfs",
		Module:   "github.com/seaweedfs/seaweedfs",
		Packages: []string{"github.com/seaweedfs/seaweedfs/weed"},
		LDFlags:  "-s -w",
		Static:   true,
	}
}
