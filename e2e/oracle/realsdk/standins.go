package realsdk

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lighterman.dev/lighterman/e2e/oracle"
)

// machine is the metadata service of a virtual machine of each cloud; they share the address. It gives whoever asks the identity of the
// machine, or of the one that is named.
func machine(kind string) http.Handler {
	mux := http.NewServeMux()
	const role = "/latest/meta-data/iam/security-credentials/"
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		fmt.Fprint(w, "session")
	})
	mux.HandleFunc("GET "+role+"{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "node-role") })
	mux.HandleFunc("GET "+role+"node-role", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "session" {
			http.Error(w, "no session", http.StatusUnauthorized)
			return
		}
		answerAWS(w, kind+":")
	})
	mux.HandleFunc("GET /metadata/identity/oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata") != "true" || r.URL.Query().Get("resource") == "" {
			http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
			return
		}
		expires := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
		answer(w, map[string]string{
			"access_token": kind + ":" + r.URL.Query().Get("client_id"), "expires_on": expires, "expires_in": "3600",
			"token_type": "Bearer", "resource": r.URL.Query().Get("resource"),
		})
	})
	mux.HandleFunc("/", googleMachine(kind))
	return mux
}

func googleMachine(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		const account = "/computeMetadata/v1/instance/service-accounts/default/token"
		switch {
		case r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/computeMetadata/v1/project"):
			fmt.Fprint(w, "payments")
		case r.URL.Path == account && r.Header.Get("Metadata-Flavor") == "Google":
			who := kind + ":"
			if kind == string(oracle.OtherMetadataServer) {
				who += r.Host
			}
			answer(w, map[string]any{"access_token": who, "expires_in": 3600, "token_type": "Bearer"})
		default:
			http.NotFound(w, r)
		}
	}
}

// agent gives containers their credentials, for the token that they show.
func agent(w http.ResponseWriter, r *http.Request) {
	answerAWS(w, fmt.Sprintf("%s:http://%s%s/%s", oracle.ContainerAgent, r.Host, r.URL.RequestURI(), r.Header.Get("Authorization")))
}

// answerAWS gives credentials of which both halves say whose they are.
func answerAWS(w http.ResponseWriter, who string) {
	answer(w, map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": who, "SecretAccessKey": who, "Token": "session",
		"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "LastUpdated": time.Now().UTC().Format(time.RFC3339),
	})
}

// tokenServices answers for every HTTPS name: Entra ID, Google's token services, and AWS's.
func (c *Clouds) tokenServices() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/discovery/instance", func(w http.ResponseWriter, r *http.Request) {
		authority, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		host, tenant := authority.Host, strings.Split(authority.Path, "/")[1]
		answer(w, map[string]any{
			"tenant_discovery_endpoint": "https://" + host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
			"metadata":                  []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
		})
	})
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + r.Host + "/" + r.PathValue("tenant")
		answer(w, map[string]string{
			"issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", c.entra)
	mux.HandleFunc("POST /v1/token", googleSTS)
	mux.HandleFunc("POST /token", googleToken)
	mux.HandleFunc("POST /{$}", awsSTS)
	return mux
}

// entra is Entra ID's token endpoint. A client without a name is unknown to it, as to the real one.
func (c *Clouds) entra(w http.ResponseWriter, r *http.Request) {
	client, assertion := r.FormValue("client_id"), r.FormValue("client_assertion")
	kind, proof := oracle.ServicePrincipal, r.FormValue("client_secret")
	switch parts := strings.Split(assertion, "."); {
	case len(parts) == 3:
		kind, proof = oracle.Certificate, c.certificateNamed(thumbprint(parts[0]))
	case assertion != "":
		kind, proof = oracle.WorkloadIdentity, assertion
	}
	if client == "" || proof == "" {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_request", "error_description": "AADSTS900144: The request body must contain the following parameter: 'client_id'."})
		return
	}
	answer(w, map[string]any{
		"access_token": fmt.Sprintf("%s:%s/%s/%s", kind, r.PathValue("tenant"), client, proof), "expires_in": 3600, "ext_expires_in": 3600,
		"token_type": "Bearer",
	})
}

// thumbprint reads the certificate's from the head of a token that is signed with its key.
func thumbprint(head string) string {
	data, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var fields struct {
		Short string `json:"x5t"`
		Long  string `json:"x5t#S256"`
	}
	if json.Unmarshal(data, &fields) != nil {
		return ""
	}
	return fields.Short + fields.Long
}

// googleSTS exchanges a token of another issuer.
func googleSTS(w http.ResponseWriter, r *http.Request) {
	answer(w, map[string]any{
		"access_token":      fmt.Sprintf("%s:%s/%s", oracle.ExternalAccount, strings.TrimPrefix(r.FormValue("audience"), googlePool), r.FormValue("subject_token")),
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600,
	})
}

// googleToken takes what a service account has signed with its key.
func googleToken(w http.ResponseWriter, r *http.Request) {
	var claims struct {
		Issuer string `json:"iss"`
	}
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) == 3 {
		data, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(data, &claims)
	}
	answer(w, map[string]any{"access_token": fmt.Sprintf("%s:%s", oracle.ServiceAccountKey, claims.Issuer), "expires_in": 3600, "token_type": "Bearer"})
}

// signedWith finds the access key of a signature; those of stand-ins have slashes in them.
var signedWith = regexp.MustCompile(`Credential=(.*?)/\d{8}/`)

// awsSTS is AssumeRoleWithWebIdentity, and AssumeRole with what that gave.
func awsSTS(w http.ResponseWriter, r *http.Request) {
	type credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string //nolint:revive // as in the protocol
	}
	who := fmt.Sprintf("%s:%s/%s", oracle.WebIdentity, r.FormValue("RoleArn"), r.FormValue("WebIdentityToken"))
	w.Header().Set("Content-Type", "text/xml")
	if r.FormValue("Action") == "AssumeRole" {
		by := signedWith.FindStringSubmatch(r.Header.Get("Authorization"))
		if by == nil {
			http.Error(w, "no signature", http.StatusForbidden)
			return
		}
		token := strings.TrimPrefix(by[1], fmt.Sprintf("%s:%s/", oracle.WebIdentity, roleOf("first")))
		who = fmt.Sprintf("%s:%s/%s", oracle.AssumedRole, strings.TrimPrefix(r.FormValue("RoleArn"), rolePrefix), token)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName     xml.Name    `xml:"AssumeRoleResponse"`
			Credentials credentials `xml:"AssumeRoleResult>Credentials"`
		}{Credentials: credentials{who, who, "session", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}})
		return
	}
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName     xml.Name    `xml:"AssumeRoleWithWebIdentityResponse"`
		Credentials credentials `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}{Credentials: credentials{who, who, "session", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}})
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
