package profile

// The names of the files that auth modes have in the projected volume.
const (
	awsCredentialsFile = "aws-credentials"
	// awsConfigFile is an AWS configuration file, which names roles and no keys.
	awsConfigFile = "aws-config"
	// azureCertificateFile is a client certificate with its key.
	azureCertificateFile = "azure-client.pem"
	// gcpCredentialsFile is a service account's key, or the external_account file.
	gcpCredentialsFile = "gcp-credentials.json"
)

// ReservedPrefix begins the names of the neutral variables.
const ReservedPrefix = "LIGHTERMAN_"
