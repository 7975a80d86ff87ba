package injector

import (
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// project fills in the sources of the projected volume that prove who the pod is, and the paths of their files.
func (p *plan) project() error {
	if p.mode.audience != nil {
		expiration := int64(3600)
		if p.spec.TokenExpirationSeconds != nil {
			expiration = *p.spec.TokenExpirationSeconds
		}
		p.sources = append(p.sources, corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: p.mode.audience(p.spec), ExpirationSeconds: &expiration, Path: tokenFile,
		}})
		p.files.token = p.pod.pathIn(MountPath, tokenFile)
	}
	if p.mode.file != nil {
		if ref := p.mode.file(p.spec); ref != nil {
			p.sources = append(p.sources, secretFile(ref.Name, ref.Key, p.mode.fileName))
			p.files.credentials = p.pod.pathIn(MountPath, p.mode.fileName)
		}
	}
	if p.mode.document != nil {
		text, err := p.mode.document(&p.environment)
		if err != nil {
			return err
		}
		p.document = text
		p.sources = append(p.sources, corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{
			Items: []corev1.DownwardAPIVolumeFile{{Path: p.mode.fileName, FieldRef: &corev1.ObjectFieldSelector{
				APIVersion: "v1", FieldPath: "metadata.annotations['" + AnnotationGCPCredentials + "']",
			}}},
		}})
		p.files.credentials = p.pod.pathIn(MountPath, p.mode.fileName)
	}
	p.proves = len(p.sources) > 0
	return nil
}

// projectCA fills in the source of the CA bundle, and the path of the file that programs read.
func (p *plan) projectCA() {
	ca := p.spec.CABundle
	if ca == nil {
		return
	}
	switch {
	case ca.ConfigMap != nil:
		p.sources = append(p.sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: ca.ConfigMap.Name},
			Items:                []corev1.KeyToPath{{Key: or(ca.ConfigMap.Key, caFile), Path: caFile}},
		}})
	case ca.Secret != nil:
		p.sources = append(p.sources, secretFile(ca.Secret.Name, or(ca.Secret.Key, caFile), caFile))
	case ca.ClusterTrustBundle != nil:
		bundle := &corev1.ClusterTrustBundleProjection{LabelSelector: ca.ClusterTrustBundle.LabelSelector, Path: caFile}
		if name := ca.ClusterTrustBundle.Name; name != "" {
			bundle.Name = &name
		} else {
			bundle.SignerName = &ca.ClusterTrustBundle.SignerName
		}
		p.sources = append(p.sources, corev1.VolumeProjection{ClusterTrustBundle: bundle})
	}
	p.appendCA = ca.Mode == v1alpha1.CABundleAppend
	p.replaceCA = !p.appendCA
	dir := MountPath
	if p.appendCA {
		dir = BundleMountPath
	}
	p.files.ca = p.pod.pathIn(dir, caFile)
}

func secretFile(name, key, file string) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: name},
		Items:                []corev1.KeyToPath{{Key: key, Path: file}},
	}}
}
