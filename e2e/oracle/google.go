package oracle

// Google returns what Google's libraries for Go take: golang.org/x/oauth2 v0.37.0 google/default.go
// (FindDefaultCredentialsWithParams) and cloud.google.com/go/auth v0.24 credentials/detect.go (DetectDefault). A file that is named is
// the only identity that they try. The metadata server is where GCE_METADATA_HOST says (compute/metadata v0.10.0).
func Google(env Env, files Files) Taken {
	const variable = "GOOGLE_APPLICATION_CREDENTIALS"
	path := env.Get(variable)
	file, exists := files[path]
	switch {
	case path == "":
		return googleMetadata(env)
	case exists && file.Kind == GoogleKeyFile:
		return taken(ServiceAccountKey, []string{variable}, file.Name)
	case exists && file.Kind == GoogleTokenFile && files.has(file.Token, TokenFile):
		return taken(ExternalAccount, []string{variable}, file.Name, files[file.Token].Name)
	}
	return failed(variable + ": no such file, or no such token")
}

func googleMetadata(env Env) Taken {
	switch host := env.Get("GCE_METADATA_HOST"); {
	case host == "":
		return node("", "the metadata server")
	case !isHost(host):
		return failed("GCE_METADATA_HOST: no such host")
	default:
		return taken(OtherMetadataServer, []string{"GCE_METADATA_HOST"}, host)
	}
}
