package changes

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/render"
)

// Declared is an object of one of our kinds.
type Declared struct {
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name"`
	Operation Operation `json:"operation"`
	// Fields are the parts of it that change, such as spec.vlan.
	Fields []string `json:"fields,omitempty"`
}

// object is a pointer to T that has metadata.
type object[T any] interface {
	*T
	metav1.Object
}

// declared gives the objects of our kinds that differ.
func declared(before, after render.Input) []Declared {
	out := []Declared{}
	out = append(out, declaredOf("AddressPool", before.AddressPools, after.AddressPools)...)
	out = append(out, declaredOf("AddressReservation", before.AddressReservations, after.AddressReservations)...)
	out = append(out, declaredOf("HostNetwork", before.HostNetworks, after.HostNetworks)...)
	out = append(out, declaredOf("HostUplink", before.HostUplinks, after.HostUplinks)...)
	return append(out, declaredOf("Wukong", before.Wukongs, after.Wukongs)...)
}

func declaredOf[T any, P object[T]](kind string, before, after []T) []Declared {
	was := map[render.Object]P{}
	for i := range before {
		o := P(&before[i])
		was[render.Object{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}] = o
	}
	var out []Declared
	for i := range after {
		o := P(&after[i])
		key := render.Object{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
		d := Declared{Kind: kind, Namespace: key.Namespace, Name: key.Name, Operation: Create}
		if old, exists := was[key]; exists {
			delete(was, key)
			if d.Fields = fieldsThatDiffer(old, o); len(d.Fields) == 0 {
				continue
			}
			d.Operation = Change
		}
		out = append(out, d)
	}
	for key := range was {
		out = append(out, Declared{Kind: kind, Namespace: key.Namespace, Name: key.Name, Operation: Delete})
	}
	slices.SortFunc(out, func(a, b Declared) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// fieldsThatDiffer compares what people write of an object: labels, annotations, and each field of its spec.
func fieldsThatDiffer(a, b metav1.Object) []string {
	var out []string
	if !maps.Equal(a.GetLabels(), b.GetLabels()) {
		out = append(out, "metadata.labels")
	}
	if !maps.Equal(a.GetAnnotations(), b.GetAnnotations()) {
		out = append(out, "metadata.annotations")
	}
	x, y := specOf(a), specOf(b)
	names := map[string]bool{}
	for name := range x {
		names[name] = true
	}
	for name := range y {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !same(x[name], y[name]) {
			out = append(out, "spec."+name)
		}
	}
	return out
}

func specOf(o any) map[string]any {
	var content struct {
		Spec map[string]any `json:"spec"`
	}
	text, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(text, &content)
	}
	if err != nil {
		return nil
	}
	return content.Spec
}
