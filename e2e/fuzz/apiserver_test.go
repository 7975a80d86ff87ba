package fuzz

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the pod
	"k8s.io/kubernetes/pkg/capabilities"
	registry "k8s.io/kubernetes/pkg/registry/core/pod"
	"lighterman.dev/lighterman/api/v1alpha1"
	"sigs.k8s.io/yaml"
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

// definition is a CRD as the API server applies it.
type definition struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// definitions reads the chart's CRDs, by kind.
func definitions() (map[string]*definition, error) {
	capabilities.Setup(true, 0) // kube-apiserver --allow-privileged, as everywhere.
	found := map[string]*definition{}
	files, err := filepath.Glob("../../charts/lighterman/files/crds/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find CRDs: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read CRD: %w", err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		d, err := compile(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		found[crd.Spec.Names.Kind] = d
	}
	for _, kind := range []string{v1alpha1.KindCredentialProfile, v1alpha1.KindClusterCredentialProfile} {
		if found[kind] == nil {
			return nil, fmt.Errorf("read CRDs: there is none for %s", kind)
		}
	}
	return found, nil
}

func compile(openAPI *apiextensionsv1.JSONSchemaProps) (*definition, error) {
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(openAPI, &internal, nil); err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, err
	}
	return &definition{
		structural: structural, schema: validator,
		rules: cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// accept gives a custom resource with its defaults filled in, or what the API server has against it.
func (d *definition) accept(raw []byte) (defaulted []byte, invalid error, err error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, nil, fmt.Errorf("decode custom resource: %w", err)
	}
	defaulting.Default(object, d.structural)
	problems := validation.ValidateCustomResource(nil, object, d.schema)
	problems = append(problems, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if len(problems) == 0 { // As in the API server: rules may rely on types.
		found, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
		problems = found
	}
	defaulted, err = json.Marshal(object)
	return defaulted, problems.ToAggregate(), err
}
