package webhook

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	"fmt"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// patchEncoder writes operations as JSON. Containers that get the same environment share its memory, and what has been
// written of it once is copied. It does without jsonpatch.Operation.MarshalJSON, which encodes each operation twice; ours
// always have a value, the only thing that the method sees to.
type patchEncoder struct {
	to     *bytes.Buffer
	values *json.Encoder
	// written is where in the buffer a variable, or a list of variables, was written.
	written map[writtenEnv]span
}

// writtenEnv identifies variables by where they lie in memory: one, or all of a list.
type writtenEnv struct {
	first *corev1.EnvVar
	n     int // negative for a list
}

type span struct{ start, end int }

func encodePatch(to *bytes.Buffer, ops []jsonpatch.Operation) error {
	to.Reset()
	e := patchEncoder{to: to, values: json.NewEncoder(to), written: map[writtenEnv]span{}}
	for i := range ops {
		to.WriteByte("[,"[min(i, 1)])
		if err := e.encodeOperation(&ops[i]); err != nil {
			return fmt.Errorf("encode patch: %w", err)
		}
	}
	to.WriteByte(']')
	return nil
}

func (e *patchEncoder) encodeOperation(op *jsonpatch.Operation) error {
	e.to.WriteString(`{"op":`)
	if err := e.writeQuoted(op.Operation); err != nil {
		return err
	}
	e.to.WriteString(`,"path":`)
	if err := e.writeQuoted(op.Path); err != nil {
		return err
	}
	e.to.WriteString(`,"value":`)
	if err := e.encodeValue(op.Value); err != nil {
		return err
	}
	e.to.WriteByte('}')
	return nil
}

func (e *patchEncoder) writeQuoted(text string) error {
	quoted, err := jsontext.AppendQuote(e.to.AvailableBuffer(), text)
	if err != nil {
		return err
	}
	e.to.Write(quoted)
	return nil
}

func (e *patchEncoder) encodeValue(value any) error {
	switch v := value.(type) {
	case *corev1.EnvVar:
		return e.encodeOnce(writtenEnv{first: v, n: 1}, v)
	case []corev1.EnvVar:
		if len(v) > 0 {
			return e.encodeOnce(writtenEnv{first: &v[0], n: -len(v)}, v)
		}
	}
	return e.encodeJSON(value)
}

// encodeOnce encodes a value, or copies what was written of it before.
func (e *patchEncoder) encodeOnce(key writtenEnv, value any) error {
	if at, ok := e.written[key]; ok {
		e.to.Grow(at.end - at.start) // Else the buffer could move while it is read.
		e.to.Write(e.to.Bytes()[at.start:at.end])
		return nil
	}
	start := e.to.Len()
	if err := e.encodeJSON(value); err != nil {
		return err
	}
	e.written[key] = span{start, e.to.Len()}
	return nil
}

func (e *patchEncoder) encodeJSON(value any) error {
	if err := e.values.Encode(value); err != nil {
		return err
	}
	e.to.Truncate(e.to.Len() - 1) // The encoder ends each value with a newline.
	return nil
}
