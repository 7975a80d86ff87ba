package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"lighterman.dev/lighterman/internal/test/benchpod"
)

// load is what a number of admissions was like.
type load struct {
	perSecond float64
	p50, p99  time.Duration
	bytes     int // of a review
}

// admit posts reviews of the benchmark's pod as the API server does, over connections that are kept.
func admit(ctx context.Context, s *server, w *process, o *options) (load, error) {
	transport, path, err := s.trust(ctx)
	if err != nil {
		return load{}, err
	}
	review, err := json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "705ab4f5-6393-11e8-b7cc-42010a800002", Namespace: payments, Operation: admissionv1.Create,
			Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Object:   runtime.RawExtension{Raw: benchpod.JSON},
		},
	})
	if err != nil {
		return load{}, fmt.Errorf("encode review: %w", err)
	}
	url := fmt.Sprintf("https://127.0.0.1:%d%s", w.port, path)
	took := make([]time.Duration, o.requests)
	clients := make([]*http.Client, o.connections)
	for i := range clients {
		clients[i] = &http.Client{Transport: transport.Clone(), Timeout: 10 * time.Second}
		if err := post(ctx, clients[i], url, review); err != nil { // Connects.
			return load{}, err
		}
		defer clients[i].CloseIdleConnections()
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for _, client := range clients {
		group.Go(func() error {
			for i := next.Add(1) - 1; i < int64(o.requests); i = next.Add(1) - 1 {
				begun := time.Now()
				if err := post(ctx, client, url, review); err != nil {
					return err
				}
				took[i] = time.Since(begun)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return load{}, err
	}
	total := time.Since(start)
	slices.Sort(took)
	l := load{perSecond: float64(o.requests) / total.Seconds(), bytes: len(review)}
	if n := len(took); n > 0 {
		l.p50, l.p99 = took[n/2], took[n*99/100]
	}
	return l, nil
}

// trust returns a transport that checks the webhook's certificate as the API server does, by the configuration's caBundle,
// and the path by which the API server calls.
func (s *server) trust(ctx context.Context) (transport *http.Transport, path string, err error) {
	configuration, err := s.kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("read webhook configuration: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(configuration.Webhooks[0].ClientConfig.CABundle) {
		return nil, "", errors.New("the webhook configuration has no caBundle")
	}
	service := configuration.Webhooks[0].ClientConfig.Service
	if service.Path == nil {
		return nil, "", errors.New("the webhook configuration has no path")
	}
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name + "." + namespace + ".svc", MinVersion: tls.VersionTLS13},
		MaxConnsPerHost: 1,
	}, *service.Path, nil
}

// post sends one review, and demands that the pod is injected.
func post(ctx context.Context, client *http.Client, url string, review []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(review))
	if err != nil {
		return fmt.Errorf("post review: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("post review: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("post review: %w", err)
	}
	// Not decoded: that would cost more than the webhook itself takes.
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"patchType":"JSONPatch"`)) {
		return fmt.Errorf("post review: %s: the pod is not injected: %s", response.Status, body)
	}
	return nil
}
