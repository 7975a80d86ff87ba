package serviceaccounts

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// maxRequesters limits how many profiles of a record are read: users who may write service accounts may write the record, and
// must not make the webhook read profiles without end.
const maxRequesters = 64

// formatRequesters returns profiles as the value of AnnotationAnnotatedFor.
func formatRequesters(requesters []resolve.Ref) string {
	names := make([]string, len(requesters))
	for i, ref := range requesters {
		names[i] = ref.Kind + "/" + ref.Name
	}
	return strings.Join(names, ",")
}

// parseRequesters returns the profiles of a record. It leaves out what formatRequesters does not write.
func parseRequesters(record string) []resolve.Ref {
	var requesters []resolve.Ref
	for item := range strings.SplitSeq(record, ",") {
		kind, name, _ := strings.Cut(item, "/")
		ref := resolve.Ref{Kind: kind, Name: name}
		isProfile := kind == v1alpha1.KindCredentialProfile || kind == v1alpha1.KindClusterCredentialProfile
		isProfile = isProfile && len(validation.IsDNS1123Subdomain(name)) == 0
		if isProfile && !slices.Contains(requesters, ref) && len(requesters) < maxRequesters {
			requesters = append(requesters, ref)
		}
	}
	return requesters
}

// listsRequester reports whether the record names the profile. Without a record another field manager wrote the annotations, which
// then need none.
func listsRequester(annotations map[string]string, p *profile.Profile) bool {
	record, ok := annotations[injector.AnnotationAnnotatedFor]
	return !ok || slices.Contains(parseRequesters(record), refOf(p))
}

func refOf(p *profile.Profile) resolve.Ref { return resolve.Ref{Kind: p.Kind, Name: p.Name} }

// describeRef returns the profile's kind and name as users write them.
func describeRef(ref resolve.Ref, namespace string) string {
	if ref.Kind == v1alpha1.KindClusterCredentialProfile {
		return ref.Kind + " " + ref.Name
	}
	return ref.Kind + " " + namespace + "/" + ref.Name
}
