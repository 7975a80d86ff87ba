package portforward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Dialer connects to a port of a running pod. The pod is looked up for each connection, as pods come and go.
type Dialer struct {
	REST      *rest.Config
	Namespace string
	// Selector is a label selector, of which the first running pod is taken. Pod names one instead.
	Selector, Pod string
	Port          int
}

// Client returns an HTTP client whose every connection goes to the pod, whatever host a URL names. It trusts only ca, unless ca is
// nil.
func (d Dialer) Client(ca []byte) *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(ca)
	}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, TLSClientConfig: config}}
}

// DialContext ignores what it is asked for: there is one place to go to.
func (d Dialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("forward to %s/%s port %d: %w", d.Namespace, d.Selector, d.Port, err)
	}
	return conn, nil
}

func (d Dialer) dial(ctx context.Context) (net.Conn, error) {
	kube, err := kubernetes.NewForConfig(d.REST)
	if err != nil {
		return nil, err
	}
	pod, err := d.pod(ctx, kube)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(d.REST)
	if err != nil {
		return nil, err
	}
	url := kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(d.Namespace).Name(pod).SubResource("portforward").URL()
	link, _, err := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	c, err := open(link, d.Port)
	if err != nil {
		_ = link.Close()
		return nil, err
	}
	return c, nil
}

func (d Dialer) pod(ctx context.Context, kube kubernetes.Interface) (string, error) {
	if d.Pod != "" {
		return d.Pod, nil
	}
	pods, err := kube.CoreV1().Pods(d.Namespace).List(ctx, metav1.ListOptions{LabelSelector: d.Selector})
	if err != nil {
		return "", err
	}
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning {
			return p.Name, nil
		}
	}
	return "", errors.New("no pod runs")
}

// open makes the pair of streams that the protocol has for each connection. On the first the kubelet reports errors.
func open(link httpstream.Connection, port int) (*conn, error) {
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	failures, err := link.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	if err := failures.Close(); err != nil { // our half: nothing is written to it
		return nil, err
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := link.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	c := &conn{Stream: data, link: link, port: port, failure: make(chan error, 1)}
	go func() {
		message, err := io.ReadAll(failures)
		if len(message) > 0 {
			err = errors.New(string(message))
		}
		c.failure <- err
	}()
	return c, nil
}

// conn is a net.Conn without deadlines. HTTP clients bound their requests by closing the connection, which works.
type conn struct {
	httpstream.Stream
	link    httpstream.Connection
	port    int
	failure chan error
}

var _ net.Conn = (*conn)(nil)

// Read ends with what the kubelet reported, where it did, instead of a bare end of file.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		select {
		case failure := <-c.failure:
			if failure != nil {
				return 0, failure
			}
		case <-time.After(100 * time.Millisecond): // it comes on a stream of its own, so perhaps a moment later
		}
	}
	return n, err
}

// Close ends the connection to the API server too, which nobody else uses.
func (c *conn) Close() error { return c.link.Close() }

func (c *conn) LocalAddr() net.Addr  { return addr(0) }
func (c *conn) RemoteAddr() net.Addr { return addr(c.port) }

func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// addr is a port of the pod.
type addr int

func (addr) Network() string  { return "forward" }
func (a addr) String() string { return "pod:" + strconv.Itoa(int(a)) }
