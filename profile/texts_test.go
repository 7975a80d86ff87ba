package profile_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/partition"
	"lighterman.dev/lighterman/profile"
)

// messagesOf returns what Check has against a profile.
func messagesOf(t *testing.T, spec string, settings profile.Cluster) []string {
	t.Helper()
	prof, err := profile.Parse([]byte("apiVersion: lighterman.dev/v1alpha1\nkind: CredentialProfile\nmetadata: {name: pg}\nspec: " + spec))
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	for _, problem := range profile.Check(prof.Spec, settings) {
		messages = append(messages, problem.String())
	}
	return messages
}

const s3Profile = "{s3: {bucket: pg, region: eu-west-1, auth: {webIdentity: {roleARN: 'arn:aws:iam::111122223333:role/pg'%s}}}%s}"

// TestAudiencesOfTheAPIServer holds that no profile has a token made that the API server would take.
func TestAudiencesOfTheAPIServer(t *testing.T) {
	settings := profile.Cluster{APIAudiences: []string{"https://cluster.example.com"}}
	for audience, refused := range map[string]bool{
		"sts.amazonaws.com":                            false,
		"https://minio.storage.svc":                    false,
		"kubernetes-backups":                           false,
		"https://cluster.example.com/backups":          false,
		"https://cluster.example.com":                  true,
		"kubernetes":                                   true,
		"kubernetes.default":                           true,
		"kubernetes.default.svc":                       true,
		"https://kubernetes.default.svc":               true,
		"https://kubernetes.default.svc/":              true,
		"https://kubernetes.default.svc:443":           true,
		"https://kubernetes.default.svc.cluster.local": true,
		"k3s":  true,
		"rke2": true,
		"https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789AB":                                                         true,
		"https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c":                                 true,
		"https://eastus.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-0000-0000-0000-000000000000/": true,
	} {
		messages := messagesOf(t, fmt.Sprintf(s3Profile, ", audience: '"+audience+"'", ""), settings)
		if got := len(messages) > 0; got != refused {
			t.Errorf("audience %s: %q", audience, messages)
		}
		azure := messagesOf(t, "{azure: {storageAccount: backups, container: pg, auth: {workloadIdentity: {clientID: x, tenantID: y, audience: '"+audience+"'}}}}", settings)
		if got := len(azure) > 0; got != refused {
			t.Errorf("audience %s for Azure: %q", audience, azure)
		}
		google := messagesOf(t, "{gcs: {bucket: pgc, auth: {workloadIdentityFederation: {audience: //iam.googleapis.com/x, tokenAudience: '"+audience+"'}}}}", settings)
		if got := len(google) > 0; got != refused || got && !strings.Contains(google[0], ".tokenAudience") {
			t.Errorf("audience %s for Google: %q", audience, google)
		}
	}
	if messages := messagesOf(t, "{s3: {bucket: pg, region: eu-west-1, auth: {podIdentity: {}}}}", settings); len(messages) > 0 {
		t.Errorf("the agent's own audience: %q", messages)
	}
}

