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
	// Objects are the objects of the document, with the items of its Lists. A document of comments has none.
	Objects []*Object

	text []byte
	// yaml reports whether text is YAML that is not JSON.
	yaml bool
	json jsontext.Value
}

// Parse parses a manifest. An error names the document that holds anything but Kubernetes objects.
func Parse(text []byte) ([]*Document, error) {
	parts := splitDocuments(text)
	documents := make([]*Document, len(parts))
	line := 1
	for i, part := range parts {
		d, err := parseDocument(part)
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

func parseDocument(part []byte) (*Document, error) {
	raw, isYAML, err := toJSON(part)
	if err != nil {
		return nil, err
	}
	d := &Document{text: part, yaml: isYAML, json: raw}
	if raw.Kind() == 'n' { // Nothing, or comments.
		return d, nil
	}
	d.Objects, err = parseObjects(raw, "")
	return d, err
}

// toJSON returns the JSON of one YAML or JSON document, and whether it was YAML.
func toJSON(part []byte) (raw jsontext.Value, isYAML bool, err error) {
	// Not every JSON text is one for the YAML parser, for instance "\ud83d\udea2"; Format writes it as one that is.
	raw = bytes.Clone(part)
	if raw.Format() == nil {
		return raw, false, nil
	}
	if err := checkSingleDocument(part); err != nil {
		return nil, true, err
	}
	raw, err = yaml.YAMLToJSONStrict(part)
	return raw, true, err
}

// checkSingleDocument returns an error if the YAML parser finds more than one document in a part, of which it would read the
// first only.
func checkSingleDocument(part []byte) error {
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

// Write writes the document as it was read if none of its objects was injected, else as YAML.
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
			replacement := jsonpatch.NewOperation("replace", o.at, o.injected)
			if raw, err = applyPatch(raw, []jsonpatch.Operation{replacement}); err != nil {
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
	head, end := splitHeader(d.text)
	if edited, ok := d.editContent(d.text[end:], ops, sorted); ok {
		return append(head, edited...), nil
	}
	return append(head, sorted...), nil
}

// editContent returns the content of the document with its comments and what was injected. It is not ok where that means anything
// else than want: the document has a merge key or an anchor on the way, or is not the same to a parser of YAML 1.2.
func (d *Document) editContent(content []byte, ops []jsonpatch.Operation, want []byte) (text []byte, ok bool) {
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

// head has the fields of every object that identify it.
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

// parseObjects returns the object that raw holds, or the items of the List that it is. at is its location in the document.
func parseObjects(raw jsontext.Value, at string) ([]*Object, error) {
	var h head
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("read an object: %w", err)
	}
	if h.APIVersion == "" || h.Kind == "" {
		return nil, fmt.Errorf("%snot a Kubernetes object: write apiVersion and kind", locationPrefix(at))
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
		inner, err := parseObjects(item, fmt.Sprintf("%s/items/%d", at, i))
		if err != nil {
			return nil, err
		}
		found = append(found, inner...)
	}
	return found, nil
}

// locationPrefix returns the start of a message about an item of a List.
func locationPrefix(at string) string {
	if at == "" {
		return ""
	}
	return at + ": "
}
