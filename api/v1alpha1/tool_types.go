package v1alpha1

// ToolOptions say how tools are told where the store is.
type ToolOptions struct {
	// Whether the tools are told where their archive is. Inject: those that take its place from the environment (restic, WAL-G,
	// pgBackRest, xbcloud) find it in the bucket, below the prefix. Omit: they get the identity, and with it the endpoint,
	// the region, the storage account and the CA bundle, but not the place, because an operator or the container's own
	// configuration names that. Default Inject.
	// +optional
	// +default="Inject"
	Location ToolLocation `json:"location,omitempty"`
	// What pgBackRest is told.
	// +optional
	Pgbackrest *PgbackrestOptions `json:"pgbackrest,omitempty"`
}

// ToolLocation says whether tools are told where their archive is.
//
// +kubebuilder:validation:Enum=Inject;Omit
type ToolLocation string

// The values of ToolLocation.
const (
	ToolLocationInject ToolLocation = "Inject"
	ToolLocationOmit   ToolLocation = "Omit"
)

// PgbackrestOptions say how pgBackRest is told where the store is.
type PgbackrestOptions struct {
	// The number of pgBackRest's repository that is in the store: 2 gives PGBACKREST_REPO2_TYPE and so on. Nothing of another
	// repository is set. pgBackRest's variables come before its configuration file, which Lighterman cannot see: where repository
	// 1 is a volume, as operators make it, choose another number. A pod overrides it with the annotation
	// lighterman.dev/pgbackrest-repository. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Repository *int32 `json:"repository,omitempty"`
}
