package v1alpha1

// ToolOptions say how tools are told where the store is.
type ToolOptions struct {
	// What pgBackRest is told.
	// +optional
	Pgbackrest *PgbackrestOptions `json:"pgbackrest,omitempty"`
}

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
