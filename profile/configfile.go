package profile

import "lighterman.dev/lighterman/api/v1alpha1"

// The pod annotations that hold configuration files. Do not change one: manifests in the field name them.
const (
	// AnnotationGCPCredentials holds Google's external_account file.
	AnnotationGCPCredentials = "lighterman.dev/gcp-credentials"
	// AnnotationAWSConfig holds an AWS configuration file.
	AnnotationAWSConfig = "lighterman.dev/aws-config"
)

// ConfigAnnotations are the annotations of all auth modes that hold configuration files.
var ConfigAnnotations = [...]string{AnnotationGCPCredentials, AnnotationAWSConfig}

// ConfigFile is a file of an auth mode that is not secret: its text is put into a pod annotation, and projected from there under the
// mode's FileName.
type ConfigFile struct {
	// Annotation is the one of ConfigAnnotations that holds the text.
	Annotation string
	// isNeeded reports whether a profile needs the file; nil: every profile with the mode does.
	isNeeded func(*v1alpha1.CredentialProfileSpec) bool
	// text returns the file's text.
	text func(*Environment) (string, error)
}

// ConfigFile returns the configuration file that the auth mode needs; nil: it needs none.
func (r *Resolved) ConfigFile() *ConfigFile {
	if r.Mode == nil || r.Mode.configFile == nil {
		return nil
	}
	if file := r.Mode.configFile; file.isNeeded == nil || file.isNeeded(r.Spec) {
		return file
	}
	return nil
}

// ConfigText returns the text of the configuration file; empty: the auth mode needs none.
func (e *Environment) ConfigText() (string, error) {
	file := e.ConfigFile()
	if file == nil {
		return "", nil
	}
	return file.text(e)
}
