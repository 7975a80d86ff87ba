package manifest

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"

	goyaml "go.yaml.in/yaml/v2"
	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/yaml"
)

// Document is one document of a manifest.
type Document struct {
	// Objects are those of the document, and the items of its Lists. A document of comments has none.
	Objects []*Object

	text []byte
	// yaml reports whether text is YAML that is not JSON.
	yaml bool
	json jsontext.Value
}

// Parse reads a manifest. An error names the document that is not one of Kubernetes objects.
func Parse(text []byte) ([]*Document, error) {
	parts := split(text)
	documents := make([]*Document, len(parts))
	line := 1
	for i, part := range parts {
		d, err := parse(part)
		if err != nil && len(parts) > 1 {
			err = fmt.Errorf("document %d, from line %d: %w", i+1, line, err)
		}
		if err != nil {
			return nil, err
		}
		documents[i] = d
		line += bytes.Count(part, []byte("\n"))
	}
	return documents, nil
}

func parse(part []byte) (*Document, error) {
	raw, isYAML, err := toJSON(part)
	if err != nil {
		return nil, err
	}
	d := &Document{text: part, yaml: isYAML, json: raw}
	if raw.Kind() == 'n' { // Nothing, or comments.
		return d, nil
	}
	d.Objects, err = objects(raw, "")
	return d, err
}

// toJSON returns the JSON of one YAML or JSON document, and whether it was YAML.
func toJSON(part []byte) (raw jsontext.Value, isYAML bool, err error) {
	// Not every JSON text is one for the YAML parser, for instance "\ud83d\udea2"; Format writes it as one that is.
	raw = bytes.Clone(part)
	if raw.Format() == nil {
		return raw, false, nil
	}
	if err := checkSingle(part); err != nil {
		return nil, true, err
	}
	raw, err = yaml.YAMLToJSONStrict(part)
	return raw, true, err
}

// checkSingle refuses a part in which the YAML parser sees more documents than one: what is read of it is the first.
func checkSingle(part []byte) error {
	decoder := goyaml.NewDecoder(bytes.NewReader(part))
	var first, second any
	if err := decoder.Decode(&first); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return errors.New(`more follows the end of the document: begin each document with a line "---"`)
	}
	return nil
}

// Write writes the document: as it was read if nothing was injected into its objects, else as YAML.
func (d *Document) Write(w io.Writer) error {
	text, err := d.render()
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// render returns the text of the document with what was injected.
func (d *Document) render() ([]byte, error) {
	raw := d.json
	var ops []jsonpatch.Operation
	for _, o := range d.Objects {
		for _, op := range o.operations {
			ops = append(ops, jsonpatch.NewOperation(op.Operation, o.at+op.Path, op.Value))
		}
		if o.at == "" && o.injected != nil {
			raw = o.injected
		} else if o.injected != nil {
			var err error
			if raw, err = apply(raw, []jsonpatch.Operation{jsonpatch.NewOperation("replace", o.at, o.injected)}); err != nil {
				return nil, err
			}
		}
	}
	if len(ops) == 0 {
		return d.text, nil
	}
	sorted, err := yaml.JSONToYAML(raw)
	if err != nil {
		return nil, err
	}
	head, end := header(d.text)
	if edited, ok := d.edit(d.text[end:], ops, sorted); ok {
		return append(head, edited...), nil
	}
	return append(head, sorted...), nil
}

// edit returns the content of the document with its comments and what was injected. It is not ok where that means anything
// else than want: the document has a merge key or an anchor on the way, or is not the same to a parser of YAML 1.2.
func (d *Document) edit(content []byte, ops []jsonpatch.Operation, want []byte) (text []byte, ok bool) {
	if !d.yaml {
		return nil, false
	}
	text, err := editYAML(content, ops)
	if err != nil {
		return nil, false
	}
	raw, _, err := toJSON(text)
	if err != nil {
		return nil, false
	}
	got, err := yaml.JSONToYAML(raw)
	return text, err == nil && bytes.Equal(got, want)
}

// head is what every object has.
type head struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
}

type metadata struct {
	Name         string `json:"name"`
	GenerateName string `json:"generateName"`
	Namespace    string `json:"namespace"`
}

// objects gives the object that raw holds, or those of the List that it is; at is its place in the document.
func objects(raw jsontext.Value, at string) ([]*Object, error) {
	var h head
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("read an object: %w", err)
	}
	if h.APIVersion == "" || h.Kind == "" {
		return nil, fmt.Errorf("%snot a Kubernetes object: write apiVersion and kind", where(at))
	}
	if h.APIVersion != "v1" || h.Kind != "List" {
		o, err := newObject(raw, h, at)
		return []*Object{o}, err
	}
	var list struct {
		Items []jsontext.Value `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read a List: %w", err)
	}
	var found []*Object
	for i, item := range list.Items {
		inner, err := objects(item, fmt.Sprintf("%s/items/%d", at, i))
		if err != nil {
			return nil, err
		}
		found = append(found, inner...)
	}
	return found, nil
}

// where begins a message about an item of a List.
func where(at string) string {
	if at == "" {
		return ""
	}
	return at + ": "
}