// TestVariablesThatProfilesMustNotSet has an example of each kind, and of names that look like them and stay allowed.
func TestVariablesThatProfilesMustNotSet(t *testing.T) {
	for _, name := range []string{
		"LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "GCONV_PATH", "GLIBC_TUNABLES", "OPENSSL_CONF", "HOSTALIASES", "BASH_ENV", "ENV",
		"PS4", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "IFS", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONWARNINGS", "PERL5LIB",
		"PERLLIB", "PERL5OPT", "RUBYOPT", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "LUA_INIT_5_4",
		"DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER_PATH", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "PAGER", "TAR_OPTIONS", "RSYNC_RSH", "BORG_RSH",
		"BORG_PASSCOMMAND", "SSH_ASKPASS", "RESTIC_PASSWORD_COMMAND", "RESTIC_FROM_PASSWORD_COMMAND", "RCLONE_PASSWORD_COMMAND",
		"RCLONE_SFTP_SSH", "RCLONE_CONFIG_B_SSH", "RCLONE_METADATA_MAPPER", "PGBACKREST_CMD", "PGBACKREST_REPO1_HOST_CMD", "PGBACKREST_CMD_SSH",
		"WALG_STREAM_CREATE_COMMAND", "KUBERNETES_SERVICE_HOST", "KUBECONFIG", "PYTHONHTTPSVERIFY", "NODE_TLS_REJECT_UNAUTHORIZED", "SSLKEYLOGFILE",
	} {
		messages := messagesOf(t, fmt.Sprintf(s3Profile, "", ", env: [{name: "+name+", value: x}]"), profile.Cluster{})
		if len(messages) != 1 || !strings.Contains(messages[0], "spec.env[0].name: "+name) || !strings.Contains(messages[0], "set it in the container itself") {
			t.Errorf("%s: %q", name, messages)
		}
	}
	for _, name := range []string{
		"HOME", "TMPDIR", "TZ", "LANG", "HTTPS_PROXY", "SSL_CERT_FILE", "PYTHONUNBUFFERED", "JAVA_OPTS", "PGHOST", "PGPASSFILE", "RESTIC_CACHE_DIR",
		"RCLONE_TRANSFERS", "RCLONE_SSH_COMMANDS", "PGBACKREST_REPO1_RETENTION_FULL", "WALG_COMPRESSION_METHOD", "ENVIRONMENT", "MY_PATH", "LDAP_URL",
		"GITHUB", "BASH_ENV_X", "MALLOC_ARENA_MAX", "GODEBUG",
	} {
		if messages := messagesOf(t, fmt.Sprintf(s3Profile, "", ", env: [{name: "+name+", value: x}]"), profile.Cluster{}); len(messages) > 0 {
			t.Errorf("%s: %q", name, messages)
		}
	}
}

// TestCRDHasTheSamePatterns holds that the API server and the injector refuse the same: their expressions are equal, letter for
// letter.
func TestCRDHasTheSamePatterns(t *testing.T) {
	for _, file := range []string{"clustercredentialprofiles", "credentialprofiles"} {
		text, err := os.ReadFile("../charts/lighterman/files/crds/lighterman.dev_" + file + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		// YAML folds long lines, at blanks, and there are none in the expressions; a quote is doubled.
		crd := strings.ReplaceAll(string(text), "''", "'")
		for what, pattern := range map[string]string{
			"spec.env[].name": profile.RefusedPattern(), "audience": profile.APIAudience, "spec.s3.preset": partition.URLPattern(),
		} {
			if !strings.Contains(crd, ".matches('"+pattern+"')") {
				t.Errorf("%s: no rule on %s with the expression\n%s", file, what, pattern)
			}
		}
	}
}

// TestTokensAreNotSentInPlainText holds it for token services, and for stores by auth mode.
func TestTokensAreNotSentInPlainText(t *testing.T) {
	azure := func(auth string) string {
		return "{azure: {storageAccount: backups, container: pg, endpoint: 'http://azurite.storage.svc:10000/backups', auth: {" + auth + "}}}"
	}
	key := "{name: store, key: key}"
	for spec, refused := range map[string]string{
		fmt.Sprintf(s3Profile, ", stsEndpoint: 'http://sts.storage.svc'", ""):            "spec.s3.auth.webIdentity.stsEndpoint: must be an https URL",
		fmt.Sprintf(s3Profile, ", stsEndpoint: 'HTTP://127.0.0.1'", ""):                  "spec.s3.auth.webIdentity.stsEndpoint: must be an https URL",
		fmt.Sprintf(s3Profile, ", stsEndpoint: 'https://sts.storage.svc'", ""):           "",
		azure("workloadIdentity: {clientID: x, tenantID: y}"):                            "spec.azure.endpoint: must be an https URL",
		azure("managedIdentity: {}"):                                                     "spec.azure.endpoint: must be an https URL",
		azure("servicePrincipal: {clientID: x, tenantID: y, clientSecret: " + key + "}"): "spec.azure.endpoint: must be an https URL",
		azure("podIdentityBinding: rok"):                                                 "spec.azure.endpoint: must be an https URL",
		azure("sasToken: " + key):                                                        "spec.azure.endpoint: must be an https URL",
		azure("accountKey: " + key):                                                      "",
		azure("connectionString: " + key):                                                "",
		azure("default: {}"):                                                             "",
		"{azure: {storageAccount: backups, container: pg, auth: {workloadIdentity: {clientID: x, tenantID: y, authorityHost: 'http://login.example.com'}}}}":                      "authorityHost: must be an https URL",
		"{azure: {storageAccount: backups, container: pg, auth: {workloadIdentity: {clientID: x, tenantID: y, identityBinding: {tokenProxy: 'http://kubernetes.default.svc'}}}}}": "tokenProxy: must be an https URL",
		"{gcs: {bucket: pg, endpoint: 'http://gcs.storage.svc:4443', auth: {serviceAccountKey: " + key + "}}}":                                                                    "spec.gcs.endpoint: must be an https URL",
		"{gcs: {bucket: pg, endpoint: 'http://gcs.storage.svc:4443', auth: {gkeWorkloadIdentity: {}}}}":                                                                           "spec.gcs.endpoint: must be an https URL",
		"{gcs: {bucket: pg, endpoint: 'http://gcs.storage.svc:4443', auth: {ambient: {}}}}":                                                                                       "",
		"{gcs: {bucket: pg, auth: {workloadIdentityFederation: {audience: x, tokenURL: 'http://sts.example.com'}}}}":                                                              "tokenURL: must be an https URL",
	} {
		messages := messagesOf(t, spec, profile.Cluster{})
		switch {
		case refused == "" && len(messages) > 0:
			t.Errorf("%s: %q", spec, messages)
		case refused != "" && !slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(m, refused) }):
			t.Errorf("%s: %q, want %q", spec, messages, refused)
		}
	}
}

