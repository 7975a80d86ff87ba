package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// webhookConfig watches our MutatingWebhookConfiguration, and reconciles its caBundle and path.
type webhookConfig struct {
	name    string
	prefix  string // of the path, before the token
	client  kubernetes.Interface
	factory informers.SharedInformerFactory
	watch   *watch[admissionregistrationv1.MutatingWebhookConfiguration]
	log     logr.Logger
	writes  atomic.Uint64

	backoff backoff
	// limiter bounds the writes where another program writes the same fields. A rotation takes one write.
	limiter *rate.Limiter

	mu      sync.Mutex
	trusted trustedCAs // nil when there is no configuration
	path    publishedPath
}

func newWebhookConfig(
	client kubernetes.Interface, o IssuerOptions, log logr.Logger, changed func(),
) (*webhookConfig, error) {
	c := &webhookConfig{
		name: o.WebhookConfiguration, prefix: o.PathPrefix, client: client, log: log,
		factory: newFactory(client, metav1.NamespaceAll, o.WebhookConfiguration),
		limiter: rate.NewLimiter(rate.Every(10*time.Second), 10),
	}
	informer := c.factory.Admissionregistration().V1().MutatingWebhookConfigurations().Informer()
	what := "MutatingWebhookConfiguration " + o.WebhookConfiguration
	var err error
	c.watch, err = newWatch(what, informer, func(object *admissionregistrationv1.MutatingWebhookConfiguration) {
		c.recordState(object, time.Now())
		changed()
	})
	return c, err
}

// recordState records a state of the configuration. It is called with each: a CA that was removed and added again has to settle
// again.
func (c *webhookConfig) recordState(object *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if object == nil {
		c.trusted, c.path = nil, publishedPath{}
		return
	}
	since := now
	if c.trusted == nil {
		// The first state. A bundle that was written before this process started has had the time since then to settle.
		// Kubernetes cuts the time to seconds.
		if written := lastWrite(object); !written.IsZero() && written.Add(time.Second).Before(now) {
			since = written.Add(time.Second)
		}
	}
	bundles := make([][]byte, 0, len(object.Webhooks))
	for _, w := range object.Webhooks {
		bundles = append(bundles, w.ClientConfig.CABundle)
	}
	c.trusted = updateTrusted(c.trusted, bundles, since)
	if token := objectToken(object, c.prefix); token != c.path.token {
		c.path = publishedPath{token: token, since: since}
	}
}

// currentPath returns the path as the API server last returned it.
func (c *webhookConfig) currentPath() publishedPath {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.path
}

// objectToken returns the token in the path of all webhooks of object, "" when there is none or they differ.
func objectToken(object *admissionregistrationv1.MutatingWebhookConfiguration, prefix string) string {
	token := ""
	for i, w := range object.Webhooks {
		t, ok := strings.CutPrefix(pathOf(w.ClientConfig), prefix)
		if !ok || i > 0 && t != token {
			return ""
		}
		token = t
	}
	return token
}

// pathOf returns the path under which API servers call a webhook.
func pathOf(c admissionregistrationv1.WebhookClientConfig) string {
	switch {
	case c.Service != nil && c.Service.Path != nil:
		return *c.Service.Path
	case c.URL != nil:
		if u, err := url.Parse(*c.URL); err == nil {
			return u.Path
		}
	}
	return ""
}

// issuerOf returns the CA in caBundle by which API servers accept leaf.
func (c *webhookConfig) issuerOf(leaf *x509.Certificate, dnsName string) (trustedCA, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trusted.issuerOf(leaf, dnsName)
}

// bringUpToDate writes caBundle if it is not that of mergeBundle, and the path if it has not this token; "" leaves the path as
// it is. It returns the last error until a write succeeds.
func (c *webhookConfig) bringUpToDate(
	ctx context.Context, now time.Time, token string, wanted ...*x509.Certificate,
) error {
	object, err := c.watch.lastSeen()
	if err != nil {
		return err
	}
	wanted = slices.DeleteFunc(wanted, func(ca *x509.Certificate) bool { return ca == nil })
	patch, err := c.buildPatch(object, now, token, wanted)
	if err != nil || patch == nil {
		return err
	}
	if !c.backoff.mayTry(now) {
		return c.backoff.failed
	}
	if !c.limiter.AllowN(now, 1) {
		return fmt.Errorf(
			"something else keeps changing caBundle or the path of %s (field managers %q): stop that, or use --certs=files",
			c.watch.what, otherManagers(object),
		)
	}
	err = retry.RetryOnConflict(
		retry.DefaultBackoff, func() error { return c.writeConfiguration(ctx, now, token, wanted) },
	)
	if err != nil {
		err = withoutToken(fmt.Errorf("write %s: %w", c.watch.what, err), token)
	}
	return c.backoff.recordAttempt(now, err)
}

