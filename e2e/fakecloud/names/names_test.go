package names_test

import (
	"crypto/x509"
	"slices"
	"testing"

	"lighterman.dev/lighterman/e2e/fakecloud/names"
)

func TestFind(t *testing.T) {
	for host, want := range map[string]names.Service{
		"login.microsoftonline.com":              names.Entra,
		"LOGIN.microsoftonline.us:443":           names.Entra,
		"acct.blob.core.chinacloudapi.cn":        names.Blob,
		"blob.core.windows.net":                  "",
		"storage.googleapis.com":                 names.GCS,
		"bucket.storage.googleapis.com":          names.GCS,
		"x.sts.googleapis.com":                   "",
		"my.bucket.s3.us-east-1.amazonaws.com":   names.S3,
		"s3.amazonaws.com":                       names.S3,
		"sts.us-east-1.amazonaws.com":            names.STS,
		"example.com":                            "",
		"login.microsoftonline.com.example.com":  "",
		"evil-storage.googleapis.com.example.co": "",
	} {
		if got, ok := names.Find(host); got != want || ok != (want != "") {
			t.Errorf("%s is %q, want %q", host, got, want)
		}
	}
}

// TestEveryHostIsServed checks that the certificate and the services cover what is led here.
func TestEveryHostIsServed(t *testing.T) {
	certificate := &x509.Certificate{DNSNames: names.Certificate()}
	hosts := names.Hosts([]string{"acct"}, []string{"bucket"})
	for _, host := range hosts {
		if _, ok := names.Find(host); !ok {
			t.Errorf("%s is of no service", host)
		}
		if err := certificate.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"acct.blob.core.windows.net", "bucket.s3.amazonaws.com", "sts.amazonaws.com"} {
		if !slices.Contains(hosts, want) {
			t.Errorf("%s has no address", want)
		}
	}
}
