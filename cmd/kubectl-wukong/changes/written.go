package changes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/guests"
	"novasphere.dev/wukong-network/render"
)

// Written is an object that the controller writes.
type Written struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	// Name is the new name, or the one of what would go.
	Name string `json:"name"`
	// Replaces is the name of the object that this one takes the place of: revisions and Secrets are never edited.
	Replaces  string    `json:"replaces,omitempty"`
	Operation Operation `json:"operation"`
	// Diff is a unified diff of the manifests, without secrets.
	Diff string `json:"diff,omitempty"`
	// HiddenValues says that values differ which are not shown.
	HiddenValues bool `json:"hiddenValues,omitempty"`
}

// place is what an object is for. Of one place there is one object at a time, whatever its name.
type place struct{ kind, namespace, role string }

// text is an object as it is shown, and as it is.
type text struct {
	apiVersion, name string
	shown, whole     string
	// hidden is user data, of which not everything is shown.
	hidden string
}

// written compares what is rendered. What a Wukong that is held back had is not dropped, so that only what is for objects that go
// counts as deleted.
func written(was, planned render.Output, after render.Input) ([]Written, error) {
	old, err := textsOf(was)
	if err != nil {
		return nil, err
	}
	now, err := textsOf(planned)
	if err != nil {
		return nil, err
	}
	places := map[place]bool{}
	for p := range old {
		places[p] = true
	}
	for p := range now {
		places[p] = true
	}
	out := []Written{}
	for _, p := range slices.SortedFunc(maps.Keys(places), comparePlaces) {
		x, had := old[p]
		y, has := now[p]
		if !has && p.stays(after) {
			continue
		}
		if had && has && x.whole == y.whole {
			continue
		}
		out = append(out, p.change(x, y, had, has))
	}
	return out, nil
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.role, b.role))
}

func (p place) change(x, y text, had, has bool) Written {
	w := Written{APIVersion: cmp.Or(y.apiVersion, x.apiVersion), Kind: p.kind, Namespace: p.namespace, Name: y.name, Operation: Change}
	from, to := p.title(x.name), p.title(y.name)
	switch {
	case !had:
		w.Operation, from = Create, "none"
	case !has:
		w.Operation, w.Name, to = Delete, x.name, "none"
	case x.name != y.name:
		w.Replaces = x.name
	}
	unified := string(diff.Diff(from, []byte(x.shown), to, []byte(y.shown)))
	// The first line repeats the two names.
	_, w.Diff, _ = strings.Cut(unified, "\n")
	w.HiddenValues = had && has && x.hidden != y.hidden && guests.MaskUserData(x.hidden) == guests.MaskUserData(y.hidden)
	return w
}

func (p place) title(name string) string {
	if p.namespace == "" {
		return p.kind + " " + name
	}
	return p.kind + " " + p.namespace + "/" + name
}

// stays says whether the controller keeps what is no longer rendered: what it was for is still there.
func (p place) stays(after render.Input) bool {
	switch p.kind {
	case render.PolicyKind:
		return slices.ContainsFunc(after.HostUplinks, func(u v1alpha1.HostUplink) bool { return u.Name == p.role && u.Spec.Paused })
	case "NetworkAttachmentDefinition":
		return true
	}
	return slices.ContainsFunc(after.Wukongs, func(w v1alpha1.Wukong) bool { return w.Namespace == p.namespace && w.Name == p.role })
}

// textsOf gives what is rendered by place. It takes the owners off the objects, which follow from what
// they are for.
func textsOf(o render.Output) (map[place]text, error) {
	out := map[place]text{}
	add := func(kind, role string, meta metav1.Object, object, shown any, hidden string) error {
		whole, err := render.Manifest(object)
		if err != nil {
			return err
		}
		masked := whole
		if shown != nil {
			if masked, err = render.Manifest(shown); err != nil {
				return err
			}
		}
		apiVersion, _, _ := strings.Cut(strings.TrimPrefix(string(whole), "apiVersion: "), "\n")
		out[place{kind, meta.GetNamespace(), cmp.Or(role, meta.GetName())}] = text{apiVersion, meta.GetName(), string(masked), string(whole), hidden}
		return nil
	}
	for i := range o.Policies {
		p := &o.Policies[i]
		if err := add(render.PolicyKind, p.Labels[v1alpha1.UplinkLabel], p, p, nil, ""); err != nil {
			return nil, err
		}
	}
	for i := range o.NADs {
		if err := add("NetworkAttachmentDefinition", "", &o.NADs[i], &o.NADs[i], nil, ""); err != nil {
			return nil, err
		}
	}
	for i := range o.Secrets {
		s := &o.Secrets[i]
		s.OwnerReferences = nil
		if err := add("Secret", s.Labels[v1alpha1.WukongLabel], s, s, masked(s), s.StringData[render.UserDataKey]); err != nil {
			return nil, err
		}
	}
	for i := range o.VirtualMachines {
		vm := &o.VirtualMachines[i]
		vm.OwnerReferences = nil
		if err := add("VirtualMachine", vm.Labels[v1alpha1.WukongLabel], vm, vm, nil, ""); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// masked is a Secret of a guest without its secrets: network data has none.
func masked(s *corev1.Secret) *corev1.Secret {
	out := s.DeepCopy()
	for key, value := range out.StringData {
		switch key {
		case render.NetworkDataKey:
		case render.UserDataKey:
			out.StringData[key] = guests.MaskUserData(value)
		default:
			out.StringData[key] = fmt.Sprintf("(hidden, %d bytes)", len(value))
		}
	}
	return out
}
