package manifests

import (
	"encoding/json"
	"slices"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

type groupKind struct{ group, kind string }

// kind is one that is read.
type kind struct {
	namespaced bool
	// ours: its definition is known, so that its objects are checked.
	ours bool
	add  func(*Set, map[string]any) error
}

// kinds are those that are read, of every version: the API server knows which are served.
var kinds = map[groupKind]kind{
	{v1alpha1.GroupVersion.Group, "Wukong"}: {ours: true, namespaced: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Input.Wukongs, o)
	}},
	{v1alpha1.GroupVersion.Group, "HostUplink"}: {ours: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Input.HostUplinks, o)
	}},
	{v1alpha1.GroupVersion.Group, "HostNetwork"}: {ours: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Input.HostNetworks, o)
	}},
	{v1alpha1.GroupVersion.Group, "AddressPool"}: {ours: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Input.AddressPools, o)
	}},
	{v1alpha1.GroupVersion.Group, "AddressReservation"}: {ours: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Input.AddressReservations, o)
	}},
	{"", "Namespace"}: {add: func(s *Set, o map[string]any) error { return into(&s.Input.Namespaces, o) }},
	{"", "Node"}:      {add: func(s *Set, o map[string]any) error { return into(&s.Input.Nodes, o) }},
	{nmstate.GroupVersion.Group, "NodeNetworkState"}: {add: func(s *Set, o map[string]any) error {
		return into(&s.Input.NodeStates, o)
	}},
	{"k8s.cni.cncf.io", "NetworkAttachmentDefinition"}: {namespaced: true, add: addAttachment},
}

// ourKinds are the kinds of our group that are read, by name.
func ourKinds() []string {
	var out []string
	for gk, k := range kinds {
		if k.ours {
			out = append(out, gk.kind)
		}
	}
	slices.Sort(out)
	return out
}

// into adds an object to a list of its type.
func into[T any](list *[]T, object map[string]any) error {
	var decoded T
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &decoded)
	if err == nil {
		*list = append(*list, decoded)
	}
	return err
}

// decodeAs gives an object in another type. Whole numbers stay whole.
func decodeAs[T any](object any) (T, error) {
	var out T
	raw, err := json.Marshal(object)
	if err == nil {
		err = utiljson.Unmarshal(raw, &out)
	}
	return out, err
}

// addAttachment keeps the bridge that an attachment leads to. One of another plugin has none.
func addAttachment(s *Set, object map[string]any) error {
	in := &s.Input
	nad, err := decodeAs[nadv1.NetworkAttachmentDefinition](object)
	if err != nil {
		return err
	}
	var config struct {
		Bridge string `json:"bridge"`
	}
	if json.Unmarshal([]byte(nad.Spec.Config), &config) != nil || config.Bridge == "" {
		return nil
	}
	if in.NADBridges == nil {
		in.NADBridges = map[string]map[string]string{}
	}
	if in.NADBridges[nad.Namespace] == nil {
		in.NADBridges[nad.Namespace] = map[string]string{}
	}
	in.NADBridges[nad.Namespace][nad.Name] = config.Bridge
	return nil
}

// explain gives, for a field that the schema refuses, the words of the parser of Wukongs where it refuses it, too: it knows
// what a value is for and what to write instead.
func explain(kind string, object map[string]any, refused []problem) []problem {
	if kind != "Wukong" {
		return refused
	}
	w, err := decodeAs[v1alpha1.Wukong](object)
	if err != nil {
		return refused
	}
	var out []problem
	_, errs := render.ParseWukong(&w)
	for _, e := range errs {
		out = append(out, problem{path: e.Field, message: e.ErrorBody()})
	}
	for _, p := range refused {
		if !slices.ContainsFunc([]*field.Error(errs), func(e *field.Error) bool { return e.Field == p.path }) {
			out = append(out, p)
		}
	}
	return out
}