// withoutToken returns err with the secret path left out: an API server quotes what it refuses.
func withoutToken(err error, token string) error {
	if text := err.Error(); token != "" && strings.Contains(text, token) {
		return errors.New(strings.ReplaceAll(text, token, "(secret)"))
	}
	return err
}

// writeConfiguration reads the configuration and patches it. The watched object may be older than the read one.
func (c *webhookConfig) writeConfiguration(
	ctx context.Context, now time.Time, token string, wanted []*x509.Certificate,
) error {
	configs := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	object, err := configs.Get(ctx, c.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	patch, err := c.buildPatch(object, now, token, wanted)
	if err != nil || patch == nil {
		return err
	}
	_, err = configs.Patch(
		ctx, c.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager},
	)
	if err != nil {
		return err
	}
	c.writes.Add(1)
	before, after := objectBundle(object), mergeBundle(objectBundle(object), now, wanted...)
	// The path is a secret, and is not logged.
	c.log.Info(
		"update the webhook configuration", "webhookConfiguration", c.name, "otherManagers", otherManagers(object),
		"before", formatSerials(before), "after", formatSerials(after),
		"newPath", token != "" && objectToken(object, c.prefix) != token,
	)
	return nil
}

// objectBundle returns all caBundles of object, joined.
func objectBundle(object *admissionregistrationv1.MutatingWebhookConfiguration) []byte {
	var all []byte
	for _, w := range object.Webhooks {
		all = append(append(all, w.ClientConfig.CABundle...), '\n')
	}
	return all
}

// buildPatch returns the strategic merge patch that brings caBundle and path of every webhook of object up to date, nil when all
// are. It touches nothing else, so that fields newer than our types survive, and fails when object has changed meanwhile.
func (c *webhookConfig) buildPatch(
	object *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time, token string, wanted []*x509.Certificate,
) ([]byte, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	if len(object.Webhooks) == 0 {
		return nil, fmt.Errorf("MutatingWebhookConfiguration %s has no webhooks", object.Name)
	}
	if annotation := injectAnnotation(object); annotation != "" {
		return nil, fmt.Errorf("MutatingWebhookConfiguration %s carries the annotation %s, so cert-manager's cainjector "+
			"writes caBundle: remove the annotation, or use --certs=files", object.Name, annotation)
	}
	merged := mergeBundle(objectBundle(object), now, wanted...)
	var changed []any
	for _, w := range object.Webhooks {
		client := map[string]any{}
		if !bytes.Equal(w.ClientConfig.CABundle, merged) {
			client["caBundle"] = merged
		}
		if token != "" && pathOf(w.ClientConfig) != c.prefix+token {
			maps.Copy(client, withPath(w.ClientConfig, c.prefix+token))
		}
		if len(client) > 0 {
			changed = append(changed, map[string]any{"name": w.Name, "clientConfig": client})
		}
	}
	if changed == nil {
		return nil, nil
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": object.UID, "resourceVersion": object.ResourceVersion},
		"webhooks": changed,
	})
}

// withPath returns the part of a patch that sets the path of a clientConfig.
func withPath(c admissionregistrationv1.WebhookClientConfig, path string) map[string]any {
	if c.Service != nil {
		return map[string]any{"service": map[string]any{"path": path}}
	}
	if c.URL == nil {
		return nil
	}
	u, err := url.Parse(*c.URL)
	if err != nil {
		return nil
	}
	u.Path = path
	return map[string]any{"url": u.String()}
}

// injectAnnotation returns the annotation by which cert-manager's cainjector writes caBundle, "" when there is none.
func injectAnnotation(object *admissionregistrationv1.MutatingWebhookConfiguration) string {
	for _, annotation := range []string{
		cmapi.WantInjectAnnotation, cmapi.WantInjectFromSecretAnnotation, cmapi.WantInjectAPIServerCAAnnotation,
	} {
		if _, ok := object.Annotations[annotation]; ok {
			return annotation
		}
	}
	return ""
}

// lastWrite returns when this program last wrote object, zero if it never did.
func lastWrite(object *admissionregistrationv1.MutatingWebhookConfiguration) time.Time {
	var last time.Time
	for _, f := range object.ManagedFields {
		if f.Manager == fieldManager && f.Time != nil {
			last = maxTime(last, f.Time.Time)
		}
	}
	return last
}

// otherManagers returns the field managers, ours aside, that set a caBundle or a path of object. managedFields do not record
// who removed one.
func otherManagers(object *admissionregistrationv1.MutatingWebhookConfiguration) []string {
	var managers []string
	for _, f := range object.ManagedFields {
		if f.Manager == fieldManager || f.FieldsV1 == nil {
			continue
		}
		fields := f.FieldsV1.GetRawBytes()
		if bytes.Contains(fields, []byte(`"f:caBundle"`)) || bytes.Contains(fields, []byte(`"f:path"`)) {
			managers = append(managers, f.Manager)
		}
	}
	return managers
}
