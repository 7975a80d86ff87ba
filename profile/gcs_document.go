package profile

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// externalAccountFile is Google's external_account credential file, which is not secret: it names the file of the token and
// the service that takes it. As written by gcloud 528.0.0, iam workload-identity-pools create-cred-config.
type externalAccountFile struct {
	UniverseDomain   string           `json:"universe_domain"`
	Type             string           `json:"type"`
	Audience         string           `json:"audience"`
	SubjectTokenType string           `json:"subject_token_type"`
	TokenURL         string           `json:"token_url"`
	CredentialSource credentialSource `json:"credential_source"`
	ImpersonationURL string           `json:"service_account_impersonation_url,omitempty"`
	TokenInfoURL     string           `json:"token_info_url,omitempty"`
}

type credentialSource struct {
	File   string       `json:"file"`
	Format sourceFormat `json:"format"`
}

type sourceFormat struct {
	Type string `json:"type"`
}

// externalAccount returns the credential file of workload identity federation.
func externalAccount(e *Environment) (string, error) {
	gcs := e.Spec.GCS
	wif, tokenURL := gcs.Auth.WorkloadIdentityFederation, googleService(gcs, "sts")+"/v1/token"
	file := externalAccountFile{
		UniverseDomain:   universeOf(gcs),
		Type:             "external_account",
		Audience:         wif.Audience,
		SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
		TokenURL:         cmp.Or(wif.TokenURL, tokenURL),
		CredentialSource: credentialSource{File: e.Files.Token, Format: sourceFormat{Type: "text"}},
	}
	switch {
	case wif.ServiceAccount != "":
		file.ImpersonationURL = googleService(gcs, "iamcredentials") +
			"/v1/projects/-/serviceAccounts/" + wif.ServiceAccount + ":generateAccessToken"
	case file.TokenURL == tokenURL:
		file.TokenInfoURL = googleService(gcs, "sts") + "/v1/introspect"
	}
	text, err := json.Marshal(file)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", gcpCredentialsFile, err)
	}
	return string(text), nil
}
