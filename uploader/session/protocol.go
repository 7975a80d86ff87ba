package session

import (
	"path/filepath"
	"time"

	"lighterman.dev/lighterman/uploader"
)

// Socket is the name of the socket in the sidecar's directory.
const Socket = "socket"

// ContainerDirectory returns the directory of a wrapped container, below the sidecar's directory. The container mounts it, and only it:
// what arrives on the socket there is what this container says.
func ContainerDirectory(dir, container string) string {
	return filepath.Join(dir, uploader.ContainersDirectory, container)
}

// The values of Request.Ask.
const (
	// AskReady asks whether the preflight has passed. It has one answer.
	AskReady = "ready"
	// AskStart begins a session, which lasts as long as its connection. It has one answer, when the session is recorded.
	AskStart = "start"
	// AskFinish reports that the command has ended with 0, and asks to store its files. Its answers are progress, and at last the verdict.
	AskFinish = "finish"
	// AskOutput announces the standard output of the command, for which AskStart was answered with Copy: it follows the answer on
	// this connection, until its end. It has one answer.
	AskOutput = "output"
	// AskFailed reports that the command has failed: what it wrote is no backup. It has one answer, when the failure is recorded.
	AskFailed = "failed"
)

// Attempt is one run of a container's command.
type Attempt struct {
	// Container is the name of the container.
	Container string `json:"container,omitempty"`
	// Session tells the attempts of a container apart. Only the exec that runs the command knows it.
	Session string `json:"session,omitempty"`
	// Began is when exec was about to start the command. Zero: when the sidecar hears of it.
	Began time.Time `json:"began,omitzero"`
}

// Request is a line to the sidecar.
type Request struct {
	Ask string `json:"ask"`
	Attempt
	// Stdout is the path at which the command's standard output is stored, for AskStart and AskOutput; empty: it is not. The read end of
	// its pipe goes with AskStart, unix(7).
	Stdout string `json:"stdout,omitempty"`
	// Code is the command's exit code, for AskFailed.
	Code int `json:"code,omitempty"`
	// Ending means that the pod ends, for AskFinish: no container of it starts again.
	Ending bool `json:"ending,omitempty"`
}

// Answer is a line from the sidecar.
type Answer struct {
	// Ready answers AskReady.
	Ready bool `json:"ready,omitempty"`
	// Error says why the request is refused.
	Error string `json:"error,omitempty"`
	// Final means that asking again does not help.
	Final bool `json:"final,omitempty"`
	// Copy answers an AskStart with Stdout whose pipe did not arrive: the output is to be copied, with AskOutput.
	Copy bool `json:"copy,omitempty"`
	// Output follows the answer to an AskStart with Stdout now and then.
	Output   *OutputProgress `json:"output,omitempty"`
	Progress *Progress       `json:"progress,omitempty"`
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
	// WaitingFor are the containers whose commands have not ended with 0. While there is one, nothing is published.
	WaitingFor []string `json:"waitingFor,omitempty"`
}

// Verdict is the result of storing all files.
type Verdict struct {
	// Error is empty when every file is durable and the manifest is written.
	Error string `json:"error,omitempty"`
	// Manifest is the manifest's key, and State what it says of the run.
	Manifest string `json:"manifest,omitempty"`
	State    string `json:"state,omitempty"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
	// LeftOver is how many files of failed attempts were not uploaded, and LeftOverPaths are the first of them.
	LeftOver      int      `json:"leftOver,omitempty"`
	LeftOverPaths []string `json:"leftOverPaths,omitempty"`
	// Warning is what people should know of a run, whatever its result.
	Warning string `json:"warning,omitempty"`
	// EmptySpool is the spool's path if Error is that too few files are in it: they may be elsewhere in the container.
	EmptySpool string `json:"emptySpool,omitempty"`
}
