package lightermancmd

import (
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/webhook/caller"
)

// callerOptions are the flags that configure how API servers authenticate their reviews.
type callerOptions struct {
	caFile       string
	allowedNames []string
	tokens       bool
	subjects     []string
	reportOnly   bool
}

func (o *callerOptions) bindFlags(f *pflag.FlagSet) {
	f.StringVar(&o.caFile, "client-ca-file", "",
		"PEM `file` with the CA of the API servers' client certificates; reviews without such a certificate are then "+
			"refused. Read again when it changes")
	f.StringArrayVar(&o.allowedNames, "client-allowed-name", nil,
		`common name, DNS name or URI of an API server's client certificate; may be repeated. "*" allows all certificates of the CA`)
	f.BoolVar(&o.tokens, "caller-tokens", false,
		"refuse reviews without a token that is bound to --webhook-configuration (KEP-6060) or a client certificate")
	f.StringArrayVar(&o.subjects, "caller-token-subject", nil,
		"user name of the service account in an API server's tokens; may be repeated. Default: every service account that "+
			"may attest reviews of all API groups")
	f.BoolVar(&o.reportOnly, "callers-report-only", false,
		"accept reviews without a client certificate or token, as if neither were configured; the metric "+
			"lighterman_admission_callers_total counts those with one")
}

// newAuthenticator returns the authentication of API servers. paths is nil if the webhook's path is no secret.
func (o *webhookOptions) newAuthenticator(
	kubeconfig *rest.Config, paths caller.Paths, log logr.Logger,
) (*caller.Authenticator, error) {
	options := caller.Options{
		CertificateOptions: caller.CertificateOptions{CAFile: o.callers.caFile, AllowedNames: o.callers.allowedNames},
		TokenOptions: caller.TokenOptions{
			WebhookConfiguration: o.webhookConfiguration,
			Audience:             caller.ServiceAudience(o.service, o.namespace),
			Subjects:             o.callers.subjects,
		},
		Paths: paths, ReportOnly: o.callers.reportOnly,
	}
	if o.callers.tokens {
		client, err := newHTTPClient(kubeconfig)
		if err != nil {
			return nil, err
		}
		if options.Keys, err = caller.APIServerKeys(kubeconfig, client); err != nil {
			return nil, err
		}
	}
	return caller.New(options, log)
}

func newHTTPClient(kubeconfig *rest.Config) (*http.Client, error) {
	client, err := rest.HTTPClientFor(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reach the API server: %w", err)
	}
	return client, nil
}
