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
