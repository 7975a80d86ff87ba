package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

const fieldManager = "lighterman-e2e"

// Apply creates each object or brings it to what is given, in order. Their kinds have regular plural names.
func Apply(ctx context.Context, dyn dynamic.Interface, objects ...any) error {
	for _, object := range objects {
		if err := apply(ctx, dyn, object); err != nil {
			return err
		}
	}
	return nil
}

func apply(ctx context.Context, dyn dynamic.Interface, object any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON(data); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	gvk := u.GroupVersionKind()
	resource := dyn.Resource(schema.GroupVersionResource{
		Group: gvk.Group, Version: gvk.Version, Resource: strings.ToLower(gvk.Kind) + "s",
	})
	_, err = resource.Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), &u, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", gvk.Kind, u.GetName(), err)
	}
	return nil
}

// EnsureSecret returns the Secret, whose data are made once.
func EnsureSecret(ctx context.Context, kube kubernetes.Interface, namespace, name string, make func() (map[string][]byte, error)) (*corev1.Secret, error) {
	secrets := kube.CoreV1().Secrets(namespace)
	secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if err == nil || !apierrors.IsNotFound(err) {
		return secret, err
	}
	data, err := make()
	if err != nil {
		return nil, err
	}
	secret, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Data:       data,
	}, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) { // another test process was faster
		return secrets.Get(ctx, name, metav1.GetOptions{})
	}
	return secret, err
}

// DeleteNamespace deletes a namespace, which need not be there.
func DeleteNamespace(ctx context.Context, kube kubernetes.Interface, name string) error {
	err := kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	return nil
}
