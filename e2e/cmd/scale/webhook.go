package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running webhook, or the keeper of its certificates.
type process struct {
	cmd          *exec.Cmd
	started      time.Time
	port, health int
	log          bytes.Buffer
	ended        chan struct{} // closed when the process has ended
	err          error         // how it ended
}

func startWebhook(ctx context.Context, s *server, program, memoryLimit string) (*process, error) {
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	p := &process{port: ports[0], health: ports[1]}
	return p, p.start(ctx, s, program, memoryLimit, "webhook",
		"--port="+strconv.Itoa(p.port), "--health-address=127.0.0.1:"+strconv.Itoa(p.health), "--metrics-address=127.0.0.1:0",
		"--namespace="+namespace, "--service="+name, "--webhook-configuration="+name, "--lease="+name,
		"--certs=embedded", "--certs-secret="+servingSecret, "--image=lighterman:v0", "--shutdown-delay=0s")
}

// startCerts runs what keeps the webhook's CA, certificate and path. What it takes is not measured.
func startCerts(ctx context.Context, s *server, program string) (*process, error) {
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	p := &process{health: ports[0]}
	return p, p.start(ctx, s, program, "64MiB", "certs",
		"--health-address=127.0.0.1:"+strconv.Itoa(p.health), "--metrics-address=127.0.0.1:0", "--namespace="+namespace, "--service="+name,
		"--webhook-configuration="+name, "--ca-secret="+secret, "--certs-secret="+servingSecret, "--path-rotation-interval=12h")
}

func (p *process) start(ctx context.Context, s *server, program, memoryLimit string, args ...string) error {
	p.ended = make(chan struct{})
	// It ends through stop, as in a cluster, and not with the context.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig, "GOMEMLIMIT="+memoryLimit)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// An interrupt at the terminal is for this program, which then ends the webhook.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start lighterman %s: %w", args[0], err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// waitReady gives the time from the start to the first good answer of /readyz.
func (p *process) waitReady(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	url := fmt.Sprintf("http://127.0.0.1:%d/readyz", p.health)
	for {
		if ready(ctx, url) {
			return time.Since(p.started), nil
		}
		select {
		case <-p.ended:
			return 0, fmt.Errorf("the webhook ended: %w\n%s", p.err, p.log.String())
		case <-ctx.Done():
			return 0, fmt.Errorf("the webhook is not ready: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop ends the process as the kubelet does.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the webhook: %w", err)
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.New("the webhook did not end within 30 seconds of SIGTERM")
	}
	if p.err != nil {
		return fmt.Errorf("the webhook ended: %w\n%s", p.err, p.log.String())
	}
	return nil
}

// memory is what the kernel says of a process, in bytes.
type memory struct{ resident, peak int64 }

func (p *process) memory() (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return memory{}, fmt.Errorf("read the webhook's memory: %w", err)
	}
	var m memory
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for field, to := range map[string]*int64{"VmRSS:": &m.resident, "VmHWM:": &m.peak} {
			if len(fields) == 3 && fields[0] == field {
				kib, err := strconv.ParseInt(fields[1], 10, 64)
				if err != nil {
					return m, fmt.Errorf("read the webhook's memory: %w", err)
				}
				*to = kib << 10
			}
		}
	}
	return m, nil
}

func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	var config net.ListenConfig
	for range n {
		l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // After all, so that they differ.
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
