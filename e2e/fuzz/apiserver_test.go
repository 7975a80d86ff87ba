package fuzz

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the pod
	registry "k8s.io/kubernetes/pkg/registry/core/pod"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/crdrules"
)

// namespace is the one that pods are created in.
const namespace = "payments"

// receive decodes a pod and fills in its defaults, as the API server does for a request and again after each webhook. The
// service account is named by an admission plugin that runs before all webhooks.
func receive(raw []byte) (*corev1.Pod, error) {
	object, err := runtime.Decode(legacyscheme.Codecs.UniversalDeserializer(), raw)
	if err != nil {
		return nil, fmt.Errorf("decode pod: %w", err)
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("decode pod: it is a %T", object)
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
	}
	legacyscheme.Scheme.Default(pod)
	return pod, nil
}

// validate says what the API server has against the creation of a pod that it has received. The pod stays as it is.
func validate(pod *corev1.Pod) error {
	var internal core.Pod
	if err := legacyscheme.Scheme.Convert(pod.DeepCopy(), &internal, nil); err != nil {
		return fmt.Errorf("convert pod: %w", err)
	}
	if internal.Name == "" && internal.GenerateName != "" {
		internal.Name = internal.GenerateName + "x7k2p"
	}
	rest.FillObjectMetaSystemFields(&internal.ObjectMeta)
	ctx := request.WithNamespace(context.Background(), namespace)
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true, Verb: "create", APIVersion: "v1", Resource: "pods", Namespace: namespace,
	})
	return rest.BeforeCreate(registry.Strategy, ctx, &internal)
}

// applyRules returns a custom resource with its defaults filled in, and what the API server has against it.
func applyRules(ctx context.Context, kind string, raw []byte) (defaulted []byte, invalid error, err error) {
	rules, err := crdrules.ForKind(v1alpha1.GroupVersion.String(), kind)
	if err != nil {
		return nil, nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, nil, fmt.Errorf("decode custom resource: %w", err)
	}
	rules.Default(object)
	if defaulted, err = json.Marshal(object); err != nil {
		return nil, nil, fmt.Errorf("encode custom resource: %w", err)
	}
	problems, err := rules.Check(ctx, raw)
	return defaulted, problems.ToAggregate(), err
}
