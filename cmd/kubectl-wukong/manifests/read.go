package manifests

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	eventsv1 "k8s.io/api/events/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// Reader reads manifests. It compiles the definition of each kind when it meets the first object of it, and keeps it, so one
// Reader serves many sets, one after the other.
type Reader struct {
	// Namespace is that of objects that name none.
	Namespace string
	// WithHosts reads what hosts report and what runs on them, too, and keeps the status of our kinds: see Set.Hosts.
	WithHosts bool
	// WithGuests reads machines, their instances and Secrets, too, and keeps the status of our kinds: see Set.Guests.
	WithGuests bool

	schemas map[string]*kindSchema
}

// Set is what was read.
type Set struct {
	// Input has every object that the API server would accept, with its defaults.
	Input render.Input
	// Findings are about what it would refuse. They have their sources.
	Findings []render.Finding
	// PassedOver names, with their sources, the objects that play no part.
	PassedOver []string
	// Ours is the number of objects of our kinds, whether accepted or refused.
	Ours int
	// Hosts and Guests have what is read only where the Reader is told to.
	Hosts  hosts.Hosts
	Guests Guests

	// Events are those of the cluster, read where hosts are.
	Events []eventsv1.Event

	places map[render.Object]place
}

// reading fills a Set.
type reading struct {
	Set
	*Reader
	errs []error
}

// Read reads all documents of the sources. Its error says what is no YAML or no object; then nothing is to be rendered, since
// what was meant is not known. What is an object and cannot be used becomes a finding instead.
func (r *Reader) Read(sources []Source) (*Set, error) {
	return (&reading{Reader: r}).read(sources)
}

func (r *reading) read(sources []Source) (*Set, error) {
	r.places = map[render.Object]place{}
	r.Input.Sources = map[render.Object]string{}
	for i := range sources {
		documents := split(&sources[i])
		for j := range documents {
			r.document(&documents[j])
		}
	}
	return &r.Set, errors.Join(r.errs...)
}

func (r *reading) document(d *document) {
	content, err := d.decode()
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	if content != nil {
		r.value(content, place{document: d})
	}
}

// value takes one object, or the objects of a list.
func (r *reading) value(content any, where place) {
	object, ok := content.(map[string]any)
	if !ok {
		r.unusable(where, "holds no object, but %s", nameOfType(content))
		return
	}
	apiVersion, kind := text(object["apiVersion"]), text(object["kind"])
	if apiVersion == "" && kind == "" {
		r.unusable(where, "has neither apiVersion nor kind, so it is no Kubernetes object")
		return
	}
	if items, ok := object["items"].([]any); ok && r.isList(apiVersion, kind) {
		r.items(items, apiVersion, kind, where)
		return
	}
	r.object(object, apiVersion, kind, where)
}

// unusable records what is no object. In folders, files with something else in them are usual.
func (r *reading) unusable(where place, format string, args ...any) {
	message := fmt.Sprintf("%s: %s", where, fmt.Sprintf(format, args...))
	if where.document.source.Found {
		r.PassedOver = append(r.PassedOver, message)
		return
	}
	r.errs = append(r.errs, errors.New(message))
}

// isList tells lists of what is read, and v1 List, from kinds of others that happen to have items.
func (r *Reader) isList(apiVersion, kind string) bool {
	item, found := strings.CutSuffix(kind, "List")
	if !found || (item == "" && apiVersion != "v1") {
		return false
	}
	_, known := r.kind(groupKind{group(apiVersion), item})
	return item == "" || known
}

// items takes the items of a list. Lists of one kind may leave its name to the list.
func (r *reading) items(items []any, apiVersion, kind string, where place) {
	for i, item := range items {
		if object, ok := item.(map[string]any); ok && kind != "List" && object["kind"] == nil && object["apiVersion"] == nil {
			object["apiVersion"], object["kind"] = apiVersion, strings.TrimSuffix(kind, "List")
		}
		at := where
		at.path += fmt.Sprintf(".items[%d]", i)
		at.path = strings.TrimPrefix(at.path, ".")
		r.value(item, at)
	}
}

