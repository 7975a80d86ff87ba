package crdrules

import (
	"fmt"
	"path"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/charts"
)

// all are the rules of each kind of the API, compiled when that kind is first asked for: it takes tens of milliseconds.
var all = sync.OnceValues(readAll)

// ForKind returns the rules of a kind of the API, as the chart's definitions have them; nil: they have no such kind.
func ForKind(apiVersion, kind string) (*Rules, error) {
	kinds, err := all()
	if err != nil {
		return nil, err
	}
	if compile, ok := kinds[schema.FromAPIVersionAndKind(apiVersion, kind)]; ok {
		return compile()
	}
	return nil, nil //nolint:nilnil // No such kind is no fault: the caller has a message of its own for it.
}

// readAll reads the definitions, and returns for each kind the function that compiles its rules once.
func readAll() (map[schema.GroupVersionKind]func() (*Rules, error), error) {
	files, err := charts.CRDs.ReadDir(charts.CRDsDirectory)
	if err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	kinds := make(map[schema.GroupVersionKind]func() (*Rules, error), len(files))
	for _, file := range files {
		text, err := charts.CRDs.ReadFile(path.Join(charts.CRDsDirectory, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the definitions: %w", err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &definition); err != nil {
			return nil, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		spec := &definition.Spec
		for i := range spec.Versions {
			kind := schema.GroupVersionKind{Group: spec.Group, Version: spec.Versions[i].Name, Kind: spec.Names.Kind}
			kinds[kind] = sync.OnceValues(func() (*Rules, error) {
				rules, err := compileRules(spec.Scope, spec.Versions[i].Schema.OpenAPIV3Schema)
				if err != nil {
					return nil, fmt.Errorf("compile the rules of %s: %w", kind, err)
				}
				return rules, nil
			})
		}
	}
	return kinds, nil
}

// compileRules compiles the rules of one version of a definition.
func compileRules(scope apiextensionsv1.ResourceScope, props *apiextensionsv1.JSONSchemaProps) (*Rules, error) {
	var schemaProps apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &schemaProps, nil)
	if err != nil {
		return nil, err
	}
	structure, err := structural.NewStructural(&schemaProps)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(&schemaProps)
	if err != nil {
		return nil, err
	}
	return &Rules{
		namespaced: scope == apiextensionsv1.NamespaceScoped,
		structure:  structure, schema: validator,
		cel: cel.NewValidator(structure, true, celconfig.PerCallLimit),
	}, nil
}
