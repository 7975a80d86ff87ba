package oracle

// Recipe is a set of variables that makes an identity for a store, with what it needs besides.
type Recipe struct {
	Store string
	Vars  []string
}

// Recipes are the ways in which the SDKs find an identity in the environment: what generators of pods are made of.
var Recipes = []Recipe{
	{"s3", []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}},
	{"s3", []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}},
	{"s3", []string{"AWS_ACCESS_KEY", "AWS_SECRET_KEY"}},
	{"s3", []string{"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_REGION"}},
	{"s3", []string{"AWS_SHARED_CREDENTIALS_FILE"}},
	{"s3", []string{"AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"}},
	{"s3", []string{"AWS_CONFIG_FILE", "AWS_DEFAULT_PROFILE"}},
	{"s3", []string{"AWS_CONFIG_FILE", "AWS_REGION"}},
	{"s3", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}},
	{"s3", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}},
	{"s3", []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}},
	{"azure", []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"}},
	{"azure", []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH"}},
	{"azure", []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"}},
	{"azure", []string{"AZURE_CLIENT_ID"}},
	{"azure", []string{"AZURE_STORAGE_CONNECTION_STRING"}},
	{"azure", []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY"}},
	{"azure", []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_SAS_TOKEN"}},
	{"gcs", []string{"GOOGLE_APPLICATION_CREDENTIALS"}},
	{"gcs", []string{"GCE_METADATA_HOST"}},
}

// Switches change which identity the SDKs take, and are none themselves.
var Switches = map[string][]string{
	"s3":    {"AWS_EC2_METADATA_DISABLED", "AWS_REGION", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE"},
	"azure": {"AZURE_TOKEN_CREDENTIALS", "AZURE_AUTHORITY_HOST"},
	"gcs":   {"GOOGLE_CLOUD_PROJECT"},
}

// ownValues are what a user sets: the first as a rule, the others at times.
var ownValues = map[string][]string{
	"AWS_ROLE_ARN":                           {"arn:aws:iam::444455556666:role/own"},
	"AWS_WEB_IDENTITY_TOKEN_FILE":            {"/own/token", "/own/absent"},
	"AWS_REGION":                             {"eu-central-1"},
	"AWS_SHARED_CREDENTIALS_FILE":            {"/own/aws-credentials", "/own/absent"},
	"AWS_CONFIG_FILE":                        {"/own/aws-config", "/own/aws-roles", "/own/aws-roles-without-token", "/own/absent"},
	"AWS_PROFILE":                            {"own", "absent"},
	"AWS_DEFAULT_PROFILE":                    {"own", "absent"},
	"AWS_CONTAINER_CREDENTIALS_FULL_URI":     {"http://169.254.170.23/v1/own", "http://10.0.0.1/own", "http://127.0.0.1/own", "nowhere"},
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": {"/v2/own"},
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": {"/own/token", "/own/absent"},
	"AWS_EC2_METADATA_DISABLED":              {"true", "false", "TRUE", "yes", "1"},
	"AWS_ENDPOINT_URL_STS":                   {"https://sts.own.example"},
	"AWS_CA_BUNDLE":                          {"/own/ca.crt", "/own/absent"},
	"AZURE_TENANT_ID":                        {"00000000-0000-0000-0000-0000000000e0", "not a tenant"},
	"AZURE_CLIENT_ID":                        {"00000000-0000-0000-0000-0000000000e1"},
	"AZURE_CLIENT_CERTIFICATE_PATH":          {"/own/client.pem", "/own/absent"},
	"AZURE_FEDERATED_TOKEN_FILE":             {"/own/token", "/own/absent"},
	"AZURE_AUTHORITY_HOST":                   {"https://login.microsoftonline.us/", "https://login.own.example", "login"},
	"AZURE_TOKEN_CREDENTIALS": {
		"prod", "dev", "EnvironmentCredential", "workloadidentitycredential", "ManagedIdentityCredential", "AzureCLICredential", "nonsense",
	},
	"GOOGLE_APPLICATION_CREDENTIALS": {"/own/key.json", "/own/account.json", "/own/account-without-token.json", "/own/absent"},
	"GCE_METADATA_HOST":              {"169.254.169.111"},
}

// OwnValues returns the values that a user may give the variable; never none.
func OwnValues(name string) []string {
	if values := ownValues[name]; values != nil {
		return values
	}
	return []string{"own-" + name}
}

// OwnFiles are the files that the values name, where they exist.
var OwnFiles = Files{
	"/own/token":                      {Kind: TokenFile, Name: "own-token"},
	"/own/ca.crt":                     {Kind: CABundleFile, Name: "own-ca"},
	"/own/aws-credentials":            {Kind: AWSFile, Name: "own-credentials", Sections: []string{"default", "own"}},
	"/own/aws-config":                 {Kind: AWSFile, Name: "own-config", Sections: []string{"default", "own"}},
	"/own/aws-roles":                  {Kind: AWSRolesFile, Name: "own-roles", Sections: []string{"default", "own"}, Token: "/own/token"},
	"/own/aws-roles-without-token":    {Kind: AWSRolesFile, Name: "own-lost-roles", Sections: []string{"default"}, Token: "/own/absent"},
	"/own/client.pem":                 {Kind: PEMFile, Name: "own-certificate"},
	"/own/key.json":                   {Kind: GoogleKeyFile, Name: "own-key"},
	"/own/account.json":               {Kind: GoogleTokenFile, Name: "own-account", Token: "/own/token"},
	"/own/account-without-token.json": {Kind: GoogleTokenFile, Name: "own-account-without-token", Token: "/own/absent"},
}