func (r *reading) object(object map[string]any, apiVersion, kind string, where place) {
	known, found := r.kind(groupKind{group(apiVersion), kind})
	metadata, _ := object["metadata"].(map[string]any)
	named := render.Object{Kind: kind, Namespace: text(metadata["namespace"]), Name: text(metadata["name"])}
	if !found {
		r.unknownKind(named, apiVersion, where)
		return
	}
	if known.ours {
		r.Ours++
	}
	named.Namespace = ""
	if known.namespaced && metadata != nil {
		if text(metadata["namespace"]) == "" {
			metadata["namespace"] = r.Namespace
		}
		named.Namespace = text(metadata["namespace"])
	} else if metadata != nil {
		// As the API server does with kinds that have none.
		delete(metadata, "namespace")
	}
	if earlier, twice := r.places[named]; twice && named.Name != "" {
		r.find(named, v1alpha1.ReasonNameTaken, problem{"metadata.name", fmt.Sprintf("is given at %s, too, which is used: remove or rename one", earlier)}, where)
		return
	}
	if known.ours && apiVersion != v1alpha1.GroupVersion.String() {
		r.find(named, v1alpha1.ReasonInvalidSpec, problem{"apiVersion", fmt.Sprintf("%q is not served: write %s", apiVersion, v1alpha1.GroupVersion)}, where)
		return
	}
	if named.Name == "" {
		r.find(named, v1alpha1.ReasonInvalidSpec, problem{"metadata.name", "is required: give it a name"}, where)
		return
	}
	r.places[named] = where
	r.Input.Sources[named] = where.String()
	r.take(object, named, known, where)
}

// take checks an object and adds it to the input.
func (r *reading) take(object map[string]any, named render.Object, known kind, where place) {
	if known.ours {
		checked, err := r.schema(named.Kind)
		if err != nil {
			r.errs = append(r.errs, err)
			return
		}
		status := object["status"]
		refused := checked.admit(object)
		if (r.WithHosts || r.WithGuests) && status != nil {
			object["status"] = status
		}
		if len(refused) > 0 {
			for _, p := range explain(named.Kind, object, refused) {
				r.find(named, v1alpha1.ReasonInvalidSpec, p, where)
			}
			return
		}
	}
	if err := known.add(&r.Set, object); err != nil {
		r.find(named, v1alpha1.ReasonInvalidSpec, problem{message: err.Error()}, where)
	}
}

func (r *Reader) schema(kind string) (*kindSchema, error) {
	if s, found := r.schemas[kind]; found {
		return s, nil
	}
	s, err := newKindSchema(kind)
	if err != nil {
		return nil, err
	}
	if r.schemas == nil {
		r.schemas = map[string]*kindSchema{}
	}
	r.schemas[kind] = s
	return s, nil
}

// unknownKind passes over what others read, and tells of what only looks like it.
func (r *reading) unknownKind(named render.Object, apiVersion string, where place) {
	switch {
	case apiVersion == "" && slices.Contains(ourKinds(), named.Kind):
		r.Ours++
		r.find(named, v1alpha1.ReasonInvalidSpec, problem{"apiVersion", "is required: write " + v1alpha1.GroupVersion.String()}, where)
	case group(apiVersion) == v1alpha1.GroupVersion.Group:
		f := render.Finding{Object: named, Path: "kind", Reason: v1alpha1.ReasonNotSupportedYet, Severity: render.SeverityNote,
			Message: fmt.Sprintf("is none that is read here (%s): passed over", strings.Join(ourKinds(), ", "))}
		r.Findings = append(r.Findings, locate(f, where))
	default:
		r.PassedOver = append(r.PassedOver, fmt.Sprintf("%s: %s: of a kind that is not read here (%s)", where, strings.TrimSpace(named.String()), apiVersion))
	}
}

func (r *reading) find(o render.Object, reason string, p problem, where place) {
	if o.Name == "" {
		o.Name = "(without a name)"
	}
	f := render.Finding{Object: o, Path: p.path, Reason: reason, Severity: render.SeverityError, Message: p.message}
	r.Findings = append(r.Findings, locate(f, where))
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func group(apiVersion string) string {
	out, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return out
}

func nameOfType(v any) string {
	switch v.(type) {
	case []any:
		return "a list"
	case string:
		return "a text"
	}
	return fmt.Sprintf("the value %v", v)
}
