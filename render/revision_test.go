package render_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

func revision(t *testing.T, c *render.Catalog, name string, inUse ...string) *render.Revision {
	t.Helper()
	u, ok := c.Uplink(name)
	if !ok {
		t.Fatalf("no uplink %s", name)
	}
	r, err := c.Revision(u.Object, sets.New(inUse...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shape says what a state does with each interface: its name, its state, whether addresses are taken off, and its MTU.
func shape(s nmstate.State) []string {
	var out []string
	for _, i := range s.Interfaces {
		text := i.Name + " " + string(i.Type) + " " + string(i.State)
		if i.IPv4 != nil && !i.IPv4.Enabled && i.IPv6 != nil && !i.IPv6.Enabled {
			text += " no-ip"
		}
		if i.MTU != nil {
			text += " mtu" + string(rune('0'+*i.MTU/1000))
		}
		out = append(out, text)
	}
	return out
}

func TestRevisionShapes(t *testing.T) {
	nets := []v1alpha1.HostNetwork{hostNetwork("lan", "lab"), hostNetwork("data", "lab", vlan(100)), hostNetwork("jumbo", "lab", vlan(200), networkMTU(2000)), hostNetwork("other", "dmz")}
	cases := map[string]struct {
		uplink v1alpha1.HostUplink
		inUse  []string
		want   []string
	}{
		"an untagged network takes the NIC as its port": {uplink("u", "lab", "eth1"), []string{"lan"},
			[]string{"eth1 ethernet up no-ip", "br-lan linux-bridge up no-ip"}},
		"below VLANs alone the NIC is not listed": {uplink("u", "lab", "eth1"), []string{"data"},
			[]string{"eth1.100 vlan up no-ip", "br-data linux-bridge up no-ip"}},
		"untagged and tagged share one entry of the NIC": {uplink("u", "lab", "eth1"), []string{"lan", "data", "jumbo"},
			[]string{"eth1 ethernet up no-ip", "eth1.100 vlan up no-ip", "eth1.200 vlan up no-ip mtu2", "br-data linux-bridge up no-ip", "br-jumbo linux-bridge up no-ip mtu2", "br-lan linux-bridge up no-ip"}},
		"the uplink's MTU is declared on every layer, below VLANs without touching addresses": {uplink("u", "lab", "eth1", uplinkMTU(9000)), []string{"data", "jumbo"},
			[]string{"eth1 ethernet up mtu9", "eth1.100 vlan up no-ip mtu9", "eth1.200 vlan up no-ip mtu2", "br-data linux-bridge up no-ip mtu9", "br-jumbo linux-bridge up no-ip mtu2"}},
		"a native VLAN travels untagged": {uplink("u", "lab", "eth1", native(100)), []string{"data"},
			nil}, // the untagged network is older by name and has that segment
		"networks of another fabric are passed over": {uplink("u", "lab", "eth1"), []string{"other", "unknown"}, nil},
		"nothing in use is no revision":              {uplink("u", "lab", "eth1"), nil, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ordered := slices.Clone(nets)
			ordered[0].CreationTimestamp, ordered[1].CreationTimestamp = day(1), day(2)
			got := revision(t, render.NewCatalog([]v1alpha1.HostUplink{c.uplink}, ordered), "u", c.inUse...)
			if got == nil {
				if c.want != nil {
					t.Fatal("no revision")
				}
				return
			}
			if diff := cmp.Diff(c.want, shape(got.State)); diff != "" {
				t.Errorf("interfaces (-want +got):\n%s", diff)
			}
			if err := got.State.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAVLANThatIsNativeIsBuiltUntagged(t *testing.T) {
	c := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1", native(100))}, []v1alpha1.HostNetwork{hostNetwork("data", "lab", vlan(100))})
	want := []string{"eth1 ethernet up no-ip", "br-data linux-bridge up no-ip"}
	if diff := cmp.Diff(want, shape(revision(t, c, "u", "data").State)); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
}

func TestAnUplinkWithAProblemHasNoRevision(t *testing.T) {
	u := uplink("u", "lab", "eth1", func(u *v1alpha1.HostUplink) { u.Spec.Management = v1alpha1.ManagementExternal })
	c := render.NewCatalog([]v1alpha1.HostUplink{u}, []v1alpha1.HostNetwork{hostNetwork("lan", "lab")})
	if r, err := c.Revision(&u, sets.New("lan")); err == nil || r != nil {
		t.Errorf("got %v, %v", r, err)
	}
	stranger := uplink("stranger", "lab", "eth1")
	if r, err := c.Revision(&stranger, sets.New("lan")); err == nil || r != nil {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestPolicyCarriesTheRevisionAndNothingElse(t *testing.T) {
	u := uplink("workers", "lab", "eth1", func(u *v1alpha1.HostUplink) { u.UID = types.UID("uid-1") })
	c := render.NewCatalog([]v1alpha1.HostUplink{u}, []v1alpha1.HostNetwork{hostNetwork("lan", "lab"), hostNetwork("data", "lab", vlan(100))})
	r := revision(t, c, "workers", "lan", "data")
	p := r.Policy(&u)
	if p.Name != render.PolicyName("workers", r.Hash) || p.Kind != render.PolicyKind || p.APIVersion != render.PolicyAPIVersion {
		t.Errorf("it is %s %s %s", p.APIVersion, p.Kind, p.Name)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.UplinkLabelPrefix + "workers": r.Hash}, p.Spec.NodeSelector); diff != "" {
		t.Errorf("node selector (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.NetworksAnnotation: "data,lan", v1alpha1.OwnerUIDAnnotation: "uid-1"}, p.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if len(p.OwnerReferences)+len(p.Finalizers) != 0 {
		t.Error("a policy has no owner and no finalizer")
	}
	back, err := nmstate.Parse(p.Spec.DesiredState.Raw, p.Spec.Capture)
	if err != nil || back.Hash() != r.Hash {
		t.Errorf("the policy does not read back as its revision: %v, %v", back, err)
	}
}

func TestRemovalRevisions(t *testing.T) {
	c := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1")}, []v1alpha1.HostNetwork{hostNetwork("lan", "lab"), hostNetwork("data", "lab", vlan(100))})
	both, lan, data := revision(t, c, "u", "lan", "data"), revision(t, c, "u", "lan"), revision(t, c, "u", "data")
	cases := map[string]struct {
		current *render.Revision
		target  *render.Revision
		want    []string
	}{
		"a network more needs no removal":           {lan, both, nil},
		"a VLAN less is taken away beside the rest": {both, lan, []string{"eth1 ethernet up no-ip", "eth1.100 vlan absent", "br-data linux-bridge absent", "br-lan linux-bridge up no-ip"}},
		"the untagged network less frees the NIC":   {both, data, []string{"eth1 ethernet up no-ip", "eth1.100 vlan up no-ip", "br-data linux-bridge up no-ip", "br-lan linux-bridge absent"}},
		"everything is taken back":                  {both, nil, []string{"eth1 ethernet up no-ip", "eth1.100 vlan absent", "br-data linux-bridge absent", "br-lan linux-bridge absent"}},
		"a NIC that was not listed is left alone":   {data, nil, []string{"eth1.100 vlan absent", "br-data linux-bridge absent"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, needed := render.PassageRevision("u", tc.target, nmstate.Passage{Current: tc.current.State, Proof: nmstate.Proven})
			if needed != (tc.want != nil) {
				t.Fatalf("needed: %v", needed)
			}
			if !needed {
				return
			}
			if diff := cmp.Diff(tc.want, shape(got.State)); diff != "" {
				t.Errorf("interfaces (-want +got):\n%s", diff)
			}
			if got.Name != render.PolicyName("u", got.Hash) || got.Hash != got.State.Hash() {
				t.Errorf("name %s does not follow from the content", got.Name)
			}
		})
	}
}
