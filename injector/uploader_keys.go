package injector

import (
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/uploader"
)

// projectKeys projects the mode's static secrets for the uploader, which reads them from files: the kubelet replaces those
// when a Secret changes, and a variable stays as it was. All keys of one Secret are of one source: the kubelet reads a Secret
// once for each source, and two sources could have two states of it.
func (p *plan) projectKeys() {
	at := map[string]int{} // of sources, by the Secret's name
	for _, name := range uploader.SecretVariables(p.Store.Name, p.Mode.Name) {
		i, injected := p.index[name]
		if !injected || p.Vars[i].ValueFrom == nil {
			continue
		}
		ref := p.Vars[i].ValueFrom.SecretKeyRef
		file := corev1.KeyToPath{Key: ref.Key, Path: uploader.SecretFile(name)}
		if source, known := at[ref.Name]; known {
			secret := p.sources[source].Secret
			secret.Items = append(secret.Items, file)
			continue
		}
		at[ref.Name] = len(p.sources)
		p.sources = append(p.sources, secretFile(ref.Name, file.Key, file.Path))
	}
	if len(at) > 0 {
		p.Files.Keys = MountPath
	}
}
