package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The ranks of the credentials that the AWS SDKs and minio-go look for: botocore 1.43 credentials.py, aws-sdk-go-v2 config
// v1.33.15 resolve_credentials.go, aws-sdk-go v1.55.8 session/credentials.go.
const (
	rankKeys = iota + 1
	rankWebIdentity
	rankFile
	rankContainer
)

// The ranks of the credentials for Azure Blob Storage. Tools take the account's keys before they ask for a token (barman
// 3.17 azure_blob_storage.py, restic 0.19 azure.go, WAL-G 3.0 pkg/storages/azure), and azidentity and azure-identity then
// go through the others in this order (default_azure_credential.go, _credentials/default.py).
const (
	rankStorageKeys = iota + 1
	rankServicePrincipal
	rankWorkloadIdentity
	rankManagedIdentity
)

// otherWebhook is a cloud provider's own webhook that gives pods an identity, as data. What it put into a container is
// nobody's decision for that container, so it does not win as a user's own value does: see meet.
type otherWebhook struct {
	// name is its name for people.
	name string
	// token is the variable with the path of its token, and dir where that lies: by both it is recognised.
	token, dir string
	// who is the variable that says who the pod is, with holds what goes with it. Without who it gave no identity.
	who  string
	with []string
	// audience is that of its token.
	audience string
	// rank is that of the credential that it gives: see mode.rank.
	rank int
	// label is one that a pod must have to be its business, with the value "true"; empty: it may come to every pod.
	label string
	// skip is the pod annotation that lists the containers which it leaves alone, between the separators.
	skip, separator string
	// source says where its identity comes from, for people: it is what they remove if they do not want it.
	source string
}

// s3Others are those of EKS: github.com/aws/amazon-eks-pod-identity-webhook v0.6.17, main.go and pkg/handler/handler.go.
var s3Others = []otherWebhook{
	{
		name:  "EKS's webhook for IAM roles for service accounts",
		token: "AWS_WEB_IDENTITY_TOKEN_FILE", dir: "/var/run/secrets/eks.amazonaws.com",
		who: "AWS_ROLE_ARN", audience: "sts.amazonaws.com", rank: rankWebIdentity,
		skip: "eks.amazonaws.com/skip-containers", separator: ",",
		source: "the annotation " + annotationRoleARN + " of its service account",
	},
	{
		name:  "EKS's webhook for Pod Identity",
		token: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", dir: "/var/run/secrets/pods.eks.amazonaws.com",
		who: "AWS_CONTAINER_CREDENTIALS_FULL_URI", audience: "pods.eks.amazonaws.com", rank: rankContainer,
		skip: "eks.amazonaws.com/skip-containers", separator: ",",
		source: "the Pod Identity association of its service account",
	},
}

// azureOthers is github.com/Azure/azure-workload-identity v1.6.0, pkg/webhook/consts.go and webhook.go. Before v1.6.0 the
// token's directory was /var/run/secrets/azure/tokens.
var azureOthers = []otherWebhook{{
	name:  "Azure's workload identity webhook",
	token: "AZURE_FEDERATED_TOKEN_FILE", dir: "/var/run/secrets/azure",
	who: "AZURE_CLIENT_ID", with: []string{"AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"},
	audience: "api://AzureADTokenExchange", rank: rankWorkloadIdentity,
	label: "azure.workload.identity/use",
	skip:  "azure.workload.identity/skip-containers", separator: ";",
	source: "the pod's label azure.workload.identity/use",
}}

// sets reports whether the webhook sets a variable for the identity that it gives.
func (w *otherWebhook) sets(name string) bool {
	return name == w.token || name == w.who || slices.Contains(w.with, name)
}

// cameTo reports whether the webhook has given the container its token.
func (w *otherWebhook) cameTo(t *target) bool {
	return slices.ContainsFunc(t.Env, func(e corev1.EnvVar) bool {
		return e.Name == w.token && within(cleanPath(e.Value), w.dir)
	})
}

