package v1alpha1

// ToolOptions are the settings of backup tools.
type ToolOptions struct {
	// Whether Lighterman injects the location of the archive. Inject: the tools that read it from the environment (restic, WAL-G,
	// pgBackRest, xbcloud) use the bucket and the prefix of the profile. Omit: they get the identity, the endpoint, the region, the
	// storage account and the CA bundle, but not the location: an operator or the container's own configuration sets it.
	// Default Inject.
	// +optional
	// +default="Inject"
	Location ToolLocation `json:"location,omitempty"`
	// Settings of pgBackRest.
	// +optional
	Pgbackrest *PgbackrestOptions `json:"pgbackrest,omitempty"`
}

// ToolLocation is whether the location of the archive is injected.
//
// +kubebuilder:validation:Enum=Inject;Omit
type ToolLocation string

// The values of ToolLocation.
const (
	ToolLocationInject ToolLocation = "Inject"
	ToolLocationOmit   ToolLocation = "Omit"
)

// PgbackrestOptions are the settings of pgBackRest.
type PgbackrestOptions struct {
	// The number of the pgBackRest repository that is in the store. With 2, Lighterman injects PGBACKREST_REPO2_TYPE and so on, and no
	// variable of another repository. pgBackRest prefers these variables to its configuration file, which Lighterman cannot see.
	// Operators often keep repository 1 on a volume: choose another number there. A pod overrides the number with the annotation
	// lighterman.dev/pgbackrest-repository. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Repository *int32 `json:"repository,omitempty"`
}
