package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/jsonsubset"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

var settings = injector.Settings{
	Version: "v0.0.0-fuzz", Image: "registry.example.com/lighterman:v0", UploaderImage: "registry.example.com/lighterman-uploader:v0",
}

// verdict is what became of one pod.
type verdict struct {
	// valid: the API server would have accepted the pod and the profile, had there been no webhook.
	valid, injected bool
	denied          injector.Reason
}

// check injects one pod with one profile, and fails the test if a property does not hold.
func check(t *testing.T, pod, profile []byte) verdict {
	t.Helper()
	kind, _ := podtest.Decode(t, profile).(map[string]any)["kind"].(string)
	defaulted, refused, err := applyRules(t.Context(), kind, profile)
	if err != nil {
		t.Fatal(err)
	}
	result, err := inject(pod, profile)
	if same, sameErr := inject(pod, defaulted); !bytes.Equal(podtest.Marshal(t, same), podtest.Marshal(t, result)) || fmt.Sprint(sameErr) != fmt.Sprint(err) {
		t.Errorf("the profile has another effect with the defaults of the API server filled in:\n%s, %v\nwithout:\n%s, %v",
			podtest.Marshal(t, same), sameErr, podtest.Marshal(t, result), err)
	}
	before, received := receive(pod)
	v := verdict{valid: refused == nil && received == nil && validate(before) == nil}
	var denied *injector.DeniedError
	switch {
	case errors.As(err, &denied):
		v.denied = denied.Reason
		if denied.Reason == "" || len(denied.Problems) == 0 {
			t.Errorf("the denial says nothing: %#v", denied)
		}
		return v
	case err != nil && received != nil:
		return v // Not a pod: the API server sends nothing that it cannot decode.
	case err != nil:
		t.Fatalf("neither a patch nor a denial: %v", err)
	}
	v.injected = len(result.Operations) > 0
	checkResult(t, pod, profile, result, v.valid)
	return v
}

func inject(pod, prof []byte) (injector.Result, error) {
	p, err := injector.ParsePod(pod)
	if err != nil {
		return injector.Result{}, err
	}
	how, err := profile.Parse(prof)
	if err != nil {
		return injector.Result{}, err
	}
	var denied *injector.DeniedError
	if _, err := resolve.RefFrom(p.Metadata.Annotations, "the pod"); err != nil && !errors.As(err, &denied) {
		return injector.Result{}, fmt.Errorf("read the pod's annotations: %w", err)
	}
	return injector.Inject(p, how, settings)
}

// checkResult checks the patch of a pod that was not denied.
func checkResult(t *testing.T, pod, profile []byte, result injector.Result, valid bool) {
	t.Helper()
	former := injectedFormerly(t, pod)
	for _, op := range result.Operations {
		if !former && (op.Operation != "add" || op.Value == nil) {
			t.Errorf("operation %s: only additions are allowed", op.Json())
		}
	}
	again, err := inject(pod, profile)
	if err != nil || !bytes.Equal(podtest.Marshal(t, again), podtest.Marshal(t, result)) {
		t.Errorf("a second run gives something else:\n%s, %v\nnot\n%s", podtest.Marshal(t, again), err, podtest.Marshal(t, result))
	}
	patched := podtest.Apply(t, pod, result.Operations)
	if where := jsonsubset.Lost(podtest.Decode(t, pod), podtest.Decode(t, patched)); where != "" && !former {
		t.Errorf("%s was lost or changed", where)
	}
	second, err := inject(patched, profile)
	if err != nil || len(second.Operations) > 0 {
		t.Errorf("a second pass adds %s, %v", podtest.Marshal(t, second.Operations), err)
	}
	after, err := receive(patched)
	if err != nil {
		if _, received := receive(pod); received == nil {
			t.Errorf("the API server cannot read the injected pod: %v", err)
		}
		return
	}
	// Between two passes the API server fills in defaults, and drops what it does not know.
	second, err = inject(podtest.Marshal(t, after), profile)
	if err != nil || len(second.Operations) > 0 {
		t.Errorf("a second pass behind the API server adds %s, %v", podtest.Marshal(t, second.Operations), err)
	}
	if !valid {
		return
	}
	if err := validate(after); err != nil {
		t.Errorf("the API server accepts the pod, but not the injected pod: %v", err)
	}
	before, err := receive(pod)
	if err != nil {
		t.Fatal(err)
	}
	if was, is := qos.ComputePodQOS(before), qos.ComputePodQOS(after); was == corev1.PodQOSGuaranteed && is != was {
		t.Errorf("the pod was %s and is %s", was, is)
	}
	if !former { // Else what was there may be of the earlier pass.
		checkContainers(t, before, after, profile)
	}
	checkUploader(t, after)
}

// injectedFormerly reports whether the pod says that it was injected before.
func injectedFormerly(t *testing.T, raw []byte) bool {
	t.Helper()
	pod, err := injector.ParsePod(raw)
	if err != nil {
		t.Fatal(err)
	}
	_, set := pod.Metadata.Annotations[injector.AnnotationInjected]
	return set
}
