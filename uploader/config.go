package uploader

import (
	"encoding/json/v2"
	"fmt"
)

// The environment of the sidecar. Lighterman's injector writes it.
const (
	// EnvConfig holds the Config as JSON.
	EnvConfig = "LIGHTERMAN_UPLOADER"
	// EnvPodNamespace, EnvPodName and EnvPodUID hold the pod's, from the downward API.
	EnvPodNamespace = "LIGHTERMAN_POD_NAMESPACE"
	EnvPodName      = "LIGHTERMAN_POD_NAME"
	EnvPodUID       = "LIGHTERMAN_POD_UID"
)

// DefaultDirectory is where the containers of a pod find the uploader's program and its socket.
const DefaultDirectory = "/lighterman"

// Config is the configuration of the sidecar. It holds no secret: variables and files of their own do. The zero value
// of a field means its default; Spool and one store are required.
type Config struct {
	// Spool is the directory whose files are uploaded.
	Spool string `json:"spool"`
	// Directory holds the socket and the journal. It must outlive the container, and need not outlive the pod.
	Directory string `json:"directory,omitzero"`
	// Profile names the profile in the manifest, for people: CredentialProfile backups.
	Profile string `json:"profile,omitzero"`

	// Upload is when the sidecar sends a file. Default OnClose.
	Upload UploadMode `json:"upload,omitzero"`
	// Include and Exclude are patterns of paths in the spool; see Matches. Default: every file, and none.
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// Prefix begins all keys. It has no slash at either end. PodPlaceholder in it stands for the pod's name.
	Prefix string `json:"prefix,omitzero"`
	// Key makes the rest of a key; see Template. Default DefaultKey.
	Key string `json:"key,omitzero"`
	// Completion is what waits for the files that are left when the containers have ended. Default Drain.
	Completion Completion `json:"completion,omitzero"`
	// DrainTimeoutSeconds bounds the upload after the end of the containers. Default 600.
	DrainTimeoutSeconds int64 `json:"drainTimeoutSeconds,omitzero"`
	// Overwrite replaces objects that exist.
	Overwrite bool `json:"overwrite,omitzero"`
	// AfterUpload is what the sidecar does with a file whose object is durable. Default Keep.
	AfterUpload AfterUpload `json:"afterUpload,omitzero"`

	// PartSizeMiB is the size of a part. It grows where a file would have too many parts. Default 16.
	PartSizeMiB int64 `json:"partSizeMiB,omitzero"`
	// Concurrency is the number of requests that send data at a time. Default 4.
	Concurrency int `json:"concurrency,omitzero"`
	// BandwidthLimit is in bytes per second; zero: none.
	BandwidthLimit int64 `json:"bandwidthLimit,omitzero"`

	// StorageClass is in the store's own words; empty: the bucket's default.
	StorageClass string `json:"storageClass,omitzero"`
	// SSE is encryption by the store; nil: the bucket's default.
	SSE *SSE `json:"sse,omitzero"`
	// ObjectLock protects the objects; nil: not at all.
	ObjectLock *ObjectLock `json:"objectLock,omitzero"`
	// Tags are the tags of each object.
	Tags map[string]string `json:"tags,omitempty"`

	// CAFile holds the certificate authorities, in PEM, by which the store is checked; empty: those of the image.
	CAFile string `json:"caFile,omitzero"`

	// Exactly one of these is set; see Location.
	S3    *S3    `json:"s3,omitzero"`
	Azure *Azure `json:"azure,omitzero"`
	GCS   *GCS   `json:"gcs,omitzero"`
}

// UploadMode is when the sidecar sends a file.
type UploadMode string

// The upload modes.
const (
	// OnClose sends a file when its writer has closed or renamed it.
	OnClose UploadMode = "OnClose"
	// Stream sends the parts of a file while it grows.
	Stream UploadMode = "Stream"
)

// Completion is what waits for the files that are left when the containers have ended.
type Completion string

// The completions.
const (
	// Drain uploads what is left when the pod ends. Kubernetes ignores how that ends.
	Drain Completion = "Drain"
	// Wrap lets a wrapped command end only when all is uploaded, and fail when it could not be.
	Wrap Completion = "Wrap"
)

// AfterUpload is what the sidecar does with a file whose object is durable.
type AfterUpload string

// The values of AfterUpload.
const (
	Keep   AfterUpload = "Keep"
	Delete AfterUpload = "Delete"
)

// SSE is encryption by the store.
type SSE struct {
	// Algorithm is AES256 or KMS.
	Algorithm string `json:"algorithm"`
	// KMSKeyID is empty for the store's own key.
	KMSKeyID string `json:"kmsKeyID,omitzero"`
}

// ObjectLock protects objects against change and deletion.
type ObjectLock struct {
	// Mode is Governance or Compliance.
	Mode string `json:"mode"`
	// Days is for how long.
	Days int `json:"days"`
}

// ParseConfig reads the value of EnvConfig. Unknown fields are errors: the sidecar must not be older than the webhook
// that wrote them. The result has its defaults filled in and is valid; an error lists every problem.
func ParseConfig(text string) (*Config, error) {
	var c Config
	if text == "" {
		return nil, fmt.Errorf(
			"read %s: it is empty: run the uploader as the sidecar that Lighterman injects, or write the variable", EnvConfig,
		)
	}
	if err := json.Unmarshal([]byte(text), &c, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("read %s: %w: webhook and sidecar must be of one version", EnvConfig, err)
	}
	c.setDefaults()
	if problems := c.Check(); len(problems) > 0 {
		return nil, fmt.Errorf("%s: %s", EnvConfig, joinProblems(problems, "\n"))
	}
	return &c, nil
}

// String returns the value of EnvConfig.
func (c *Config) String() string {
	text, err := json.Marshal(c, json.Deterministic(true))
	if err != nil {
		panic(err) // Only text that is not UTF-8 fails, and Check refuses it.
	}
	return string(text)
}

func (c *Config) setDefaults() {
	setDefault(&c.Directory, DefaultDirectory)
	setDefault(&c.Upload, OnClose)
	setDefault(&c.Key, DefaultKey)
	setDefault(&c.Completion, Drain)
	setDefault(&c.DrainTimeoutSeconds, 600)
	setDefault(&c.AfterUpload, Keep)
	setDefault(&c.PartSizeMiB, 16)
	setDefault(&c.Concurrency, 4)
	if len(c.Include) == 0 {
		c.Include = []string{"**"}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
