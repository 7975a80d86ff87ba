package api

const (
	// NamesPort serves the clouds' names over TLS.
	NamesPort = 8443
	// AdminPort takes registrations.
	AdminPort = 8444
	// TokenEnv holds the bearer token that AdminPort wants.
	TokenEnv = "CLOUD_ADMIN_TOKEN"
	// EntriesPath takes directory.Entries to add, with POST.
	EntriesPath = "/entries"
	// ReadyPath answers, to anybody, when all is served.
	ReadyPath = "/healthz"
)
