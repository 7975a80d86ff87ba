package certs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// testLag is how far behind the stream's client reads caBundle.
const testLag = testSettle / 2

// stream calls replicas all the time, as an API server that lags behind, and through the real API server.
type stream struct {
	mu       sync.Mutex
	dials    int
	admitted int
	failures []error
	served   map[string]map[string]bool // serials by address
	history  *history
}

func (r *release) newStream(t *testing.T, replicas ...*replica) *stream {
	t.Helper()
	s := &stream{served: map[string]map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})

	bundles := &history{}
	s.history = bundles
	read := func() {
		config, err := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, r.name, metav1.GetOptions{})
		if err == nil {
			c := config.Webhooks[0].ClientConfig
			bundles.add(clientConfig{bundle: c.CABundle, path: pathOf(c)})
		}
	}
	read()
	every := func(d time.Duration, do func()) {
		wg.Go(func() {
			for ctx.Err() == nil {
				do()
				time.Sleep(d)
			}
		})
	}
	every(20*time.Millisecond, read)
	every(20*time.Millisecond, func() {
		err := r.admit(ctx)
		s.record(ctx, err, func() { s.admitted++ })
	})
	for _, rep := range replicas {
		s.served[rep.address] = map[string]bool{}
		every(5*time.Millisecond, func() {
			leaf, err := call(ctx, rep.address, bundles.at(time.Now().Add(-testLag)))
			s.record(ctx, err, func() {
				s.dials++
				s.served[rep.address][formatSerial(leaf)] = true
			})
		})
	}
	return s
}

func (s *stream) record(ctx context.Context, err error, count func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		count()
	case ctx.Err() == nil:
		s.failures = append(s.failures, fmt.Errorf("%s: %w", time.Now().Format("05.000"), err))
	}
}

// check reports what failed, and that there were at least that many paths, and certificates of each replica.
func (s *stream) check(t *testing.T, served, paths int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%d handshakes, %d admissions, %d failures", s.dials, s.admitted, len(s.failures))
	for i, err := range s.failures[:min(5, len(s.failures))] {
		t.Errorf("failure %d of %d: %v", i+1, len(s.failures), err)
	}
	if got := s.history.paths(); got < paths {
		t.Errorf("there were %d paths, want at least %d", got, paths)
	}
	if s.dials == 0 || s.admitted == 0 {
		t.Error("the stream stood still")
	}
	for address, serials := range s.served {
		t.Logf("%s served %v", address, slices.Sorted(maps.Keys(serials)))
		if len(serials) < served {
			t.Errorf("%s served %d certificates, want at least %d", address, len(serials), served)
		}
	}
}

// history remembers what the configuration was when.
type history struct {
	mu      sync.Mutex
	times   []time.Time
	configs []clientConfig
}

func (h *history) add(config clientConfig) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times, h.configs = append(h.times, time.Now()), append(h.configs, config)
}

// paths returns how many paths there were.
func (h *history) paths() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range h.configs {
		seen[c.path] = true
	}
	return len(seen)
}

// at returns what was read last before then.
func (h *history) at(then time.Time) clientConfig {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := len(h.times) - 1
	for i > 0 && h.times[i].After(then) {
		i--
	}
	return h.configs[i]
}

// serveOther waits until each replica serves a certificate of a CA that is not in before, and returns those CAs.
func serveOther(t *testing.T, timeout time.Duration, replicas []*replica, before map[string]bool) map[string]bool {
	t.Helper()
	var now map[string]bool
	eventually(t, timeout, func() error {
		now = map[string]bool{}
		for _, rep := range replicas {
			ca := rep.servedCA()
			if before[ca] {
				return fmt.Errorf("%s still serves a certificate of CA %q", rep.address, ca)
			}
			now[ca] = true
		}
		return nil
	})
	return now
}

// servedCA is the serial of the CA that signed what is served.
func (rep *replica) servedCA() string {
	p := rep.provider.(*published)
	p.mu.Lock()
	defer p.mu.Unlock()
	return formatSerial(p.serving.ca)
}

// rotating has the path replaced as often as the rules allow.
func rotating(o IssuerOptions) IssuerOptions {
	o.PathInterval = 2*testSettle + time.Second
	return o
}

func (c cluster) rotation(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "rotation", "create", "patch")
	replicas := []*replica{r.newFirst(t, rotating(r.options())), r.newReplica(t)}
	r.configure(t, replicas[0].address, replicas[1].address)
	for _, rep := range replicas {
		rep.ready(t)
	}
	time.Sleep(testLag) // until the client that lags behind has read it too
	s := r.newStream(t, replicas...)
	cas := serveOther(t, time.Second, replicas, map[string]bool{"": true})

	for range 2 {
		begin := time.Now()
		r.setSecret(t, nil)
		cas = serveOther(t, 30*time.Second, replicas, cas)
		t.Logf("all replicas serve certificates of the new CA after %s", time.Since(begin).Round(time.Millisecond))
		time.Sleep(2 * testLag)
	}
	// Once more, before the replicas can have followed, and with the Secret gone.
	r.setSecret(t, nil)
	time.Sleep(testSettle / 2)
	if err := r.admin.CoreV1().Secrets(r.name).Delete(t.Context(), r.secret, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	serveOther(t, 30*time.Second, replicas, cas)
	time.Sleep(2 * testLag)

	s.check(t, 4, 3)
	for _, rep := range replicas {
		if err := rep.readiness(); err != nil {
			t.Errorf("Ready = %v", err)
		}
	}
	if got := len(parseBundle(r.config(t).Webhooks[0].ClientConfig.CABundle)); got < 4 {
		t.Errorf("caBundle holds %d CAs, want all that have not expired", got)
	}
}

// rotationByAge lets a CA and the certificates under it live and die.
func (c cluster) rotationByAge(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "rotation-by-age")
	o := rotating(r.options())
	o.CADuration, o.LeafDuration = 45*time.Second, 9*time.Second
	replicas := []*replica{r.newFirst(t, o), r.newReplica(t)}
	r.configure(t, replicas[0].address, replicas[1].address)
	for _, rep := range replicas {
		rep.ready(t)
	}
	time.Sleep(testLag)
	s := r.newStream(t, replicas...)
	first := serveOther(t, time.Second, replicas, map[string]bool{"": true})
	serveOther(t, time.Minute, replicas, first)
	eventually(t, time.Minute, func() error {
		for _, ca := range parseBundle(r.config(t).Webhooks[0].ClientConfig.CABundle) {
			if first[formatSerial(ca)] {
				return errors.New("caBundle still holds the first CA")
			}
		}
		return nil
	})
	// Renewals under one CA count too.
	s.check(t, 6, 5)
}
