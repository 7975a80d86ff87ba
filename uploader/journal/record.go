package journal

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"
	"time"

	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// Upload is an upload in parts that has begun.
type Upload struct {
	// Path is the file's in the spool, escaped.
	Path string `json:"path"`
	Key  string `json:"key"`
	ID   string `json:"id"`
	// PartSize is the size of the first parts.
	PartSize int64 `json:"partSize"`
	// DoubleAfter is the number of parts after which their size doubles, each time. Zero: all but the last are equal.
	DoubleAfter int `json:"doubleAfter,omitzero"`
	// Parts are the parts that the store has confirmed, by number.
	Parts map[int]objstore.Part `json:"parts,omitempty"`
	// Staged is nil until the store has every part of the file, and again as soon as a part is replaced.
	Staged *Staged `json:"staged,omitempty"`
}

// Staged describes the file whose parts the store has all confirmed, in an upload that is not completed.
type Staged struct {
	// State is the state of the file when its parts were sent.
	State  spool.State `json:"state"`
	SHA256 string      `json:"sha256"`
}

// Entry is a file that is durable.
type Entry struct {
	manifest.File

	// State is the state of the file when it was sent.
	State spool.State `json:"state"`
}

// Recorded is an entry as it is recorded.
type Recorded struct {
	Entry

	// Number counts the entries of the run.
	Number int64 `json:"number,omitzero"`
	// Replaces means that a segment of the manifest may list an earlier content of the file.
	Replaces bool `json:"replaces,omitzero"`
}

// Segment is a segment of the manifest that is stored.
type Segment struct {
	manifest.Segment

	// Last is the number of the last entry in it.
	Last int64 `json:"last"`
}

// Command is one attempt of a wrapped container to run its command.
type Command struct {
	Container string `json:"container"`
	// Attempt counts the attempts of the container from 1 on.
	Attempt int `json:"attempt"`
	// Session tells the attempts of a container apart.
	Session string       `json:"session,omitzero"`
	Began   time.Time    `json:"began"`
	Ended   time.Time    `json:"ended,omitzero"`
	Code    int          `json:"code,omitzero"`
	State   CommandState `json:"state"`
}

// CommandState is how far a command has come.
type CommandState string

// The states of a command.
const (
	CommandRunning   CommandState = "running"
	CommandSucceeded CommandState = "succeeded"
	CommandFailed    CommandState = "failed"
	// CommandLost means that the session ended without a result: the container was killed.
	CommandLost CommandState = "lost"
)

// record is a line of the journal. One field is set.
type record struct {
	Run      string     `json:"run,omitempty"`
	Begin    *Upload    `json:"begin,omitempty"`
	Part     *addedPart `json:"part,omitempty"`
	End      string     `json:"end,omitempty"`
	Done     *Recorded  `json:"done,omitempty"`
	Command  *Command   `json:"command,omitempty"`
	Segments *[]Segment `json:"segments,omitempty"`
}

// addedPart is a part of the upload of the file at a path.
type addedPart struct {
	Path string        `json:"path"`
	Part objstore.Part `json:"part"`
}

// What a store says need not be UTF-8.
var jsonOptions = json.JoinOptions(jsontext.AllowInvalidUTF8(true), json.Deterministic(true))

// encode returns a record as a line.
func (r *record) encode() ([]byte, error) {
	text, err := json.Marshal(r, jsonOptions)
	if err != nil {
		return nil, fmt.Errorf("write the journal: %w", err)
	}
	return append(text, '\n'), nil
}

// decode reads a record from a line.
func decode(line []byte) (*record, error) {
	var r record
	if err := json.Unmarshal(line, &r, jsonOptions); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return &r, nil
}
