package profile

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Annotation is an annotation of a service account by which a cloud knows the identity of its pods.
type Annotation struct {
	Key, Value string
	// Required: the auth mode cannot work without it. Others are for people and for the cloud's own webhook: the pod has
	// the same in its environment.
	Required bool
}

// The annotations' keys: cloud.google.com/kubernetes-engine/docs/how-to/workload-identity,
// github.com/aws/amazon-eks-pod-identity-webhook v0.6.17 pkg/annotations.go, github.com/Azure/azure-workload-identity
// pkg/webhook/consts.go.
const (
	annotationGCPServiceAccount = "iam.gke.io/gcp-service-account"
	annotationRoleARN           = "eks.amazonaws.com/role-arn"
	annotationAzureClientID     = "azure.workload.identity/client-id"
	annotationAzureTenantID     = "azure.workload.identity/tenant-id"
)

// IdentityAnnotations are the keys of all annotations that ServiceAccountAnnotations returns.
var IdentityAnnotations = []string{
	annotationGCPServiceAccount, annotationRoleARN, annotationAzureClientID, annotationAzureTenantID,
}

// ServiceAccountAnnotations returns the annotations that a pod's service account must have; see Resolved.
func ServiceAccountAnnotations(spec *v1alpha1.CredentialProfileSpec) (want []Annotation, write bool) {
	r := Resolve(spec)
	return r.ServiceAccountAnnotations()
}

// ServiceAccountAnnotations returns the annotations that a pod's service account must have before the pod may start; write
// reports whether Lighterman is to write them. Otherwise an administrator has written them.
func (r *Resolved) ServiceAccountAnnotations() (want []Annotation, write bool) {
	if r.Mode == nil || r.Mode.annotations == nil {
		return nil, false
	}
	policy := annotatePolicy(r.Spec)
	for _, a := range r.Mode.annotations(r.Spec) {
		if a.Value != "" && (a.Required || policy == v1alpha1.AnnotateAlways) {
			want = append(want, a)
		}
	}
	return want, policy != v1alpha1.AnnotateNever
}

func annotatePolicy(spec *v1alpha1.CredentialProfileSpec) v1alpha1.AnnotatePolicy {
	if spec.ServiceAccount == nil || spec.ServiceAccount.Annotate == "" {
		return v1alpha1.AnnotateWhenRequired
	}
	return spec.ServiceAccount.Annotate
}

// AnnotateCommand is the command by which a person writes the annotations. An empty namespace is left out.
func AnnotateCommand(namespace, account string, annotations []Annotation) string {
	command := []string{"kubectl", "annotate", "serviceaccount", account}
	if namespace != "" {
		command = append(command, "-n", namespace)
	}
	for _, a := range annotations {
		command = append(command, a.Key+"="+a.Value)
	}
	return strings.Join(command, " ")
}

// checkServiceAccount refuses a policy that would be taken for another.
func (p *problems) checkServiceAccount(s *v1alpha1.ServiceAccountSettings) {
	if s != nil {
		checkOneOf(p, "spec.serviceAccount.annotate", s.Annotate,
			v1alpha1.AnnotateNever, v1alpha1.AnnotateWhenRequired, v1alpha1.AnnotateAlways)
	}
}

// checkAnnotations refuses a profile that asks for annotations where Lighterman must not write them.
func (p *problems) checkAnnotations(r *Resolved, cluster *Cluster, namespace, account string) {
	want, write := r.ServiceAccountAnnotations()
	if !cluster.NoServiceAccountAnnotations || !write || len(want) == 0 {
		return
	}
	p.addUnsupported("spec.serviceAccount.annotate", "Lighterman is installed without the permission to annotate service accounts "+
		"(--annotate-service-accounts=false): run %s and set spec.serviceAccount.annotate: Never",
		AnnotateCommand(namespace, account, want))
}
