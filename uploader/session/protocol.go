package session

// Socket is the name of the socket in the sidecar's directory.
const Socket = "socket"

// The values of Request.Ask.
const (
	// AskReady asks whether the preflight has passed. It has one answer.
	AskReady = "ready"
	// AskStart begins a session, which lasts as long as its connection. It has one answer, when the session has begun.
	AskStart = "start"
	// AskFinish asks to store all files of the container's command. Its answers are progress, and at last the verdict.
	AskFinish = "finish"
	// AskFailed reports that the command has failed: what it wrote is no backup. It has one answer.
	AskFailed = "failed"
)

// Request is a line to the sidecar.
type Request struct {
	Ask string `json:"ask"`
	// Container is the name of the container that asks.
	Container string `json:"container,omitempty"`
	// Code is the command's exit code, for AskFailed.
	Code int `json:"code,omitempty"`
}

// Answer is a line from the sidecar.
type Answer struct {
	// Ready answers AskReady.
	Ready    bool      `json:"ready,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	// Verdict is the last answer to AskFinish.
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Progress is how much is durable.
type Progress struct {
	// Files and Bytes are durable, of FilesTotal and BytesTotal that are known.
	Files      int   `json:"files"`
	FilesTotal int   `json:"filesTotal"`
	Bytes      int64 `json:"bytes"`
	BytesTotal int64 `json:"bytesTotal"`
}

// Verdict is the result of storing all files.
type Verdict struct {
	// Error is empty when every file is durable and the manifest is written.
	Error string `json:"error,omitempty"`
	// Manifest is the manifest's key.
	Manifest string `json:"manifest,omitempty"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
}
