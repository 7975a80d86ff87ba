package fakecloud

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/deploy"
	"lighterman.dev/lighterman/e2e/harness/require"
)

const (
	linkLocal       = "link-local"
	metadataService = "metadata"
)

// LinkLocalForTest takes over the node's link-local addresses for GKE's metadata server, Azure's instance metadata and the agent of EKS
// Pod Identity, see package metadata. Only a local cluster's node may lose the ones that it has.
func (c *Cloud) LinkLocalForTest(tb testing.TB, target *cluster.Target) {
	tb.Helper()
	if target.Local == nil {
		require.Skip(tb, "a local cluster, whose node has no metadata service of its own")
	}
	if err := c.installLinkLocal(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// MetadataHostAlias leads to the metadata server by name, which tools for Google Cloud expect of the cluster's DNS.
func MetadataHostAlias() corev1.HostAlias {
	return corev1.HostAlias{IP: api.MetadataIP, Hostnames: []string{"metadata.google.internal"}}
}

func (c *Cloud) installLinkLocal(ctx context.Context) error {
	dyn, err := dynamic.NewForConfig(c.rest)
	if err != nil {
		return fmt.Errorf("install link-local: %w", err)
	}
	kube, err := kubernetes.NewForConfig(c.rest)
	if err != nil {
		return fmt.Errorf("install link-local: %w", err)
	}
	if err := deploy.Apply(ctx, dyn, metadataServiceObject(), linkLocalObject(c.images)); err != nil {
		return fmt.Errorf("install link-local: %w", err)
	}
	if err := deploy.WaitAvailable(ctx, kube, Namespace, linkLocal, time.Minute); err != nil {
		return fmt.Errorf("install link-local: %w", err)
	}
	return nil
}

// metadataServiceObject is headless: the local cluster's node has no route to Services' addresses, but to those of pods.
func metadataServiceObject() *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta(metadataService),
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: labels()},
	}
}

// linkLocalObject is in the node's network, where it adds addresses and listens to a privileged port.
func linkLocalObject(images Images) *appsv1.Deployment {
	labels := map[string]string{"app.kubernetes.io/name": linkLocal}
	security := restricted()
	security.RunAsUser, security.RunAsNonRoot = new(int64(0)), new(false)
	security.Capabilities.Add = []corev1.Capability{"NET_ADMIN", "NET_BIND_SERVICE"}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta(linkLocal),
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{programAnnotation: images.ProgramDigest}},
				Spec: corev1.PodSpec{
					AutomountServiceAccountToken:  new(false),
					HostNetwork:                   true,
					DNSPolicy:                     corev1.DNSClusterFirstWithHostNet,
					TerminationGracePeriodSeconds: new(int64(1)),
					Containers: []corev1.Container{{
						Name: linkLocal, Image: images.Program,
						Args: []string{linkLocal, fmt.Sprintf("--to=http://%s.%s.svc:%d", metadataService, Namespace, api.MetadataPort)},
						Env:  []corev1.EnvVar{fromSecret(api.TokenEnv, tokenKey)},
						ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
							Host: api.MetadataIP, Path: api.ReadyPath, Port: intstr.FromInt32(80),
						}}},
						SecurityContext: security,
					}},
				},
			},
		},
	}
}

// roleObjects let the program find the pod that asks, and its service account's annotation.
func roleObjects() []any {
	name := metav1.ObjectMeta{Name: Namespace}
	return []any{
		&rbacv1.ClusterRole{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, ObjectMeta: name,
			Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
				{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"get"}},
			},
		},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}, ObjectMeta: name,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: Namespace},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: Service, Namespace: Namespace}},
		},
	}
}

// ManagedIdentity grants the pods of a namespace a managed identity. binding is empty, or the value of the label
// aadpodidbinding that a pod must have.
func (c *Cloud) ManagedIdentity(tb testing.TB, clientID, namespace, binding string) {
	tb.Helper()
	c.register(tb, directory.Entries{ManagedIdentities: []directory.ManagedIdentity{{
		TenantID: TenantID, ClientID: clientID, Namespace: namespace, Binding: binding,
	}}})
}

// AssociatePodIdentity lets the pods of a service account take a role of the S3 store through the agent of EKS Pod Identity. The
// role must trust the audience "pods.eks.amazonaws.com".
func (c *Cloud) AssociatePodIdentity(tb testing.TB, namespace, serviceAccount, roleARN string) {
	tb.Helper()
	c.register(tb, directory.Entries{PodAssociations: []directory.PodAssociation{{
		Namespace: namespace, ServiceAccount: serviceAccount, RoleARN: roleARN,
	}}})
}

// GKEMember is who a Kubernetes service account is, for AllowImpersonation: GKE's metadata server asks for it.
func GKEMember(namespace, serviceAccount string) string {
	return fmt.Sprintf("serviceAccount:%s.svc.id.goog[%s/%s]", ProjectID, namespace, serviceAccount)
}

// GKEPrincipal is who a Kubernetes service account without an annotation is to Google, for GrantBucket.
func GKEPrincipal(namespace, serviceAccount string) string {
	return "principal:" + api.GKEPool + "/subject/ns/" + namespace + "/sa/" + serviceAccount
}
