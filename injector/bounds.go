package injector

import "fmt"

// The bounds of what is read of a pod. The API server bounds the annotations of an object together, at 256 KiB, and not
// each of them (k8s.io/apimachinery v0.37 pkg/api/validation/objectmeta.go, TotalAnnotationSizeLimitB); and it does so
// only after the webhooks. A pod with more than a few dozen containers is not known from any cluster.
const (
	maxAnnotation = 16 << 10
	maxNames      = 256
)

// maxPatch is the size of the largest patch. etcd stores no object above 1.5 MiB (etcd v3.7 server/embed/config.go,
// DefaultMaxRequestBytes), and the pod itself has to fit too.
const maxPatch = 1 << 20

// readAnnotations are the annotations of a pod that are read, and those that Lighterman writes and reads again.
var readAnnotations = [...]string{
	AnnotationProfile, AnnotationClusterProfile, AnnotationInject, AnnotationContainers, AnnotationSkipContainers,
	AnnotationTools, AnnotationUpload, AnnotationCompletion, AnnotationWorkload, AnnotationPgbackrestRepository,
	AnnotationInjected, AnnotationAdded, AnnotationGCPCredentials, AnnotationAWSConfig,
}

// checkSizes denies a pod with an annotation that is too long to be read.
func checkSizes(m *Metadata) error {
	for _, key := range readAnnotations {
		if n := len(m.Annotations[key]); n > maxAnnotation {
			return Deny(ReasonInvalidAnnotation, fmt.Sprintf(
				"annotation %s has %d bytes: write at most %d", key, n, maxAnnotation))
		}
	}
	return nil
}
