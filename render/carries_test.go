package render_test

import (
	"testing"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// builtBy is the revision of the uplink u with all of these networks.
func builtBy(t *testing.T, u v1alpha1.HostUplink, networks ...v1alpha1.HostNetwork) nmstate.State {
	t.Helper()
	var names []string
	for _, n := range networks {
		names = append(names, n.Name)
	}
	r := revision(t, render.NewCatalog([]v1alpha1.HostUplink{u}, networks), u.Name, names...)
	if r == nil {
		return nmstate.State{}
	}
	return r.State
}

// Ready is true only on evidence of the current generation, and of the revision that the node is on.
func TestANetworkIsBuiltAlikeOnlyWithEverythingBelowIt(t *testing.T) {
	u := uplink("u", "lab", "eth1")
	blue, green := hostNetwork("blue", "lab", vlan(100)), hostNetwork("green", "lab", vlan(200))
	base := builtBy(t, u, blue)
	for name, test := range map[string]struct {
		other nmstate.State
		want  bool
	}{
		"another network beside it changes nothing":                           {builtBy(t, u, blue, green), true},
		"an untagged network beside it, which lists the NIC, changes nothing": {builtBy(t, u, blue, hostNetwork("lan", "lab")), true},
		"another MTU":                {builtBy(t, u, hostNetwork("blue", "lab", vlan(100), networkMTU(1400))), false},
		"another MTU of the uplink":  {builtBy(t, uplink("u", "lab", "eth1", uplinkMTU(9000)), hostNetwork("blue", "lab", vlan(100))), false},
		"another VLAN below":         {builtBy(t, u, hostNetwork("blue", "lab", vlan(101))), false},
		"a revision that lacks it":   {builtBy(t, u, green), false},
		"the same network, untagged": {builtBy(t, u, hostNetwork("blue", "lab")), false},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{u}, []v1alpha1.HostNetwork{blue})
			known, _ := catalog.Uplink("u")
			network, _ := catalog.HostNetwork("blue")
			if got := catalog.BuiltAlike(known, network, base, test.other); got != test.want {
				t.Errorf("alike: %v, want %v", got, test.want)
			}
		})
	}
}
