package manifest

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"
	"strings"

	evanphx "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"

	"lighterman.dev/lighterman/injector"
)

// Object is a Kubernetes object.
type Object struct {
	APIVersion, Kind string
	// Namespace is empty if the manifest leaves it to the command that applies it.
	Namespace string
	// Name ends in "*" if the API server completes it.
	Name string
	// JSON is the object with all its fields.
	JSON []byte
	// Pod is the pod that the object makes, as its controller creates it: in the object's namespace, owned by the object, and
	// without a name unless the object is a Pod. Nil: the object makes none.
	Pod *injector.Pod

	// at and template are RFC 6901 pointers: to the object in its document, and to the pod template in the object.
	at, template string
	// lacksMetadata reports whether the template has no metadata.
	lacksMetadata bool
	injected      jsontext.Value
	// operations are those that lead from JSON to injected.
	operations []jsonpatch.Operation
}

func newObject(raw jsontext.Value, h head, at string) (*Object, error) {
	o := &Object{
		APIVersion: h.APIVersion, Kind: h.Kind, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name, JSON: raw, at: at,
	}
	if o.Name == "" && h.Metadata.GenerateName != "" {
		o.Name = h.Metadata.GenerateName + "*"
	}
	path, ok := TemplatePath(h.APIVersion, h.Kind)
	if !ok {
		return o, nil
	}
	if err := o.findPod(h.Metadata.Name, path); err != nil {
		return nil, fmt.Errorf("%s: %w", o, err)
	}
	return o, nil
}

// findPod finds the pod that the object of a name makes.
func (o *Object) findPod(name string, path []string) error {
	template := jsontext.Value(o.JSON)
	for i, field := range path {
		var fields map[string]jsontext.Value
		if err := json.Unmarshal(template, &fields); err != nil {
			return fmt.Errorf("read %s: %w", strings.Join(path[:i], "."), err)
		}
		template = fields[field]
		if isAbsent(template) {
			return fmt.Errorf("%s is missing: a %s makes its pods of %s", strings.Join(path[:i+1], "."), o.Kind,
				strings.Join(path, "."))
		}
		o.template += "/" + field
	}
	pod, err := injector.ParsePod(template)
	if err != nil {
		return err
	}
	if len(path) > 0 { // Controllers give the pod its name, namespace and owner, not the template.
		pod.Metadata.Name, pod.Metadata.GenerateName, pod.Metadata.Namespace = "", "", o.Namespace
		controller := true
		pod.Metadata.OwnerReferences = []injector.OwnerReference{
			{APIVersion: o.APIVersion, Kind: o.Kind, Name: name, Controller: &controller},
		}
	}
	var fields struct {
		Metadata jsontext.Value `json:"metadata"`
	}
	if err := json.Unmarshal(template, &fields); err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	o.Pod, o.lacksMetadata = pod, isAbsent(fields.Metadata)
	return nil
}

func isAbsent(value jsontext.Value) bool { return len(value) == 0 || value.Kind() == 'n' }

// String returns the object as messages name it: kind, and namespace/name or name.
func (o *Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Inject applies operations of the injector to the pod that the object makes, and returns the object's JSON with all its
// fields. Without operations, the object stays as it is.
func (o *Object) Inject(ops []jsonpatch.Operation) ([]byte, error) {
	if len(ops) == 0 {
		return o.JSON, nil
	}
	moved := make([]jsonpatch.Operation, 0, len(ops)+1)
	if o.lacksMetadata { // A pod in an admission request has metadata; a template need not.
		moved = append(moved, jsonpatch.NewOperation("add", o.template+"/metadata", struct{}{}))
	}
	for _, op := range ops {
		moved = append(moved, jsonpatch.NewOperation(op.Operation, o.template+op.Path, op.Value))
	}
	patched, err := applyPatch(o.JSON, moved)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o, err)
	}
	o.injected, o.operations = patched, moved
	return patched, nil
}

func applyPatch(raw []byte, ops []jsonpatch.Operation) ([]byte, error) {
	text, err := json.Marshal(ops)
	if err != nil {
		return nil, fmt.Errorf("encode the patch: %w", err)
	}
	patch, err := evanphx.DecodePatch(text)
	if err != nil {
		return nil, fmt.Errorf("decode the patch: %w", err)
	}
	patched, err := patch.Apply(raw)
	if err != nil {
		return nil, fmt.Errorf("apply the patch: %w", err)
	}
	return patched, nil
}
