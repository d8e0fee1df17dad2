package hosts

import (
	"slices"
	"strings"

	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// foreignPolicies reads the policies that no HostUplink owns, leniently, by name.
func (v *View) foreignPolicies() []nmstate.ForeignPolicy {
	var out []nmstate.ForeignPolicy
	for i := range v.Policies {
		p := &v.Policies[i]
		if !slices.ContainsFunc(v.Catalog.Uplinks(), func(u *render.Uplink) bool { return render.Owns(u.Object, p) }) {
			out = append(out, nmstate.ReadForeign(p.Name, p.Spec.NodeSelector, p.Spec.DesiredState.Raw))
		}
	}
	slices.SortFunc(out, func(a, b nmstate.ForeignPolicy) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// knowing gives the view with the policies that belong to a HostUplink in an earlier one not counted as somebody else's: the
// HostUplink may be gone here.
func (v *View) knowing(earlier *View) *View {
	out := *v
	out.foreign = slices.DeleteFunc(slices.Clone(v.foreign), func(p nmstate.ForeignPolicy) bool {
		_, known := earlier.policies[p.Name]
		return known && !slices.ContainsFunc(earlier.foreign, func(e nmstate.ForeignPolicy) bool { return e.Name == p.Name })
	})
	return &out
}
