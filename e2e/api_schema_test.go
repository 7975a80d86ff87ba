package e2e_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/e2e/harness/cluster"
)

// profileAPI is the API of the work tree, under a group of its own: an installed Lighterman, older or newer, has nothing
// to do with it and loses nothing by it.
type profileAPI struct {
	client dynamic.Interface
	group  string
	// By kind: the schema of the spec, the resource's name, and whether it belongs to no namespace.
	schemas map[string]*apiextensionsv1.JSONSchemaProps
	plurals map[string]string
	cluster map[string]bool
}

func newProfileAPI(t *testing.T, target *cluster.Target) *profileAPI {
	t.Helper()
	client, err := dynamic.NewForConfig(target.REST)
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := apiextensions.NewForConfig(target.REST)
	if err != nil {
		t.Fatal(err)
	}
	api := &profileAPI{
		client: client, group: strings.ToLower(rand.Text()[:8]) + ".e2e.lighterman.dev",
		schemas: map[string]*apiextensionsv1.JSONSchemaProps{}, plurals: map[string]string{}, cluster: map[string]bool{},
	}
	files, err := filepath.Glob("../charts/lighterman/files/crds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	crds := definitions.ApiextensionsV1().CustomResourceDefinitions()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			t.Fatal(err)
		}
		crd.Name, crd.Spec.Group = crd.Spec.Names.Plural+"."+api.group, api.group
		crd.Spec.Names.ShortNames, crd.Spec.Names.Categories = nil, nil
		if _, err := crds.Create(t.Context(), &crd, metav1.CreateOptions{FieldManager: "lighterman-e2e"}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := crds.Delete(context.WithoutCancel(t.Context()), crd.Name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		kind := crd.Spec.Names.Kind
		api.schemas[kind], api.plurals[kind] = &spec, crd.Spec.Names.Plural
		api.cluster[kind] = crd.Spec.Scope == apiextensionsv1.ClusterScoped
	}
	for kind := range api.plurals {
		waitFor(t, "the API of "+kind, 30*time.Second, func(ctx context.Context) (bool, string) {
			_, err := api.resource(kind).List(ctx, metav1.ListOptions{})
			return err == nil, fmt.Sprint(err)
		})
		// A list may be answered by another API server than the one that looks at a new object first.
		waitFor(t, "the schema of "+kind, 30*time.Second, func(ctx context.Context) (bool, string) {
			_, err := api.create(ctx, map[string]any{"kind": kind, "metadata": map[string]any{"name": "pg"}})
			return apierrors.IsInvalid(err), fmt.Sprint(err)
		})
	}
	return api
}

func (api *profileAPI) resource(kind string) dynamic.ResourceInterface {
	resource := api.client.Resource(schema.GroupVersionResource{Group: api.group, Version: "v1alpha1", Resource: api.plurals[kind]})
	if api.cluster[kind] {
		return resource
	}
	return resource.Namespace(metav1.NamespaceDefault)
}

// rule is one thing that the schema demands. The same rule at several places counts once.
type rule struct {
	// where is an example of the field that the rule is about.
	where string
	// last is the end of it, by which a problem is told to be about the rule.
	last string
	// parts are in the message.
	parts []string
	seen  bool
}

func (r *rule) String() string { return r.where + ": " + strings.Join(r.parts, " … ") }

func (r *rule) see(p problem) {
	if lastField(p.field) != r.last {
		return
	}
	for _, part := range r.parts {
		if !strings.Contains(p.message, part) {
			return
		}
	}
	r.seen = true
}

// rulesOf lists the rules of the schemas, those of Kubernetes' own types excepted.
func rulesOf(t *testing.T, schemas map[string]*apiextensionsv1.JSONSchemaProps) []*rule {
	t.Helper()
	rules := map[string]*rule{}
	for _, kind := range slices.Sorted(maps.Keys(schemas)) {
		walkSchema("spec", schemas[kind], func(path string, s *apiextensionsv1.JSONSchemaProps) {
			add := func(path string, parts ...string) {
				r := &rule{where: path, last: lastField(path), parts: parts}
				if key := r.last + strings.Join(parts, "\n"); rules[key] == nil {
					rules[key] = r
				}
			}
			schemaRules(path, s, add)
		})
	}
	if len(rules) < 50 {
		t.Fatalf("only %d rules found in the CRDs", len(rules))
	}
	return slices.Collect(maps.Values(rules))
}

func schemaRules(path string, s *apiextensionsv1.JSONSchemaProps, add func(path string, parts ...string)) {
	for _, v := range s.XValidations {
		add(path+v.FieldPath, v.Message)
	}
	for _, name := range s.Required {
		add(path+"."+name, "Required value")
	}
	if s.Pattern != "" {
		add(path, "should match '"+s.Pattern+"'")
	}
	var values []string
	for _, value := range s.Enum {
		values = append(values, string(value.Raw))
	}
	if values != nil {
		add(path, "Unsupported value", strings.Join(values, ", "))
	}
	if s.Minimum != nil {
		add(path, fmt.Sprintf("greater than or equal to %v", *s.Minimum))
	}
	if s.Maximum != nil {
		add(path, fmt.Sprintf("less than or equal to %v", *s.Maximum))
	}
	bound := func(bound *int64, format string) {
		if bound != nil {
			add(path, fmt.Sprintf(format, *bound))
		}
	}
	bound(s.MinLength, "at least %d chars")
	bound(s.MaxLength, "may not be more than %d bytes")
	bound(s.MinItems, "at least %d items")
	bound(s.MaxItems, "at most %d items")
	bound(s.MaxProperties, "at most %d items")
	if s.XListType != nil && *s.XListType != "atomic" {
		add(path+"[*]", "Duplicate value")
	}
}

// enumsOf lists the values that fields may have, as path=JSON.
func enumsOf(t *testing.T, schemas map[string]*apiextensionsv1.JSONSchemaProps) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, s := range schemas {
		walkSchema("spec", s, func(path string, s *apiextensionsv1.JSONSchemaProps) {
			for _, value := range s.Enum {
				found[path+"="+string(value.Raw)] = true
			}
		})
	}
	return found
}

// walkSchema visits a schema and all below it. Types of Kubernetes itself have rules that are not ours.
func walkSchema(path string, s *apiextensionsv1.JSONSchemaProps, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	visit(path, s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		switch name {
		case "resources", "securityContext", "podSelector", "labelSelector", "allowedNamespaces":
			continue
		}
		property := s.Properties[name]
		walkSchema(path+"."+name, &property, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walkSchema(path+"[*]", s.Items.Schema, visit)
	}
}

// walkLeaves visits what in value is neither an object nor a list, and those that are empty.
func walkLeaves(path string, value any, visit func(string, any)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			walkLeaves(path+"."+name, inner, visit)
		}
	case []any:
		for i, inner := range v {
			walkLeaves(fmt.Sprintf("%s[%d]", path, i), inner, visit)
		}
	default:
		visit(path, value)
	}
}

var index = regexp.MustCompile(`\[[0-9]+\]`)

func unindexed(path string) string { return index.ReplaceAllString(path, "[*]") }

func lastField(path string) string {
	path = unindexed(path)
	return path[strings.LastIndexByte(path, '.')+1:]
}