// others gives the other webhooks that came to the container.
func (p *plan) others(t *target) []*otherWebhook {
	var came []*otherWebhook
	for i := range p.store.others {
		if w := &p.store.others[i]; w.cameTo(t) {
			came = append(came, w)
		}
	}
	return came
}

// meet decides between the profile's identity and the one that another webhook gave the container; the groups are those
// that the container keeps for it. Nothing of the other's can be taken away, so the profile's identity is injected where
// it is whole beside the other, and programs take it first; else all of it stays out, for half an identity is none.
func (p *plan) meet(t *target, w *otherWebhook) (group, error) {
	whole, same := p.fits(t, w), p.mode.rank == w.rank
	known := p.own.presence(w.who).possible() && !slices.ContainsFunc(t.Env, func(e corev1.EnvVar) bool { return e.Name == w.who && p.means(&e) })
	switch {
	case whole && (same || !known):
		return 0, nil
	case !p.own.presence(w.who).possible():
		return 0, p.denyHalfOf(t, w, w.who)
	case whole && p.mode.rank < w.rank:
		p.warn("container %q has two identities, of which programs take that of %s %s: %s gave it the other (%s); remove %s if that is not needed",
			t.Name, p.profile.Kind, p.profile, w.name, w.who, w.source)
		return 0, nil
	case !p.store.shutsNode && p.uncertain(w) != "":
		return 0, p.denyHalfOf(t, w, p.uncertain(w))
	}
	p.warn("container %q keeps the identity that %s gave it (%s), and does not get that of %s %s: remove %s, or list the container in the pod's annotation %s",
		t.Name, w.name, w.who, p.profile.Kind, p.profile, w.source, w.skip)
	return p.store.identity | groupEntra, nil
}

// uncertain is a variable of the other webhook's identity that may have no value: the container sets it by an optional reference, so
// the webhook left it alone. Empty: there is none.
func (p *plan) uncertain(w *otherWebhook) string {
	for _, name := range append([]string{w.who}, w.with...) {
		if !p.own.presence(name).certain() {
			return name
		}
	}
	return ""
}

// denyHalfOf denies the pod that another webhook gave a token for nobody, which does not go with the profile's identity.
func (p *plan) denyHalfOf(t *target, w *otherWebhook, lacking string) error {
	return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
		"spec.%s[%d].env: container %q has the token of %s without %s for certain, and the rest of what that webhook set does not go with %s of %s %s: remove %s, or list the container in the pod's annotation %s",
		t.list, t.index, t.Name, w.name, lacking, groupNames[p.store.identity], p.profile.Kind, p.profile, w.source, w.skip))
}

// fits reports whether the profile's identity is whole beside what the other webhook set: where both use a variable, both
// mean the same. The path of the token may be either, as long as the token is for the same audience.
func (p *plan) fits(t *target, w *otherWebhook) bool {
	token := p.mode.audience != nil && p.mode.rank == w.rank && p.mode.audience(p.spec) == w.audience
	for i := range t.Env {
		env := &t.Env[i]
		if !w.sets(env.Name) || (env.Name == w.token && token) {
			continue
		}
		if _, injected := p.index[env.Name]; injected && !p.means(env) {
			return false
		}
	}
	return true
}

// means reports whether a container's variable is the one that the profile injects.
func (p *plan) means(env *corev1.EnvVar) bool {
	at, injected := p.index[env.Name]
	return injected && p.vars[at].same(env)
}

// keepOthersOut tells the webhooks whose identity programs would take before the profile's to leave the containers alone,
// in those webhooks' own words. An annotation that is there is the user's.
func (p *plan) keepOthersOut(targets []target) {
	for i := range p.store.others {
		w := &p.store.others[i]
		_, set := p.pod.Metadata.Annotations[w.skip]
		if set || p.mode.inherits || p.mode.rank <= w.rank || (w.label != "" && p.pod.Metadata.Labels[w.label] != "true") {
			continue
		}
		var names []string
		for i := range targets {
			if t := &targets[i]; t.proven && !w.cameTo(t) {
				names = append(names, t.Name)
			}
		}
		if len(names) > 0 {
			p.keep = append(p.keep, entry{w.skip, strings.Join(names, w.separator)})
		}
	}
}
