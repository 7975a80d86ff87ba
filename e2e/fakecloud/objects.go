package fakecloud

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/store"
)

const storeCA = "store-ca"

// programAnnotation renews a pod when its program has changed under the same name.
const programAnnotation = "lighterman.dev/e2e-program"

func labels() map[string]string { return map[string]string{"app.kubernetes.io/name": Service} }

func selector() string {
	return metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels()})
}

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: Namespace} }

func namespaceObject() *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name:   Namespace,
			Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}, // for link-local
		},
	}
}

// serviceAccountObject needs no role for the keys that tokens are signed with, which every service account may ask for.
func serviceAccountObject() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta(Service)}
}

func storeCAObject(ca []byte) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: meta(storeCA), Data: map[string]string{caKey: string(ca)},
	}
}

func serviceObject() *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta(Service),
		Spec: corev1.ServiceSpec{
			Selector: labels(),
			Ports:    []corev1.ServicePort{{Name: "names", Port: 443, TargetPort: intstr.FromInt32(api.NamesPort)}},
		},
	}
}

func deploymentObject(o Options, s3 *store.Store) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta(Service),
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: labels()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels:      labels(),
					Annotations: map[string]string{programAnnotation: o.Images.ProgramDigest},
				},
				Spec: corev1.PodSpec{
					ServiceAccountName:            Service,
					TerminationGracePeriodSeconds: new(int64(1)),
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot:   new(true),
						RunAsUser:      new(int64(image.NonRoot)),
						FSGroup:        new(int64(image.NonRoot)),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{programContainer(o.Images, s3), azuriteContainer(o.Images), gcsContainer(o.Images)},
					Volumes: []corev1.Volume{
						scratch("blobs"), scratch("gcs"), scratch("tmp"),
						{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secretName}}},
						{Name: storeCA, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
							LocalObjectReference: corev1.LocalObjectReference{Name: storeCA},
						}}},
					},
				},
			},
		},
	}
}

func scratch(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func programContainer(images Images, s3 *store.Store) corev1.Container {
	return corev1.Container{
		Name:  "cloud",
		Image: images.Program,
		Args: []string{
			"serve", "--tls=/tls", "--blob=https://127.0.0.1:10000", "--gcs=http://127.0.0.1:4443",
			"--s3=" + s3.Endpoint, "--sts=" + s3.STSEndpoint, "--store-ca=/store-ca/" + caKey,
		},
		Env:   []corev1.EnvVar{fromSecret(api.TokenEnv, tokenKey)},
		Ports: []corev1.ContainerPort{{Name: "names", ContainerPort: api.NamesPort}, {Name: "admin", ContainerPort: api.AdminPort}},
		// It is ready when the stores behind it are.
		ReadinessProbe: &corev1.Probe{
			PeriodSeconds: 1,
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: api.ReadyPath, Port: intstr.FromInt32(api.AdminPort), Scheme: corev1.URISchemeHTTPS,
			}},
		},
		SecurityContext: restricted(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "tls", MountPath: "/tls", ReadOnly: true},
			{Name: storeCA, MountPath: "/store-ca", ReadOnly: true},
		},
	}
}

// azuriteContainer listens on loopback only: whoever comes past the program would not be checked. TLS, because Azurite takes no
// bearer token without it.
func azuriteContainer(images Images) corev1.Container {
	return corev1.Container{
		Name:  "azurite",
		Image: images.Azurite,
		Args: []string{
			"--blobHost", "127.0.0.1", "--blobPort", "10000", "--location", "/blobs",
			"--cert", "/tls/" + corev1.TLSCertKey, "--key", "/tls/" + corev1.TLSPrivateKeyKey, "--oauth", "basic",
			// Clients are newer than what it knows.
			"--skipApiVersionCheck", "--disableTelemetry", "--silent",
		},
		Env:             []corev1.EnvVar{fromSecret("AZURITE_ACCOUNTS", accountsKey)},
		SecurityContext: restricted(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "blobs", MountPath: "/blobs"}, {Name: "tmp", MountPath: "/tmp"}, {Name: "tls", MountPath: "/tls", ReadOnly: true},
		},
	}
}

func gcsContainer(images Images) corev1.Container {
	return corev1.Container{
		Name:  "fake-gcs-server",
		Image: images.GCS,
		Args: []string{
			"-scheme=http", "-host=127.0.0.1", "-port=4443", "-public-host=storage.googleapis.com",
			"-external-url=https://storage.googleapis.com",
			// In memory, an object of 512 MiB has been seen to take 3 GiB.
			"-backend=filesystem", "-filesystem-root=/gcs", "-log-level=warn",
		},
		SecurityContext: restricted(),
		VolumeMounts:    []corev1.VolumeMount{{Name: "gcs", MountPath: "/gcs"}, {Name: "tmp", MountPath: "/tmp"}},
	}
}

func restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func fromSecret(variable, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secretName}, Key: key,
	}}}
}
