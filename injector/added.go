package injector

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Added is the value of AnnotationAdded, as compact JSON. It proves to a later admission of the same pod, one that was
// restored or copied, what an earlier one wrote. Whoever writes pods can forge it: see former.
type Added struct {
	// Plan is a hash of all that decides what is written. A pod with another plan's additions is brought up to date.
	Plan string `json:"plan"`
	// Env are the variables, for the containers that got the same.
	Env []AddedEnv `json:"env,omitempty"`
	// Labels and Annotations are hashes of the values, by key.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AddedEnv are variables that Lighterman wrote.
type AddedEnv struct {
	// In names the containers.
	In []string `json:"in"`
	// Vars are hashes of the values, by name; behind filledMark where the container had the variable with no value.
	Vars map[string]string `json:"vars"`
}

// maxAdded is the size of the largest annotation that is written: see maxAnnotation. A larger one keeps the plan alone.
const maxAdded = 12 << 10

// addedRecord is an Added while it is written: sorted lists in place of maps.
type addedRecord struct {
	plan                string
	env                 []envRecord
	labels, annotations []entry
}

// envRecord is an AddedEnv while it is written.
type envRecord struct {
	containers []string
	hashes     []entry
}

// newAddedRecord returns the record of what this pass writes, and of what an earlier pass of the same plan wrote; nil:
// there was none. The annotations are those that a later pass takes back.
func newAddedRecord(pod *Pod, hash string, earlier *Added, given *additions, annotations []entry) *addedRecord {
	var a arena
	a.text.Grow(1 << 10)
	r := &addedRecord{
		plan: hash, env: recordEnv(&a, pod, earlier, given.containers),
		labels: a.hashValues(given.labels), annotations: a.hashValues(annotations),
	}
	if earlier != nil {
		r.labels = mergeEntries(entriesOf(earlier.Labels), r.labels)
		r.annotations = mergeEntries(entriesOf(earlier.Annotations), r.annotations)
	}
	return r
}

// annotationText returns the annotation's value.
func (r *addedRecord) annotationText() string {
	text := r.appendJSON(make([]byte, 0, 2<<10))
	if len(text) > maxAdded {
		alone := addedRecord{plan: r.plan}
		text = alone.appendJSON(text[:0])
	}
	return string(text)
}

// appendJSON appends the record as encoding/json writes an Added.
func (r *addedRecord) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"plan":`...), r.plan)
	for i := range r.env {
		if i == 0 {
			b = append(b, `,"env":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendStrings(append(b, `{"in":`...), r.env[i].containers)
		b = appendEntries(append(b, `,"vars":`...), r.env[i].hashes)
		b = append(b, '}')
	}
	if len(r.env) > 0 {
		b = append(b, ']')
	}
	if len(r.labels) > 0 {
		b = appendEntries(append(b, `,"labels":`...), r.labels)
	}
	if len(r.annotations) > 0 {
		b = appendEntries(append(b, `,"annotations":`...), r.annotations)
	}
	return append(b, '}')
}

// recordEnv returns the hashes of the variables that the pod's containers have got, grouped by what is the same.
func recordEnv(a *arena, pod *Pod, earlier *Added, given []containerAdditions) []envRecord {
	count := len(pod.Spec.InitContainers) + len(pod.Spec.Containers)
	records, names := make([]envRecord, 0, count), make([]string, 0, count)
	at := make(map[string]int, count) // Of records, by the container's name.
	shared := sharedHashes{arena: a}
	for _, list := range [][]Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			r, again := at[c.Name]
			if !again { // The API server refuses a name that is there twice, but later.
				r = len(records)
				at[c.Name] = r
				names = append(names, c.Name)
				records = append(records, envRecord{containers: names[r : r+1 : r+1], hashes: entriesOf(earlier.varsOf(c.Name))})
			}
			if len(given) > 0 && given[0].Container == c { // They are in the order of the pod's containers.
				records[r].hashes = shared.addContainer(records[r].hashes, &given[0])
				given = given[1:]
			}
		}
	}
	return groupRecords(records)
}

// sharedHashes hashes a list of variables that several containers share but once.
type sharedHashes struct {
	*arena
	first  [maxShared]*corev1.EnvVar // of the list
	hashes [maxShared][]entry
}

// addContainer returns the hashes with those of what the container gets.
func (s *sharedHashes) addContainer(hashes []entry, c *containerAdditions) []entry {
	hashes = mergeEntries(hashes, s.ofList(c.front))
	hashes = mergeEntries(hashes, s.hashEnv(c.behind))
	hashes = mergeEntries(hashes, s.hashEnv(c.shut))
	return mergeEntries(hashes, s.hashFills(c.fills))
}

// ofList returns the hashes of a list, or those of the container that it is shared with.
func (s *sharedHashes) ofList(env []corev1.EnvVar) []entry {
	if len(env) == 0 {
		return nil
	}
	for i := range s.first {
		if s.first[i] == nil {
			s.first[i], s.hashes[i] = &env[0], s.hashEnv(env)
		}
		if s.first[i] == &env[0] {
			return s.hashes[i]
		}
	}
	return s.hashEnv(env)
}

// groupRecords joins the records that are the same, and leaves out the empty ones.
func groupRecords(records []envRecord) []envRecord {
	groups := records[:0]
	for _, r := range records {
		if len(r.hashes) == 0 {
			continue
		}
		at := slices.IndexFunc(groups, func(g envRecord) bool { return slices.Equal(g.hashes, r.hashes) })
		if at < 0 {
			groups = append(groups, r)
			continue
		}
		groups[at].containers = append(groups[at].containers, r.containers...)
	}
	return groups
}

// varsOf returns the variables that an earlier pass wrote into a container.
func (a *Added) varsOf(container string) map[string]string {
	if a == nil {
		return nil
	}
	for i := range a.Env {
		if slices.Contains(a.Env[i].In, container) {
			return a.Env[i].Vars
		}
	}
	return nil
}

// knowsVariables reports whether it names the variables that an earlier pass wrote.
func (a *Added) knowsVariables() bool { return a != nil && len(a.Env) > 0 }
