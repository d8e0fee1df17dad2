package v1alpha1_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// leaf is one value of an object, with its schema.
type leaf struct {
	// path has no indices, so that it names the field and not the value: spec.networks[].name.
	path   string
	at     []any
	schema *apiextensionsv1.JSONSchemaProps
}

// leaves walks an object and its schema together, values and their containers alike.
func leaves(schema *apiextensionsv1.JSONSchemaProps, value any, path string, at []any) []leaf {
	out := []leaf{{path, at, schema}}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			step := append(slices.Clone(at), key)
			if s, ok := schema.Properties[key]; ok {
				out = append(out, leaves(&s, v[key], strings.TrimPrefix(path+"."+key, "."), step)...)
			} else if a := schema.AdditionalProperties; a != nil && a.Schema != nil {
				out = append(out, leaves(a.Schema, v[key], path+".*", step)...)
			}
		}
	case []any:
		for i := range v {
			out = append(out, leaves(schema.Items.Schema, v[i], path+"[]", append(slices.Clone(at), i))...)
		}
	}
	return out
}

func get(o *unstructured.Unstructured, at []any) any {
	var v any = o.Object
	for _, step := range at {
		switch key := step.(type) {
		case string:
			v = v.(map[string]any)[key]
		case int:
			v = v.([]any)[key]
		}
	}
	return v
}

// with gives a copy of an object with another value at a place.
func with(o *unstructured.Unstructured, at []any, value any) *unstructured.Unstructured {
	out := o.DeepCopy()
	parent, last := get(out, at[:len(at)-1]), at[len(at)-1]
	switch key := last.(type) {
	case string:
		parent.(map[string]any)[key] = value
	case int:
		parent.([]any)[key] = value
	}
	return out
}

// beyond gives values that are just outside what the schema of a value allows, by the bound that they break.
func beyond(s *apiextensionsv1.JSONSchemaProps, value any) map[string]any {
	out := map[string]any{}
	if s.Maximum != nil {
		out["maximum"] = int64(*s.Maximum) + 1
	}
	if s.Minimum != nil {
		out["minimum"] = int64(*s.Minimum) - 1
	}
	if s.MaxLength != nil {
		out["maxLength"] = strings.Repeat("a", int(*s.MaxLength)+1)
	}
	if s.MinLength != nil && *s.MinLength > 0 {
		out["minLength"] = strings.Repeat("a", int(*s.MinLength)-1)
	}
	if s.Enum != nil {
		out["enum"] = "none-of-these"
	}
	if s.Pattern != "" {
		out["pattern"] = "a\u202eb\n"
	}
	if list, ok := value.([]any); ok && s.MaxItems != nil {
		out["maxItems"] = repeated(list[0], int(*s.MaxItems)+1)
	}
	if s.MinItems != nil && *s.MinItems > 0 {
		out["minItems"] = []any{}
	}
	if s.MaxProperties != nil {
		many := map[string]any{}
		for i := range *s.MaxProperties + 1 {
			many[fmt.Sprintf("example.com/key-%d", i)] = "a"
		}
		out["maxProperties"] = many
	}
	if s.Type == "integer" {
		out["type"], out["fraction"] = "1", 1.5
	}
	return out
}

func repeated(item any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = runtime.DeepCopyJSONValue(item)
		if s, ok := item.(string); ok {
			out[i] = fmt.Sprintf("%s%d", s, i)
		}
	}
	return out
}

// store creates an object for the test.
func store(t *testing.T, c client.Client, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out := o.DeepCopy()
	if err := c.Create(t.Context(), out); err != nil {
		t.Fatalf("create %s %s: %v", o.GetKind(), o.GetName(), err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), out) })
	return out
}

// asked sends an object to the API server without storing it: as a new one, or as a new status of the stored one.
func asked(t *testing.T, c client.Client, stored, changed *unstructured.Unstructured, path string) error {
	t.Helper()
	if strings.HasPrefix(path, "status") {
		o := stored.DeepCopy()
		o.Object["status"] = changed.Object["status"]
		return c.Status().Update(t.Context(), o, client.DryRunAll)
	}
	o := changed.DeepCopy()
	if !strings.HasPrefix(path, "metadata") {
		o.SetName(o.GetName() + nameSuffix(o))
	}
	return c.Create(t.Context(), o, client.DryRunAll)
}

// nameSuffix keeps a new object apart from the stored one. The name of a lease follows from its content.
func nameSuffix(o *unstructured.Unstructured) string {
	if o.GetKind() == "AddressLease" {
		return ""
	}
	return "-new"
}

