package fakecloud

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/names"
	"lighterman.dev/lighterman/e2e/harness/portforward"
)

// adminHost is in the certificate for the test's own requests, which the API server forwards.
const adminHost = Service + "." + Namespace + ".svc"

// HostAliases lead every name to the clouds, for a test pod. Of buckets, those are led that the pod addresses by host name.
func (c *Cloud) HostAliases(buckets ...string) []corev1.HostAlias {
	return []corev1.HostAlias{{IP: c.IP, Hostnames: names.Hosts([]string{Account}, buckets)}}
}

// Client returns an HTTP client for the test itself: all names lead to the clouds, and it trusts nothing else.
func (c *Cloud) Client() *http.Client { return c.client(api.NamesPort) }

func (c *Cloud) client(port int) *http.Client {
	return portforward.Dialer{REST: c.rest, Namespace: Namespace, Selector: selector(), Port: port}.Client(c.ca)
}

// Register adds entries to what the clouds know.
func (c *Cloud) Register(ctx context.Context, entries directory.Entries) error {
	body, err := json.Marshal(entries)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+adminHost+api.EntriesPath, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	client := c.client(api.AdminPort)
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("register: %s: %s", response.Status, text)
	}
	return nil
}

func (c *Cloud) register(tb testing.TB, entries directory.Entries) {
	tb.Helper()
	if err := c.Register(tb.Context(), entries); err != nil {
		tb.Fatal(err)
	}
}