// TestNoTextRefersToVariables puts a reference and a control character into every text that a profile can have. A field that is new
// is in it.
func TestNoTextRefersToVariables(t *testing.T) {
	for _, bad := range []string{"$(AWS_SECRET_ACCESS_KEY)", "a\x00b", "a\nb", "a\x7fb", "a\u0085b"} {
		specs := profile.SpecsWithText(bad)
		if len(specs) < 60 {
			t.Fatalf("only %d texts found", len(specs))
		}
		for field, spec := range specs {
			messages := []string{}
			for _, problem := range profile.Check(spec, profile.Cluster{}) {
				messages = append(messages, problem.String())
			}
			want := regexp.MustCompile("^" + regexp.QuoteMeta(field) + `: contains (\$\(|a control character)`)
			if !slices.ContainsFunc(messages, want.MatchString) {
				t.Errorf("%s with %q: %q", field, bad, messages)
			}
		}
	}
	spec := &v1alpha1.CredentialProfileSpec{Env: []v1alpha1.EnvVar{{Name: "URL", Value: "s3://$(LIGHTERMAN_BUCKET)\n\tx"}, {Name: "NUL", Value: "a\x00b"}}}
	messages := ""
	for _, problem := range profile.Check(spec, profile.Cluster{}) {
		messages += problem.String() + "\n"
	}
	if strings.Contains(messages, "env[0]") || !strings.Contains(messages, "spec.env[1].value: contains a control character") {
		t.Errorf("values of spec.env: %s", messages)
	}
}

// TestSecurityPageListsRefusedVariables holds the list in docs/security.md.
func TestSecurityPageListsRefusedVariables(t *testing.T) {
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range profile.RefusedVariables() {
		if !strings.Contains(strings.Join(strings.Fields(string(page)), " "), line) {
			t.Errorf("docs/security.md lacks: %s", line)
		}
	}
}
