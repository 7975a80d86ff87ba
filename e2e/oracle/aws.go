package oracle

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// AWS returns what aws-sdk-go-v2 takes: config v1.33.15 env_config.go (NewEnvConfig), shared_config.go, and resolve_credentials.go
// (resolveCredentialChain, resolveCredsFromProfile). Half a pair of keys is not seen at all; a token file without a role is an
// error; AWS_PROFILE must exist whatever is taken.
func AWS(env Env, files Files) Taken {
	section, failure := awsSection(env, files)
	if failure != "" {
		return failed(failure)
	}
	if ca := env.Get("AWS_CA_BUNDLE"); ca != "" && !files.has(ca, CABundleFile) {
		return failed("AWS_CA_BUNDLE: no such file")
	}
	id, secret := first(env, "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"), first(env, "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
	switch {
	case id != "" && secret != "":
		vars := []string{id, secret}
		session := env.Get("AWS_SESSION_TOKEN")
		if session != "" {
			vars = append(vars, "AWS_SESSION_TOKEN")
		}
		return taken(Keys, vars, env.Get(id), env.Get(secret), session)
	case env.Get("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		return awsWebIdentity(env, files)
	case section != nil && section.token != "":
		return awsAssumedRole(env, files, section)
	case section != nil:
		return taken(CredentialsFile, section.vars, section.name, section.file)
	case env.Get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "":
		return awsAgent(env, files, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
	case env.Get("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		return awsAgent(env, files, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	case strings.EqualFold(env.Get("AWS_EC2_METADATA_DISABLED"), "true"): // feature/ec2/imds v1.20 api_client.go: no other word.
		return failed("AWS_EC2_METADATA_DISABLED")
	}
	return node("", "nothing else is whole")
}

// first returns the first of the names that has a value.
func first(env Env, names ...string) string {
	for _, name := range names {
		if env.Get(name) != "" {
			return name
		}
	}
	return ""
}

// awsKeys are those of a section.
type awsKeys struct {
	name, file string
	vars       []string
	// token is the path of the one that the section's first role takes; empty: the section has keys, and no roles.
	token string
}

// awsSection returns the keys of the section that the SDK chooses; nil: the section has none. A section that AWS_PROFILE names must
// exist, one that AWS_DEFAULT_PROFILE names need not (config.go, resolveConfigLoaders). Keys of the credentials file go before
// those of the configuration file (shared_config.go, LoadSharedConfigProfile).
func awsSection(env Env, files Files) (keys *awsKeys, failure string) {
	chosen := first(env, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	name := "default"
	if chosen != "" {
		name = env.Get(chosen)
	}
	if file := files[env.Get("AWS_CONFIG_FILE")]; file.Kind == AWSRolesFile && slices.Contains(file.Sections, name) {
		// A source profile goes before keys, whichever file has them.
		return &awsKeys{name: name, file: file.Name, token: file.Token, vars: append([]string{"AWS_CONFIG_FILE"}, nonEmpty(chosen)...)}, ""
	}
	for _, variable := range []string{"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"} {
		file, ok := files[env.Get(variable)]
		if ok && file.Kind == AWSFile && slices.Contains(file.Sections, name) {
			vars := []string{variable}
			if chosen != "" {
				vars = append(vars, chosen)
			}
			return &awsKeys{name: name, file: file.Name, vars: vars}, ""
		}
	}
	if chosen == "AWS_PROFILE" {
		return nil, "AWS_PROFILE: no such section"
	}
	return nil, ""
}

func nonEmpty(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// awsAssumedRole is a role of a configuration file that another of it assumes (resolve_credentials.go, resolveCredsFromProfile).
func awsAssumedRole(env Env, files Files, section *awsKeys) Taken {
	switch {
	case !files.has(section.token, TokenFile):
		return failed("web_identity_token_file: no such file")
	case !awsFindsTokenService(env):
		return failed("no region for the token service")
	}
	return taken(AssumedRole, section.vars, section.file, files[section.token].Name)
}

// awsWebIdentity needs a role (resolve_credentials.go, assumeWebIdentity), and a region or an endpoint for the token service.
func awsWebIdentity(env Env, files Files) Taken {
	path := env.Get("AWS_WEB_IDENTITY_TOKEN_FILE")
	switch {
	case env.Get("AWS_ROLE_ARN") == "":
		return failed("AWS_ROLE_ARN is not set")
	case !files.has(path, TokenFile):
		return failed("AWS_WEB_IDENTITY_TOKEN_FILE: no such file")
	case !awsFindsTokenService(env):
		return failed("no region for the token service")
	}
	return taken(WebIdentity, []string{"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}, env.Get("AWS_ROLE_ARN"), files[path].Name)
}

// awsFindsTokenService reports whether there is a region of which the token service's host name can be made, or an endpoint instead.
func awsFindsTokenService(env Env) bool {
	region := env.Get(first(env, "AWS_REGION", "AWS_DEFAULT_REGION"))
	endpoint := env.Get(first(env, "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"))
	if endpoint != "" {
		parsed, err := url.Parse(endpoint)
		return err == nil && parsed.Host != "" && isHost(region)
	}
	return region != "" && isHost(region)
}

// isHost reports whether the text may be, or may begin, a host name: the SDKs refuse, or do not find, what was meant as a reference to
// a variable that is not there.
func isHost(text string) bool { return !strings.ContainsAny(text, "$() /") }

// awsAgent is the endpoint of a container's credentials. Plain HTTP goes to the known addresses only (resolve_credentials.go,
// resolveLocalHTTPCredProvider). The token's file goes before the token (resolveHTTPCredProvider).
func awsAgent(env Env, files Files, variable string) Taken {
	vars := []string{variable}
	endpoint := env.Get(variable)
	if variable == "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" {
		endpoint = "http://169.254.170.2" + endpoint
	}
	if !awsMayAsk(endpoint) {
		return failed(variable + ": may not be asked, or is not there")
	}
	token := env.Get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if token != "" {
		vars = append(vars, "AWS_CONTAINER_AUTHORIZATION_TOKEN")
	}
	if path := env.Get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
		if !files.has(path, TokenFile) {
			return failed("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: no such file")
		}
		vars, token = []string{variable, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}, files[path].Name
	}
	return taken(ContainerAgent, vars, endpoint, token)
}

func awsMayAsk(endpoint string) bool {
	parsed, err := url.Parse(endpoint)
	if err != nil || parsed.Hostname() == "" {
		return false
	}
	if parsed.Scheme != "http" {
		return true
	}
	ip, err := netip.ParseAddr(parsed.Hostname())
	known := []netip.Addr{netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23")}
	return err == nil && (ip.IsLoopback() || slices.Contains(known, ip))
}
