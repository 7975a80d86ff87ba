package manifest

import (
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Format is the version of the format that this package writes. It reads format 1 as well.
const Format = 2

// Manifest lists what one run has stored. Every file in it was durable before the manifest was written.
type Manifest struct {
	Format int `json:"format"`
	// Key is the manifest's own key.
	Key     string       `json:"key"`
	State   State        `json:"state"`
	Pod     uploader.Pod `json:"pod"`
	Profile string       `json:"profile,omitempty"`
	// Uploader is the version of the program.
	Uploader string    `json:"uploader"`
	Started  time.Time `json:"started"`
	Written  time.Time `json:"written"`
	// Totals are those of all files of the run.
	Totals Totals `json:"totals"`
	// Containers are the wrapped containers, and how their commands ended.
	Containers []Container `json:"containers,omitempty"`
	// Expect is what the run had to hold in order to be complete; nil: at least one file.
	Expect *uploader.Expect `json:"expect,omitempty"`
	// Segments list files in other objects. Of a path that is listed more than once, Files has the newest content, and
	// otherwise the last segment.
	Segments []Segment `json:"segments,omitempty"`
	// Files are those that no segment lists with their newest content. There are no more than MaxFiles.
	Files []File `json:"files"`
	// Skipped are entries of the spool that were not uploaded, such as links. MoreSkipped counts those that are not listed.
	Skipped     []Skipped `json:"skipped,omitempty"`
	MoreSkipped int       `json:"moreSkipped,omitempty"`

	// earlierFormat means that Files does not have the files, for there may be a million: All reads them again.
	earlierFormat bool
}

// MaxFiles is the largest number of files that a manifest lists itself.
const MaxFiles = 1000

// State is what a manifest says of its run.
type State string

// The states of a run.
const (
	// Complete means that the command of every wrapped container has ended with 0, and that every file is durable.
	Complete State = "complete"
	// Drained means that every file that was in the spool is durable. How the containers ended is not known.
	Drained State = "drained"
	// Open means neither: the pod was still running, or something was left over.
	Open State = "open"
)

// Totals count the files of a run.
type Totals struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Container is a wrapped container.
type Container struct {
	Name string `json:"name"`
	// Code is the exit code of the container's last command; nil: the command has not ended, or was lost.
	Code *int `json:"code,omitempty"`
	// Ended is when the command ended.
	Ended time.Time `json:"ended,omitzero"`
}

// File is a stored file.
type File struct {
	// Path is the file's in the spool, escaped as keys are.
	Path string `json:"path"`
	Key  string `json:"key"`
	Size int64  `json:"size"`
	// SHA256 is that of the content, in hex.
	SHA256 string `json:"sha256"`
	// Checksum is the one that the store keeps of the whole object; zero where it keeps none.
	Checksum objstore.Sum `json:"checksum,omitzero"`
	// Version is the object's version, where the bucket keeps versions.
	Version  string    `json:"version,omitempty"`
	Modified time.Time `json:"modified"`
	Stored   time.Time `json:"stored"`
}

// Skipped is an entry of the spool that was not uploaded.
type Skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Segment is an object that lists files of the run: JSON lines, compressed with gzip. It is never replaced.
type Segment struct {
	Key string `json:"key"`
	// SHA256 is that of the compressed object, in hex.
	SHA256 string `json:"sha256"`
	// Entries and Bytes are the number of the files that it lists, and their size.
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}
