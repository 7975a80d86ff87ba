package manifest

import (
	"bytes"
	"cmp"
	"encoding/json/v2"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/yaml"
)

// editYAML returns a YAML document with operations of a patch applied. All else of it stays as it is written: comments, the
// order of fields, quotes. kyaml, which can copy comments from one document to another, pairs the items of lists by their
// index (v0.21.3 comments/comments.go), so that comments would move to what is put in front of an item.
func editYAML(text []byte, ops []jsonpatch.Operation) ([]byte, error) {
	var document goyaml.Node
	if err := goyaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 {
		return nil, errors.New("no content")
	}
	indented := indentsLists(document.Content[0])
	for _, op := range ops {
		if err := applyToNode(document.Content[0], op); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Operation, op.Path, err)
		}
	}
	var out bytes.Buffer
	encoder := goyaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if !indented {
		encoder.CompactSeqIndent()
	}
	if err := errors.Join(encoder.Encode(&document), encoder.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// indentsLists reports whether a list of the document, in block style, has its items to the right of its field's name.
func indentsLists(node *goyaml.Node) bool {
	if node.Kind == goyaml.MappingNode {
		for pair := range slices.Chunk(node.Content, 2) {
			list := pair[1]
			if list.Kind == goyaml.SequenceNode && list.Style&goyaml.FlowStyle == 0 && list.Column > pair[0].Column {
				return true
			}
		}
	}
	return slices.ContainsFunc(node.Content, indentsLists)
}

// applyToNode applies one operation below root.
func applyToNode(root *goyaml.Node, op jsonpatch.Operation) error {
	path := strings.Split(op.Path, "/")[1:]
	if len(path) == 0 {
		return errors.New("the whole document is replaced")
	}
	node := root
	for i, field := range path {
		field = strings.NewReplacer("~1", "/", "~0", "~").Replace(field)
		// In flow style, {like: this}, what is added would stand in one line.
		node.Style &^= goyaml.FlowStyle
		if i == len(path)-1 {
			return changeChild(node, field, op)
		}
		at, err := findChild(node, field)
		if err != nil {
			return err
		}
		node = node.Content[at]
	}
	return nil
}

// changeChild adds, replaces or removes a field of a mapping or an item of a list.
func changeChild(parent *goyaml.Node, name string, op jsonpatch.Operation) error {
	if op.Operation == "remove" {
		at, err := findChild(parent, name)
		if err != nil {
			return err
		}
		from := at
		if parent.Kind == goyaml.MappingNode {
			from-- // The name goes with the value.
		}
		parent.Content = slices.Delete(parent.Content, from, at+1)
		return nil
	}
	value, err := newNode(op.Value)
	if err != nil {
		return err
	}
	switch at, err := findChild(parent, name); {
	case op.Operation == "add" && parent.Kind == goyaml.SequenceNode:
		return insertItem(parent, name, value)
	case err == nil:
		value.LineComment = parent.Content[at].LineComment
		parent.Content[at] = value
		return nil
	case op.Operation == "add" && parent.Kind == goyaml.MappingNode:
		parent.Content = append(parent.Content, &goyaml.Node{Kind: goyaml.ScalarNode, Tag: "!!str", Value: name}, value)
		return nil
	default:
		return err
	}
}

// insertItem inserts an item into a list.
func insertItem(list *goyaml.Node, index string, item *goyaml.Node) error {
	at := len(list.Content)
	if index != "-" {
		var err error
		if at, err = strconv.Atoi(index); err != nil || at < 0 || at > len(list.Content) {
			return fmt.Errorf("no place %s in a list of %d", index, len(list.Content))
		}
	}
	if at == 0 && len(list.Content) > 0 {
		// The parser attaches a comment above the first item to the list.
		list.Content[0].HeadComment, list.HeadComment = cmp.Or(list.Content[0].HeadComment, list.HeadComment), ""
	}
	list.Content = slices.Insert(list.Content, at, item)
	return nil
}

// findChild returns the index of a child's value in the content of its parent.
func findChild(parent *goyaml.Node, name string) (int, error) {
	if parent.Kind == goyaml.MappingNode {
		for at := 0; at < len(parent.Content); at += 2 {
			if parent.Content[at].Value == name {
				return at + 1, nil
			}
		}
	}
	if parent.Kind == goyaml.SequenceNode {
		if at, err := strconv.Atoi(name); err == nil && at >= 0 && at < len(parent.Content) {
			return at, nil
		}
	}
	return 0, fmt.Errorf("nothing is called %s", name)
}

// newNode returns a value of a patch, quoted as the YAML library for Kubernetes' objects quotes it.
func newNode(value any) (*goyaml.Node, error) {
	raw, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode a value: %w", err)
	}
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		return nil, fmt.Errorf("encode a value: %w", err)
	}
	var document goyaml.Node
	if err := goyaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("encode a value: %w", err)
	}
	return document.Content[0], nil
}
