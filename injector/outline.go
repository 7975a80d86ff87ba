package injector

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// outline is what decides what is written into a pod, but for the pod's own containers and volumes.
type outline struct {
	Profile     string
	Settings    *Settings
	Annotations []entry
	Vars        []profile.Variable
	Sources     []corev1.VolumeProjection
	Document    string
	Label       []string
	AppendCA    bool
	Uploader    *uploadOutline
}

// uploadOutline is what decides how the uploader is.
type uploadOutline struct {
	Config    uploader.Config
	SizeLimit *resource.Quantity
	Port      *int32
	Resources *corev1.ResourceRequirements
	Security  *corev1.SecurityContext
	Identity  string
}

// outlineAnnotations are the annotations of a pod that change what it gets, sorted.
var outlineAnnotations = [...]string{
	AnnotationCompletion, AnnotationContainers, AnnotationPgbackrestRepository, AnnotationSkipContainers, AnnotationTools,
	AnnotationUpload,
}

// outlineHash returns the hash by which an addition is known to be this plan's.
func outlineHash(pod *Pod, d *desired, u *uploadRequest, settings *Settings) (string, error) {
	o := outline{
		Profile: d.profile.Kind + " " + d.profile.String(), Settings: settings, Vars: d.Vars,
		Sources: d.sources, Document: d.configText, AppendCA: d.appendsCA(),
	}
	for _, key := range outlineAnnotations {
		if value, set := pod.Metadata.Annotations[key]; set {
			o.Annotations = append(o.Annotations, entry{key, value})
		}
	}
	if d.Mode.Label != nil {
		key, value := d.Mode.Label(d.Spec)
		o.Label = []string{key, value}
	}
	if u != nil {
		o.Uploader = &uploadOutline{
			Config:    profile.UploaderConfig(&u.spec),
			SizeLimit: u.spec.SizeLimit,
			Port:      u.spec.MetricsPort,
			Resources: u.spec.Resources,
			Security:  u.spec.SecurityContext,
			Identity:  cmp.Or(u.spec.Identity, profile.IdentityOfUploader),
		}
		o.Uploader.Config.Spool, o.Uploader.Config.Completion = u.path, u.completionMode()
		o.Uploader.Config.DrainTimeoutSeconds = u.drainTimeout()
		d.ConfigureUploader(&o.Uploader.Config)
	}
	text, err := o.appendJSON(make([]byte, 0, 4<<10))
	if err != nil {
		return "", fmt.Errorf("write the outline of what is added: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// appendJSON appends the outline as JSON. Pods in clusters hold the hash of it: its keys and their order stay.
func (o *outline) appendJSON(b []byte) ([]byte, error) {
	b = appendString(append(b, `{"Profile":`...), o.Profile)
	b = o.Settings.appendJSON(append(b, `,"Settings":`...))
	b = appendEntries(append(b, `,"Annotations":`...), o.Annotations)
	b = append(b, `,"Vars":[`...)
	var err error
	for i := range o.Vars {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendEnvVar(b, &o.Vars[i].EnvVar); err != nil {
			return nil, err
		}
	}
	if b, err = appendValue(append(b, `],"Sources":`...), o.Sources); err != nil {
		return nil, err
	}
	b = appendString(append(b, `,"Document":`...), o.Document)
	b = appendStrings(append(b, `,"Label":`...), o.Label)
	b = strconv.AppendBool(append(b, `,"AppendCA":`...), o.AppendCA)
	b = append(b, `,"Uploader":`...)
	if o.Uploader == nil {
		return append(b, "null}"...), nil
	}
	if b, err = appendValue(b, o.Uploader); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (s *Settings) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"Version":`...), s.Version)
	b = appendString(append(b, `,"Image":`...), s.Image)
	b = appendString(append(b, `,"UploaderImage":`...), s.UploaderImage)
	b = strconv.AppendBool(append(b, `,"ClusterTrustBundles":`...), s.ClusterTrustBundles)
	b = appendStrings(append(b, `,"APIAudiences":`...), s.APIAudiences)
	b = strconv.AppendBool(append(b, `,"NoServiceAccountAnnotations":`...), s.NoServiceAccountAnnotations)
	return append(b, '}')
}
