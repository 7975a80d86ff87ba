package injector

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// filesOf returns the paths of the profile's files as the pod's programs write them.
func filesOf(pod *Pod, r *profile.Resolved) profile.Files {
	var files profile.Files
	if r.HasToken() {
		files.Token = pod.pathIn(MountPath, tokenFile)
	}
	if name := r.CredentialsFile(); name != "" {
		files.Credentials = pod.pathIn(MountPath, name)
	}
	if ca := r.Spec.CABundle; ca != nil {
		dir := MountPath
		if ca.Mode == v1alpha1.CABundleAppend {
			dir = BundleMountPath
		}
		files.CA = pod.pathIn(dir, caFile)
	}
	return files
}

// project fills in the sources of the projected volume that prove who the pod is.
func (p *plan) project() error {
	if p.Mode.Audience != nil {
		expiration := int64(3600)
		if p.Spec.TokenExpirationSeconds != nil {
			expiration = *p.Spec.TokenExpirationSeconds
		}
		p.sources = append(p.sources, corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: p.Mode.Audience(p.Spec), ExpirationSeconds: &expiration, Path: tokenFile,
		}})
	}
	if p.Mode.File != nil {
		if ref := p.Mode.File(p.Spec); ref != nil {
			p.sources = append(p.sources, secretFile(ref.Name, ref.Key, p.Mode.FileName))
		}
	}
	if p.Mode.ConfigFile != nil {
		text, err := p.Mode.ConfigFile(&p.Environment)
		if err != nil {
			return err
		}
		p.document = text
		p.sources = append(p.sources, corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{
			Items: []corev1.DownwardAPIVolumeFile{{Path: p.Mode.FileName, FieldRef: &corev1.ObjectFieldSelector{
				APIVersion: "v1", FieldPath: "metadata.annotations['" + AnnotationGCPCredentials + "']",
			}}},
		}})
	}
	p.proves = len(p.sources) > 0
	return nil
}

// projectCA fills in the source of the CA bundle.
func (p *plan) projectCA() {
	ca := p.Spec.CABundle
	if ca == nil {
		return
	}
	switch {
	case ca.ConfigMap != nil:
		p.sources = append(p.sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: ca.ConfigMap.Name},
			Items:                []corev1.KeyToPath{{Key: cmp.Or(ca.ConfigMap.Key, caFile), Path: caFile}},
		}})
	case ca.Secret != nil:
		p.sources = append(p.sources, secretFile(ca.Secret.Name, cmp.Or(ca.Secret.Key, caFile), caFile))
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
}

func secretFile(name, key, file string) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: name},
		Items:                []corev1.KeyToPath{{Key: key, Path: file}},
	}}
}
