package store

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"lighterman.dev/lighterman/e2e/harness/image"
)

func labels() map[string]string { return map[string]string{"app.kubernetes.io/name": "versitygw"} }

func selector() string {
	return metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels()})
}

func namespaceObject() *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name:   Namespace,
			Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		},
	}
}

func serviceObject() *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: Service, Namespace: Namespace},
		Spec: corev1.ServiceSpec{
			Selector: labels(),
			Ports: []corev1.ServicePort{
				{Name: "s3", Port: S3Port, TargetPort: intstr.FromString("s3")},
				{Name: "sts", Port: STSPort, TargetPort: intstr.FromString("sts")},
			},
		},
	}
}

func deploymentObject(o Options) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: Service, Namespace: Namespace},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: labels()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels()},
				Spec: corev1.PodSpec{
					AutomountServiceAccountToken:  new(false),
					TerminationGracePeriodSeconds: new(int64(1)),
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot:   new(true),
						RunAsUser:      new(int64(image.NonRoot)),
						FSGroup:        new(int64(image.NonRoot)),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{
						container(o, "sts", STSPort, "iam", "--dir="+iamDir, "--private-ports="+runDir+"/iam.sock"),
						container(o, "s3", S3Port, "--iam-standalone-endpoint="+runDir+"/iam.sock", "--virtual-domain="+virtualDomain,
							"posix", "--versioning-dir="+versionDir, bucketDir),
					},
					Volumes: []corev1.Volume{
						scratch("buckets"), scratch("versions"), scratch("iam"), scratch("run"),
						{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secretName}}},
						// Every namespace has the authority that signed the API server, and so the issuer, in this ConfigMap.
						{Name: "issuer", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
							LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
						}}},
					},
				},
			},
		},
	}
}

// The directories of the pod. In runDir is the socket through which the gateway asks the identity service about keys and sessions.
const (
	bucketDir  = "/buckets"
	versionDir = "/versions"
	iamDir     = "/iam"
	runDir     = "/run/store"
)

// virtualDomain is what follows the bucket in a host name of the virtual-hosted style. The gateway takes a single one and cuts there:
// so little of it fits all of Amazon's names, bucket.s3.REGION.amazonaws.com and bucket.s3.amazonaws.com alike, and not
// the Service's own name, which has no label in front of it.
const virtualDomain = "s3"

// scratch is on disk, not in memory: the gateway keeps metadata in extended attributes, which tmpfs has had only since Linux 6.6.
func scratch(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// container runs versitygw with the global flags that both roles share, then the role's own arguments.
func container(o Options, name string, port int32, args ...string) corev1.Container {
	fromSecret := func(variable, key string) corev1.EnvVar {
		return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secretName}, Key: key,
		}}}
	}
	return corev1.Container{
		Name:            name,
		Image:           o.Image,
		ImagePullPolicy: o.PullPolicy,
		Args: append([]string{
			fmt.Sprintf("--port=:%d", port), "--health=/healthz", "--region=" + Region,
			"--cert=/tls/" + corev1.TLSCertKey, "--key=/tls/" + corev1.TLSPrivateKeyKey,
		}, args...),
		Env: []corev1.EnvVar{
			fromSecret("ROOT_ACCESS_KEY_ID", rootIDKey),
			fromSecret("ROOT_SECRET_ACCESS_KEY", rootSecretKey),
			// The file adds to the public authorities in the image's directory, for clusters whose issuer is public.
			{Name: "SSL_CERT_FILE", Value: "/issuer/ca.crt"},
			{Name: "SSL_CERT_DIR", Value: "/etc/ssl/certs"},
		},
		Ports: []corev1.ContainerPort{{Name: name, ContainerPort: port}},
		ReadinessProbe: &corev1.Probe{
			PeriodSeconds: 1,
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: "/healthz", Port: intstr.FromString(name), Scheme: corev1.URISchemeHTTPS,
			}},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "buckets", MountPath: bucketDir},
			{Name: "versions", MountPath: versionDir},
			{Name: "iam", MountPath: iamDir},
			{Name: "run", MountPath: runDir},
			{Name: "tls", MountPath: "/tls", ReadOnly: true},
			{Name: "issuer", MountPath: "/issuer", ReadOnly: true},
		},
	}
}
