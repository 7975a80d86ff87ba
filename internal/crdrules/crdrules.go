package crdrules

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/json"
)

// Rules are the schema and the CEL rules of one kind, compiled.
type Rules struct {
	namespaced bool
	structure  *schema.Structural
	schema     validation.SchemaValidator
	cel        *cel.Validator
}

// Check returns every problem for which the API server would refuse to create the object of which data is the JSON, sorted by field;
// none means that it would accept it. As kubectl has it by default, a field that the schema does not have is a problem. It fails when data is not
// a JSON object.
//
// The steps and their order are those of the API server: apiextensions-apiserver v0.37 pkg/apiserver/customresource_handler.go
// (schemaCoercingDecoder) and pkg/registry/customresource/strategy.go (Validate).
func (r *Rules) Check(ctx context.Context, data []byte) (field.ErrorList, error) {
	var object map[string]any
	repeated, err := json.UnmarshalStrict(data, &object)
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	var found field.ErrorList
	for _, duplicate := range repeated {
		found = append(found, field.Invalid(nil, nil, duplicate.Error()))
	}
	delete(object, "status") // The API server drops it when an object is created.
	meta, unknown, err := r.coerce(object)
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	for _, path := range unknown {
		found = append(found, field.Forbidden(field.NewPath(path), "unknown field: look for a misspelling, also of capital letters"))
	}
	r.Default(object)
	found = append(found, r.validate(ctx, object, meta)...)
	// Rules are evaluated in the order of a map: two runs would differ.
	slices.SortStableFunc(found, func(a, b *field.Error) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Detail, b.Detail))
	})
	return found, nil
}

// Default fills the defaults into an object, as the API server does before it evaluates the rules.
func (r *Rules) Default(object map[string]any) { defaulting.Default(object, r.structure) }

// coerce drops from the object what its schema does not have, and returns the object's metadata and the paths that it dropped.
func (r *Rules) coerce(object map[string]any) (*metav1.ObjectMeta, []string, error) {
	metaOptions := objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true}
	meta, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object, metaOptions)
	if err != nil {
		return nil, nil, err
	}
	unknown = append(unknown,
		pruning.PruneWithOptions(object, r.structure, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, r.structure)
	slices.Sort(unknown)
	return meta, unknown, nil
}

// validate returns the problems of an object with its defaults.
func (r *Rules) validate(ctx context.Context, object map[string]any, meta *metav1.ObjectMeta) field.ErrorList {
	found := r.validateMetadata(meta)
	found = append(found, validation.ValidateCustomResource(nil, object, r.schema)...)
	found = append(found, objectmeta.Validate(ctx, nil, object, r.structure, false)...)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, r.structure, object)...)
	if slices.ContainsFunc(found, preventsRules) {
		return append(found, field.Invalid(nil, nil, "further rules were not checked: correct the problems above, and try again"))
	}
	broken, _ := r.cel.Validate(ctx, nil, r.structure, object, nil, celconfig.RuntimeCELCostBudget)
	return append(found, broken...)
}

// validateMetadata returns the problems of the object's metadata, as the API server would see it.
func (r *Rules) validateMetadata(meta *metav1.ObjectMeta) field.ErrorList {
	if meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	if r.namespaced && meta.Namespace == "" {
		meta.Namespace = metav1.NamespaceDefault // The command that applies the file fills it in.
	}
	if meta.Name == "" && meta.GenerateName != "" {
		meta.Name = meta.GenerateName + "x" // The API server completes it.
	}
	checkName := apivalidation.NameIsDNSSubdomain
	return apivalidation.ValidateObjectMeta(meta, r.namespaced, checkName, field.NewPath("metadata"))
}

// preventsRules reports whether the API server does not evaluate CEL rules for an object with such a problem: they would see
// values of other types and sizes than they were written for (strategy.go hasBlockingErr).
func preventsRules(e *field.Error) bool {
	return slices.Contains([]field.ErrorType{
		field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany,
		field.ErrorTypeTypeInvalid,
	}, e.Type)
}

// Err returns one error that lists the problems of the object that name names; nil when there are none.
func Err(name string, problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	lines := make([]string, 0, len(problems))
	for _, problem := range problems {
		line := problem.Error()
		if isWhole(problem) {
			line = problem.Detail
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return fmt.Errorf("%s is not valid, and the API server would refuse it:\n- %s", name, strings.Join(lines, "\n- "))
}

// isWhole reports whether a problem is one of the whole object: it names no field.
func isWhole(problem *field.Error) bool { return problem.Field == "" || problem.Field == "<nil>" }
