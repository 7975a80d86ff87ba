package certs

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestValidate(t *testing.T) {
	embedded := Options{Namespace: "backup", SecretName: "serving", DNSNames: DNSNames("lighterman", "backup")}
	byName := embedded
	byName.Mode = Embedded
	withPaths := embedded
	withPaths.PathFile = "/path/path"
	tests := map[string]struct {
		in   Options
		want string
	}{
		"embedded is the default":       {embedded, ""},
		"embedded by name":              {byName, ""},
		"embedded with a file of paths": {withPaths, "--path-file is for --certs=files: in embedded mode the paths are in the Secret"},
		"files":                         {Options{Mode: Files, Dir: "/tls"}, ""},
		"files with paths":              {Options{Mode: Files, Dir: "/tls", PathFile: "/path/path"}, ""},
		"files without a directory":     {Options{Mode: Files}, "--certs=files needs --certs-dir: name the directory that holds tls.crt and tls.key"},
		"cert-manager is not supported": {Options{Mode: "cert-manager"}, "not supported in this version: --certs=cert-manager; use --certs=embedded, or mount the Certificate's Secret and use --certs=files with --certs-dir"},
		"an unknown mode":               {Options{Mode: "magic"}, "--certs=magic is not a mode: use embedded or files"},
		"embedded with nothing": {Options{}, "--certs=embedded needs --namespace: name the namespace of the release\n" +
			"--certs=embedded needs --certs-secret: name the Secret to which lighterman certs writes\n" +
			"--certs=embedded needs --service: name the Service of the webhook"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { checkError(t, test.in.Validate(), test.want) })
	}
}

func TestValidateIssuer(t *testing.T) {
	with := func(change func(*IssuerOptions)) IssuerOptions {
		o := IssuerOptions{
			Namespace: "backup", CASecretName: "ca", SecretName: "serving", WebhookConfiguration: "lighterman", DNSNames: DNSNames("lighterman", "backup"),
		}
		change(&o)
		return o
	}
	tests := map[string]struct {
		in   IssuerOptions
		want string
	}{
		"good": {with(func(*IssuerOptions) {}), ""},
		"nothing": {IssuerOptions{}, "--namespace is required: name the namespace of the release\n" +
			"--ca-secret is required: name the Secret that keeps the CA\n" +
			"--certs-secret is required: name the Secret that the replicas read\n" +
			"--webhook-configuration is required: name the MutatingWebhookConfiguration of the release\n" +
			"--service is required: name the Service of the webhook"},
		"one Secret for both": {
			with(func(o *IssuerOptions) { o.SecretName = "ca" }),
			"--ca-secret and --certs-secret must differ: the replicas must not read the CA's key",
		},
		"a leaf that outlives its CA": {
			with(func(o *IssuerOptions) { o.CADuration = time.Hour }),
			"--leaf-duration=168h0m0s must be shorter than --ca-duration=1h0m0s",
		},
		"a delay that outlasts a renewal": {
			with(func(o *IssuerOptions) { o.LeafDuration = 10 * time.Second }),
			"--settle-delay=5s must be shorter than a third of --leaf-duration=10s",
		},
		"a negative delay": {
			with(func(o *IssuerOptions) { o.SettleDelay = -1 }),
			"--ca-duration, --leaf-duration, --settle-delay and --path-rotation-interval must be positive",
		},
		"paths that come too fast": {
			with(func(o *IssuerOptions) { o.PathInterval = time.Minute }),
			"--path-rotation-interval=1m0s must be longer than --settle-delay=5s and the 1m0s for which a replaced path is accepted",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { checkError(t, test.in.Validate(), test.want) })
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestBindFlags(t *testing.T) {
	var o Options
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	o.BindFlags(fs)
	if err := fs.Parse([]string{"--certs=embedded", "--certs-secret=serving", "--certs-dir=/tls", "--path-file=/path/path"}); err != nil {
		t.Fatal(err)
	}
	want := Options{Mode: Embedded, SecretName: "serving", Dir: "/tls", PathFile: "/path/path"}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestBindIssuerFlags(t *testing.T) {
	var o IssuerOptions
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	o.BindFlags(fs)
	if err := fs.Parse([]string{
		"--ca-secret=ca", "--certs-secret=serving", "--webhook-configuration=lighterman", "--deployment=lighterman",
		"--ca-duration=2h", "--leaf-duration=1h", "--settle-delay=1s", "--path-rotation-interval=5m",
	}); err != nil {
		t.Fatal(err)
	}
	want := IssuerOptions{
		CASecretName: "ca", SecretName: "serving", WebhookConfiguration: "lighterman", Deployment: "lighterman",
		CADuration: 2 * time.Hour, LeafDuration: time.Hour, SettleDelay: time.Second, PathInterval: 5 * time.Minute,
	}
	if diff := cmp.Diff(want, o, cmpopts.IgnoreUnexported(IssuerOptions{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func ExampleDNSNames() {
	fmt.Println(DNSNames("lighterman", "backup"))
	// Output: [lighterman.backup.svc lighterman.backup.svc.cluster.local]
}
