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
	raw, err := toJSON(part)
	if err != nil {
		return nil, err
	}
	d := &Document{text: part, json: raw}
	if raw.Kind() == 'n' { // Nothing, or comments.
		return d, nil
	}
	d.Objects, err = objects(raw, "")
	return d, err
}

// toJSON gives the JSON of one YAML or JSON document.
func toJSON(part []byte) (jsontext.Value, error) {
	// Not every JSON text is one for the YAML parser, for instance "\ud83d\udea2"; Format writes it as one that is.
	raw := jsontext.Value(bytes.Clone(part))
	if raw.Format() == nil {
		return raw, nil
	}
	if err := checkSingle(part); err != nil {
		return nil, err
	}
	return yaml.YAMLToJSONStrict(part)
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
	text, err := d.yaml()
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = w.Write(text)
	return err
}

func (d *Document) yaml() ([]byte, error) {
	raw, changed := d.json, false
	for _, o := range d.Objects {
		if o.injected == nil {
			continue
		}
		changed = true
		if o.at == "" {
			raw = o.injected
			continue
		}
		var err error
		if raw, err = apply(raw, []jsonpatch.Operation{jsonpatch.NewOperation("replace", o.at, o.injected)}); err != nil {
			return nil, err
		}
	}
	if !changed {
		return d.text, nil
	}
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(header(d.text)), text...), nil
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
