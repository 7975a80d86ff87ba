package certs

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	good := Options{
		Namespace: "backup", SecretName: "ca", WebhookConfiguration: "lighterman", DNSNames: DNSNames("lighterman", "backup"),
	}
	with := func(change func(*Options)) Options {
		o := good
		change(&o)
		return o
	}
	tests := map[string]struct {
		in   Options
		want string
	}{
		"embedded is the default":       {good, ""},
		"embedded by name":              {with(func(o *Options) { o.Mode = Embedded }), ""},
		"files":                         {Options{Mode: Files, Dir: "/tls"}, ""},
		"files without a directory":     {Options{Mode: Files}, "--certs=files needs --certs-dir: name the directory that holds tls.crt and tls.key"},
		"cert-manager is not supported": {Options{Mode: "cert-manager"}, "not supported in this version: --certs=cert-manager; use --certs=embedded, or mount the Certificate's Secret and use --certs=files with --certs-dir"},
		"an unknown mode":               {Options{Mode: "magic"}, "--certs=magic is not a mode: use embedded or files"},
		"embedded with nothing": {Options{}, "--certs=embedded needs --namespace: name the namespace of the release\n" +
			"--certs=embedded needs --certs-secret: name the Secret that keeps the CA\n" +
			"--certs=embedded needs --webhook-configuration: name the MutatingWebhookConfiguration of the release\n" +
			"--certs=embedded needs --service: name the Service of the webhook"},
		"a leaf that outlives its CA": {
			with(func(o *Options) { o.CADuration = time.Hour }),
			"--certs-leaf-duration=168h0m0s must be shorter than --certs-ca-duration=1h0m0s",
		},
		"a delay that outlasts a renewal": {
			with(func(o *Options) { o.LeafDuration = 10 * time.Second }),
			"--certs-settle-delay=5s must be shorter than a third of --certs-leaf-duration=10s",
		},
		"a negative delay": {
			with(func(o *Options) { o.SettleDelay = -1 }),
			"--certs-ca-duration, --certs-leaf-duration and --certs-settle-delay must be positive",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := test.in.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBindFlags(t *testing.T) {
	var o Options
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	o.BindFlags(fs)
	if err := fs.Parse([]string{
		"--certs=embedded", "--certs-secret=ca", "--webhook-configuration=lighterman", "--certs-dir=/tls",
		"--certs-ca-duration=2h", "--certs-leaf-duration=1h", "--certs-settle-delay=1s",
	}); err != nil {
		t.Fatal(err)
	}
	want := Options{
		Mode: Embedded, SecretName: "ca", WebhookConfiguration: "lighterman", Dir: "/tls",
		CADuration: 2 * time.Hour, LeafDuration: time.Hour, SettleDelay: time.Second,
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func ExampleDNSNames() {
	fmt.Println(DNSNames("lighterman", "backup"))
	// Output: [lighterman.backup.svc lighterman.backup.svc.cluster.local]
}
