package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	uploads "lighterman.dev/lighterman/uploader/manifest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/portforward"
)

// patience is for what takes seconds on a machine that has nothing else to do.
const patience = 10 * time.Minute

// uploadRun is a pod whose files are uploaded.
type uploadRun struct {
	*environment

	pod *corev1.Pod
}

// runningUpload waits until the container "dump" of the namespace's only pod runs.
func (e *environment) runningUpload(t *testing.T, namespace string) *uploadRun {
	t.Helper()
	r := &uploadRun{environment: e}
	waitFor(t, "the pod's container", patience, func(ctx context.Context) (bool, string) {
		pods, err := e.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=dump"})
		if err != nil || len(pods.Items) != 1 {
			return false, fmt.Sprintf("%d pods, %v", len(pods.Items), err)
		}
		r.pod = &pods.Items[0]
		status := r.status("dump")
		return status != nil && status.State.Running != nil, fmt.Sprintf("%+v", r.pod.Status)
	})
	return r
}

// status is that of one of the pod's containers, as it was seen last; nil: it has none.
func (r *uploadRun) status(container string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{r.pod.Status.InitContainerStatuses, r.pod.Status.ContainerStatuses} {
		for i := range list {
			if list[i].Name == container {
				return &list[i]
			}
		}
	}
	return nil
}

// until waits for a state of the pod.
func (r *uploadRun) until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	waitFor(t, what, patience, func(ctx context.Context) (bool, string) {
		if err := r.client.Get(ctx, client.ObjectKeyFromObject(r.pod), r.pod); err != nil {
			return false, err.Error()
		}
		return reached(), fmt.Sprintf("%+v", r.pod.Status)
	})
}

// ended waits until a container has ended, and says how.
func (r *uploadRun) ended(t *testing.T, container string) *corev1.ContainerStateTerminated {
	t.Helper()
	r.until(t, "the end of container "+container, func() bool {
		status := r.status(container)
		return status != nil && status.State.Terminated != nil
	})
	return r.status(container).State.Terminated
}

// release is the port that a script waits on until it is told to go on.
const (
	releasePort = 7000
	// untilReleased is a line of a script. A signal interrupts it.
	untilReleased = "nc -l -p 7000 </dev/null >/dev/null & wait $!\n"
)

// release lets a script go on that waits for it.
func (r *uploadRun) release(t *testing.T) {
	t.Helper()
	d := portforward.Dialer{REST: r.target.REST, Namespace: r.pod.Namespace, Pod: r.pod.Name, Port: releasePort}
	waitFor(t, "the script to wait for this", patience, func(ctx context.Context) (bool, string) {
		conn, err := d.DialContext(ctx, "", "")
		if err != nil {
			return false, err.Error()
		}
		// The script's end of the connection is opened later than this one.
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
		return errors.Is(err, io.EOF), fmt.Sprint(err)
	})
}

// written are the SHA-256 sums that the script has printed, by path below the spool.
func (r *uploadRun) written(t *testing.T) map[string]string {
	t.Helper()
	log, err := r.log(t.Context(), r.pod, "dump")
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(log) {
		if sum, path, ok := strings.Cut(strings.TrimSpace(line), "  /spool/"); ok && len(sum) == hex.EncodedLen(sha256.Size) {
			sums[path] = sum
		}
	}
	return sums
}

func (r *uploadRun) key(path string) string {
	return "dumps/" + r.pod.Namespace + "/" + r.pod.Name + "/" + path
}

// manifest is nil before there is one.
func (r *uploadRun) manifest(ctx context.Context) (*uploads.Manifest, error) {
	text, err := r.store.Object(ctx, r.pod.Namespace, r.key(".lighterman/"+string(r.pod.UID)+"/manifest.json"))
	if _, none := errors.AsType[*s3types.NoSuchKey](err); none {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &uploads.Manifest{}
	return m, json.Unmarshal([]byte(text), m)
}

// complete compares the final manifest, and the objects, with what the files were: SHA-256 sums by path.
func (r *uploadRun) complete(t *testing.T, want map[string]string) {
	t.Helper()
	m, err := r.manifest(t.Context())
	if err != nil || m == nil || !m.Final {
		t.Fatalf("the manifest is %+v: %v", m, err)
	}
	if len(want) == 0 || len(m.Files) != len(want) {
		t.Errorf("the manifest names %d files, and %d were written: %+v", len(m.Files), len(want), m.Files)
	}
	for _, f := range m.Files {
		content := r.object(t, r.pod.Namespace, r.key(f.Path))
		if got := sum(content); got != want[f.Path] || got != f.SHA256 || int64(len(content)) != f.Size {
			t.Errorf("%s: the object has %d bytes with SHA-256 %s, the manifest says %d and %s, and the file was %q", f.Path,
				len(content), got, f.Size, f.SHA256, want[f.Path])
		}
	}
	if begun := r.unfinished(t.Context(), t); len(begun) > 0 {
		t.Errorf("uploads were begun and are not finished: %v", begun)
	}
}

// incomplete checks that no final manifest was written, and that no object is visible but those with such a SHA-256.
func (r *uploadRun) incomplete(t *testing.T, visible ...string) {
	t.Helper()
	if m, err := r.manifest(t.Context()); err != nil || (m != nil && m.Final) {
		t.Errorf("the manifest is %+v: %v", m, err)
	}
	list, err := r.store.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &r.pod.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Contents {
		key := aws.ToString(list.Contents[i].Key)
		if strings.Contains(key, "/.lighterman/") {
			continue
		}
		if got := sum(r.object(t, r.pod.Namespace, key)); !slices.Contains(visible, got) {
			t.Errorf("%s is visible, with SHA-256 %s", key, got)
		}
	}
}

// unfinished are the uploads in parts of the run's bucket, by key.
func (r *uploadRun) unfinished(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	list, err := r.store.S3().ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &r.pod.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for i := range list.Uploads {
		ids[aws.ToString(list.Uploads[i].Key)] = aws.ToString(list.Uploads[i].UploadId)
	}
	return ids
}

// midway waits until the store has a part of the dump, and not yet the dump. It gives the upload and its first part.
func (r *uploadRun) midway(t *testing.T) (id string, first s3types.Part) {
	t.Helper()
	key := r.key("orders.dump")
	waitFor(t, "the first part of "+key, patience, func(ctx context.Context) (bool, string) {
		id = r.unfinished(ctx, t)[key]
		if id == "" {
			return false, "no upload has begun"
		}
		parts, err := r.store.S3().ListParts(ctx, &s3.ListPartsInput{Bucket: &r.pod.Namespace, Key: &key, UploadId: &id})
		if err != nil || len(parts.Parts) == 0 {
			return false, fmt.Sprintf("no part is there: %v", err)
		}
		first = parts.Parts[0]
		return true, ""
	})
	return id, first
}

func sum(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// stored waits until a manifest names the dump.
func (r *uploadRun) stored(t *testing.T) {
	t.Helper()
	waitFor(t, "a manifest with the dump", patience, func(ctx context.Context) (bool, string) {
		m, err := r.manifest(ctx)
		return m != nil && slices.ContainsFunc(m.Files, func(f uploads.File) bool { return f.Path == "orders.dump" }), fmt.Sprintf("%+v %v", m, err)
	})
}
