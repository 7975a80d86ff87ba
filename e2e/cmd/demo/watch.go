package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/injector"
)

// ending is how a Job ended.
type ending struct {
	job       string
	succeeded bool
	// code is the exit code of the Job's container.
	code int32
	// manifest is the key that the sidecar tells.
	manifest string
	// draining: what the sidecar says from then on, it has said before.
	draining bool
}

// runWatched runs a Job to its end, and prints the logs of its container and of its sidecar as they come.
func (d *demo) runWatched(ctx context.Context, job *batchv1.Job) (*ending, error) {
	if err := d.client.Create(ctx, job); err != nil {
		return nil, fmt.Errorf("create the Job: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	pod, err := d.podOf(ctx, job)
	if err != nil {
		return nil, err
	}
	e := &ending{job: job.Name}
	fmt.Fprintln(d.out)
	var group errgroup.Group
	group.Go(func() error {
		return d.follow(ctx, pod, "dump", func(line string) { d.line("dump", line) })
	})
	group.Go(func() error {
		return d.follow(ctx, pod, injector.UploaderContainerName, func(line string) {
			if text := e.read(line); !e.draining {
				d.line("sidecar", text)
			}
		})
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	fmt.Fprintln(d.out)
	if err := d.wait(ctx, job); err != nil {
		return nil, err
	}
	e.succeeded = job.Status.Succeeded > 0
	state, err := d.stateOf(ctx, pod, "dump")
	if err != nil {
		return nil, err
	}
	if state.Terminated != nil {
		e.code = state.Terminated.ExitCode
	}
	return e, nil
}

// stateOf is the state of a pod's container; the zero value: nobody has seen it yet.
func (d *demo) stateOf(ctx context.Context, pod, container string) (corev1.ContainerState, error) {
	seen, err := d.kube.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return corev1.ContainerState{}, fmt.Errorf("look at the Job's pod: %w", err)
	}
	for _, status := range slices.Concat(seen.Status.InitContainerStatuses, seen.Status.ContainerStatuses) {
		if status.Name == container {
			return status.State, nil
		}
	}
	return corev1.ContainerState{}, nil
}

// podOf waits for the Job's pod, and gives its name.
func (d *demo) podOf(ctx context.Context, job *batchv1.Job) (string, error) {
	for {
		pods, err := d.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "job-name=" + job.Name})
		if err != nil {
			return "", fmt.Errorf("find the Job's pod: %w", err)
		}
		if len(pods.Items) > 0 {
			return pods.Items[0].Name, nil
		}
		if err := pause(ctx); err != nil {
			return "", fmt.Errorf("the Job has no pod: kubectl describe -n %s job/%s tells more: %w", namespace, job.Name, err)
		}
	}
}

// follow hands on the lines of a container's log until the container ends.
func (d *demo) follow(ctx context.Context, pod, container string, tell func(line string)) error {
	// The log of one that is not started yet is empty, and ends at once.
	for {
		state, err := d.stateOf(ctx, pod, container)
		if err != nil {
			return err
		}
		if state.Running != nil || state.Terminated != nil {
			break
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("container %s does not start: kubectl describe -n %s pod/%s tells more: %w", container, namespace, pod, err)
		}
	}
	log, err := d.kube.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
	if err != nil {
		return fmt.Errorf("read the log of %s: %w", container, err)
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		tell(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the log of %s: %w", container, err)
	}
	return nil
}

// told are the fields of the sidecar's log lines that are shown, in this order.
var told = []string{"path", "size", "sha256", "key", "files", "error", "cure"}

// read makes a line of the sidecar's log, which is JSON, easier to read. It notes the manifest's key.
func (e *ending) read(line string) string {
	var fields map[string]any
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber() // Sizes are not to be rounded.
	if err := decoder.Decode(&fields); err != nil {
		return line
	}
	message, _ := fields["msg"].(string)
	e.draining = e.draining || message == "start drain"
	if key, ok := fields["key"].(string); ok && message == "manifest written" {
		e.manifest = key
	}
	words := []string{message}
	for _, name := range told {
		if value, ok := fields[name]; ok {
			words = append(words, name+"="+short(fmt.Sprint(value)))
		}
	}
	return strings.Join(words, " ")
}

// short cuts what nobody reads to the end: a SHA-256.
func short(value string) string {
	if len(value) == 64 && !strings.ContainsAny(value, " /") {
		return value[:12] + "…"
	}
	return value
}

// pause waits before the next look; the error is that of a context that has ended.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}
