package manifests

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/config/crd"
)

// kindSchema is the CustomResourceDefinition of one kind, ready to check objects.
type kindSchema struct {
	namespaced bool
	structural *schema.Structural
	values     validation.SchemaValidator
	rules      *cel.Validator
}

// problem is why the API server would refuse an object.
type problem struct {
	path, message string
}

// newKindSchema compiles the definition of one of our kinds.
func newKindSchema(kind string) (*kindSchema, error) {
	name := "vm.novasphere.dev_" + strings.ToLower(kind) + "s.yaml"
	text, err := crd.Files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(definition.Spec.Versions) != 1 || definition.Spec.Versions[0].Schema == nil {
		return nil, fmt.Errorf("%s: has %d versions, one with a schema is expected", name, len(definition.Spec.Versions))
	}
	var props apiextensions.JSONSchemaProps
	written := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(written, &props, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := &kindSchema{namespaced: definition.Spec.Scope == apiextensionsv1.NamespaceScoped}
	if out.structural, err = schema.NewStructural(&props); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if out.values, _, err = validation.NewSchemaValidator(&props); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out.rules = cel.NewValidator(out.structural, true, celconfig.PerCallLimit)
	return out, nil
}

// admit does to an object what the API server does when it is created with strict field validation: it drops the status,
// fills in defaults, and says what it would refuse.
func (s *kindSchema) admit(object map[string]any) []problem {
	delete(object, "status")
	if problems := s.unknownFields(object); len(problems) > 0 {
		return problems
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	errs := s.metadata(object)
	errs = append(errs, validation.ValidateCustomResource(nil, object, s.values)...)
	errs = append(errs, objectmeta.Validate(context.Background(), nil, object, s.structural, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	if s.rules != nil && !slices.ContainsFunc(errs, blocksRules) {
		broken, _ := s.rules.Validate(context.Background(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	return problems(errs)
}

// unknownFields drops the fields that the kind does not have and names them.
func (s *kindSchema) unknownFields(object map[string]any) []problem {
	err, unknown := objectmeta.CoerceWithOptions(nil, object, s.structural, true, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return problems(field.ErrorList{err})
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	slices.Sort(unknown)
	var out []problem
	for _, path := range slices.Compact(unknown) {
		out = append(out, problem{path: path, message: "there is no such field: correct its name or remove it"})
	}
	return out
}

func (s *kindSchema) metadata(object map[string]any) field.ErrorList {
	meta, found, err := objectmeta.GetObjectMeta(object, false)
	path := field.NewPath("metadata")
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(path, "", err.Error())}
	case !found:
		return field.ErrorList{field.Required(path.Child("name"), "give it a name")}
	}
	return apivalidation.ValidateObjectMeta(meta, s.namespaced, apivalidation.NameIsDNSSubdomain, path)
}

// blocksRules says whether the API server leaves out its rules because of an error, since they presume a sound object.
func blocksRules(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

func problems(errs field.ErrorList) []problem {
	var out []problem
	for _, err := range errs {
		p := problem{path: err.Field, message: describe(err)}
		if p.path == "<nil>" {
			p.path = ""
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// describe gives an error without its path. A value is shown only where it is one, and not the word object.
func describe(err *field.Error) string {
	short := *err
	// Validation against a schema repeats the path in its text.
	short.Detail = strings.TrimPrefix(short.Detail, short.Field+" in body ")
	if text, ok := short.BadValue.(string); short.Type == field.ErrorTypeInvalid && ok && (text == "object" || text == "array" || text == "") {
		return short.Detail
	}
	switch short.BadValue.(type) {
	case map[string]any, []any, field.OmitValueType:
		if short.Detail != "" {
			return short.Detail
		}
	}
	return short.ErrorBody()
}

// Check says why the API server would refuse an object of one of our kinds, or nothing.
func Check(kind string, object any) []string {
	content, err := decodeAs[map[string]any](object)
	if err != nil {
		return []string{err.Error()}
	}
	s, err := newKindSchema(kind)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, p := range s.admit(content) {
		out = append(out, p.message)
	}
	return out
}
