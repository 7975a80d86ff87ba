package injector

import (
	"encoding/json"
	"fmt"
)

// annotations returns the annotations that the pod gets: the configuration file, what an admission policy and a later pass
// read, and those that keep other webhooks away.
func (p *planner) annotations(given *additions) ([]entry, error) {
	existing := p.pod.Metadata.Annotations
	skip := skipAnnotations(p.desired, &p.pod.Metadata, given.containers)
	entries := make([]entry, 0, 3+len(skip))
	if p.configFile != "" && existing[AnnotationGCPCredentials] == "" {
		entries = append(entries, entry{AnnotationGCPCredentials, p.configFile})
	}
	record, err := json.Marshal(Record{
		Profile: p.profile.String(), Kind: p.profile.Kind, UID: p.profile.UID, Generation: p.profile.Generation,
		Version: p.settings.Version, Volume: p.needsVolume(), Uploader: p.uploader != nil,
	})
	if err != nil {
		return nil, fmt.Errorf("write annotation %s: %w", AnnotationInjected, err)
	}
	if existing[AnnotationInjected] != string(record) {
		entries = append(entries, entry{AnnotationInjected, string(record)})
	}
	added := newAddedRecord(p.pod, p.hash, p.former.earlier(), given, skip).text()
	if existing[AnnotationAdded] != added {
		entries = append(entries, entry{AnnotationAdded, added})
	}
	return append(entries, skip...), nil
}
