package injector

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// defaultTokenSeconds is how long a token is valid where the profile does not set it.
const defaultTokenSeconds int64 = 3600

// filesOf returns the paths of the profile's files as the pod's programs write them.
func filesOf(pod *Pod, r *profile.Resolved) profile.Files {
	var files profile.Files
	if r.HasToken() {
		files.Token = pod.pathIn(MountPath, tokenFile)
	}
	if name := r.CredentialsFile(); name != "" {
		files.Credentials = pod.pathIn(MountPath, name)
	}
	if r.IssuerCA() != nil {
		files.IssuerCA = pod.pathIn(MountPath, issuerCAFile)
	}
	if ca := r.Spec.CABundle; ca != nil {
		dir := MountPath
		if ca.Mode == v1alpha1.CABundleAppend {
			dir = BundleMountPath
		}
		files.CA = pod.pathIn(dir, caFile)
		if stores := ca.Truststores; stores != nil {
			files.JKS = pod.pathOf(stores.JKS, jksFile)
			files.PKCS12 = pod.pathOf(stores.PKCS12, pkcs12File)
		}
	}
	return files
}

// pathOf returns the path of a file that is there where a key is named; empty: there is none.
func (p *Pod) pathOf(key, file string) string {
	if key == "" {
		return ""
	}
	return p.pathIn(MountPath, file)
}

// identitySources returns the sources of the projected volume that prove who the pod is.
func identitySources(e *profile.Environment) []corev1.VolumeProjection {
	var sources []corev1.VolumeProjection
	if e.Mode.Audience != nil {
		expiration := defaultTokenSeconds
		if e.Spec.TokenExpirationSeconds != nil {
			expiration = *e.Spec.TokenExpirationSeconds
		}
		sources = append(sources, corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: e.Mode.Audience(e.Spec), ExpirationSeconds: &expiration, Path: tokenFile,
		}})
	}
	if ca := e.IssuerCA(); ca != nil {
		sources = append(sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: ca.Name},
			Items:                []corev1.KeyToPath{{Key: ca.Key, Path: issuerCAFile}},
		}})
	}
	if e.Mode.File != nil {
		if ref := e.Mode.File(e.Spec); ref != nil {
			sources = append(sources, secretSource(ref.Name, ref.Key, e.Mode.FileName))
		}
	}
	if file := e.ConfigFile(); file != nil {
		sources = append(sources, corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{
			Items: []corev1.DownwardAPIVolumeFile{{Path: e.Mode.FileName, FieldRef: &corev1.ObjectFieldSelector{
				APIVersion: "v1", FieldPath: "metadata.annotations['" + file.Annotation + "']",
			}}},
		}})
	}
	return sources
}

// caSource returns the source of the CA bundle.
func caSource(ca *v1alpha1.CABundle) corev1.VolumeProjection {
	switch {
	case ca.ConfigMap != nil:
		return corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: ca.ConfigMap.Name},
			Items:                caFiles(ca, ca.ConfigMap),
		}}
	case ca.Secret != nil:
		return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: ca.Secret.Name},
			Items:                caFiles(ca, ca.Secret),
		}}
	}
	bundle := &corev1.ClusterTrustBundleProjection{LabelSelector: ca.ClusterTrustBundle.LabelSelector, Path: caFile}
	if name := ca.ClusterTrustBundle.Name; name != "" {
		bundle.Name = &name
	} else {
		bundle.SignerName = &ca.ClusterTrustBundle.SignerName
	}
	return corev1.VolumeProjection{ClusterTrustBundle: bundle}
}

// caFiles returns the keys of the CA bundle's object, and their files.
func caFiles(ca *v1alpha1.CABundle, ref *v1alpha1.CAKeyRef) []corev1.KeyToPath {
	files := []corev1.KeyToPath{{Key: cmp.Or(ref.Key, caFile), Path: caFile}}
	stores := ca.Truststores
	if stores == nil {
		return files
	}
	if stores.JKS != "" {
		files = append(files, corev1.KeyToPath{Key: stores.JKS, Path: jksFile})
	}
	if stores.PKCS12 != "" {
		files = append(files, corev1.KeyToPath{Key: stores.PKCS12, Path: pkcs12File})
	}
	return files
}

// keySources returns the sources of the mode's static secrets for the uploader, which reads them from files: the kubelet
// replaces those when a Secret changes, and a variable stays as it was. All keys of one Secret are of one source: the
// kubelet reads a Secret once for each source, and two sources could have two states of it.
func keySources(e *profile.Environment, byName map[string]int) []corev1.VolumeProjection {
	var sources []corev1.VolumeProjection
	at := map[string]int{} // Of sources, by the Secret's name.
	for _, name := range uploader.SecretVariables(e.Store.Name, e.Mode.Name) {
		i, injected := byName[name]
		if !injected || e.Vars[i].ValueFrom == nil {
			continue
		}
		ref := e.Vars[i].ValueFrom.SecretKeyRef
		file := corev1.KeyToPath{Key: ref.Key, Path: uploader.SecretFile(name)}
		if source, known := at[ref.Name]; known {
			secret := sources[source].Secret
			secret.Items = append(secret.Items, file)
			continue
		}
		at[ref.Name] = len(sources)
		sources = append(sources, secretSource(ref.Name, file.Key, file.Path))
	}
	return sources
}

func secretSource(name, key, file string) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: name},
		Items:                []corev1.KeyToPath{{Key: key, Path: file}},
	}}
}