func TestEveryBoundOfTheSchemaIsInForceAndItsMessageNamesTheField(t *testing.T) {
	c := admin(t)
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		t.Run(kind, func(t *testing.T) {
			for _, o := range full(t, kind) {
				stored := o
				if _, ok := o.Object["status"]; ok {
					stored = store(t, c, o)
				}
				checkBounds(t, c, stored, o, leaves(rootSchema(t, kind), o.Object, "", nil))
			}
		})
	}
}

func checkBounds(t *testing.T, c client.Client, stored, o *unstructured.Unstructured, all []leaf) {
	t.Helper()
	for _, l := range all {
		if len(l.at) < 2 || strings.HasPrefix(l.path, "metadata") {
			continue
		}
		for bound, value := range beyond(l.schema, get(o, l.at)) {
			err := asked(t, c, stored, with(o, l.at, value), l.path)
			if err == nil {
				t.Errorf("%s: a value beyond its %s is accepted", l.path, bound)
			} else if field := lastName(l.path); !strings.Contains(err.Error(), field) {
				t.Errorf("%s: the message about its %s does not name the field: %v", l.path, bound, err)
			}
		}
	}
}

// lastName gives the name at the end of a path: names for spec.allowedNamespaces.names[].
func lastName(path string) string {
	return strings.TrimRight(path[strings.LastIndex(strings.TrimRight(path, ".*"), ".")+1:], "[].*")
}

// What the schema lets in, the controller must be able to read: an object that its types cannot decode would end the watch on
// the whole kind, for everybody.
func TestWhatTheSchemaAcceptsTheTypesCanDecode(t *testing.T) {
	c := admin(t)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		t.Run(kind, func(t *testing.T) {
			unreadable := 0
			for _, o := range full(t, kind) {
				stored := o
				if _, ok := o.Object["status"]; ok {
					stored = store(t, c, o)
				}
				for _, l := range leaves(rootSchema(t, kind), o.Object, "", nil) {
					if len(l.at) < 2 || strings.HasPrefix(l.path, "metadata") {
						continue
					}
					for _, value := range strange(l.schema) {
						changed := with(o, l.at, value)
						typed, err := scheme.New(v1alpha1.GroupVersion.WithKind(kind))
						if err != nil {
							t.Fatal(err)
						}
						problem := decode(changed, typed)
						if problem == nil {
							continue
						}
						unreadable++
						if asked(t, c, stored, changed, l.path) == nil {
							t.Errorf("%s: %#v is accepted and cannot be decoded: %v", l.path, value, problem)
						}
					}
				}
			}
			if unreadable == 0 {
				t.Error("the types can decode every strange value, so nothing was tested")
			}
		})
	}
}

func decode(o *unstructured.Unstructured, into runtime.Object) error {
	raw, err := o.MarshalJSON()
	if err != nil {
		return err
	}
	return unmarshal(raw, into)
}

// strange gives values that decoders of JSON, of numbers and of times disagree about.
func strange(s *apiextensionsv1.JSONSchemaProps) []any {
	numbers := []any{int64(-1), int64(0), int64(1) << 31, int64(1) << 53, int64(1)<<62 + 1, 2.0, 1e18, 1e30, 1.5}
	texts := []any{"", "0", "\u0000", "1d", "1h", "5", "-5m", "99999999999h", "999999h999999h", "1.5h", "µs", "1e3s", "200%", "0%", "5%", "05%",
		"2026-01-31t12:00:00z", "2026-01-31T12:00:00x5Z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00+99:00",
		"2026-01-31T12:00:00.123456789123Z", "2026-01-31", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"}
	switch {
	case s.XIntOrString:
		return append(numbers, texts...)
	case s.Type == "integer":
		return numbers
	case s.Type == "string" && len(s.Enum) == 0:
		return texts
	case s.Type == "array":
		return []any{[]any{}, []any{nil}, nil}
	case s.Type == "object":
		return []any{map[string]any{}, nil}
	}
	return []any{nil}
}

// Every field is in the full objects, so that no bound escapes the tests above.
func TestTheFullObjectsHaveEveryField(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		t.Run(kind, func(t *testing.T) {
			have := map[string]bool{}
			for _, o := range full(t, kind) {
				for _, l := range leaves(rootSchema(t, kind), o.Object, "", nil) {
					have[l.path] = true
				}
			}
			for _, path := range fields(rootSchema(t, kind), "") {
				if !have[path] {
					t.Errorf("no full object has %s: add it to testdata/full", path)
				}
			}
		})
	}
}

// fields lists the paths of a schema.
func fields(s *apiextensionsv1.JSONSchemaProps, path string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if path == "" && name == "metadata" {
			continue
		}
		child := s.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		out = append(append(out, at), fields(&child, at)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		out = append(out, fields(s.Items.Schema, path+"[]")...)
	}
	return out
}
