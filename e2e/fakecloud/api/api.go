package api

const (
	// NamesPort serves the clouds' names over TLS.
	NamesPort = 8443
	// AdminPort takes registrations.
	AdminPort = 8444
	// MetadataPort takes, without TLS, what a node's link-local addresses pass on.
	MetadataPort = 8080
	// MetadataIP is that of the metadata services of Google and Azure.
	MetadataIP = "169.254.169.254"
	// EKSAgentIP is that of the agent of EKS Pod Identity.
	EKSAgentIP = "169.254.170.23"
	// TokenHeader is the admin token on the way from a node to MetadataPort.
	TokenHeader = "X-Cloud-Token"
	// TokenEnv holds the admin token.
	TokenEnv = "CLOUD_ADMIN_TOKEN"
	// EntriesPath takes directory.Entries to add, with POST.
	EntriesPath = "/entries"
	// ReadyPath answers, to anybody, when all is served.
	ReadyPath = "/healthz"

	// GoogleProject is the one Google project's ID.
	GoogleProject = "lighterman-e2e"
	// GooglePools is where its workload identity pools are.
	GooglePools = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
	// GKEPool is that of the cluster, as if it were one of GKE.
	GKEPool = GooglePools + GoogleProject + ".svc.id.goog"
)
