package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

func testUplink() *v1alpha1.HostUplink {
	return &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "up", UID: "up-uid"},
		Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "lab", Interface: "eth1"}}
}

func testNetwork(name string, vlan v1alpha1.VLANID) v1alpha1.HostNetwork {
	n := v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "net-uid"}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "lab"}}
	if vlan != 0 {
		n.Spec.VLAN = &vlan
	}
	return n
}

// testPolicy is the policy of a revision as the API server stores it.
func testPolicy(t *testing.T) *nmstatev1.NodeNetworkConfigurationPolicy {
	t.Helper()
	u := testUplink()
	revision, err := render.NewCatalog([]v1alpha1.HostUplink{*u}, []v1alpha1.HostNetwork{testNetwork("blue", 100)}).Revision(u, sets.New("blue"))
	if err != nil || revision == nil {
		t.Fatalf("revision: %v %v", revision, err)
	}
	rendered := revision.Policy(u)
	return &nmstatev1.NodeNetworkConfigurationPolicy{ObjectMeta: rendered.ObjectMeta, Spec: rendered.Spec}
}

// What the controller did not create it never changes or deletes.
func TestOwnershipIsLabelAndUID(t *testing.T) {
	for name, test := range map[string]struct {
		change        func(*nmstatev1.NodeNetworkConfigurationPolicy)
		owned, intact bool
	}{
		"as it was made": {func(*nmstatev1.NodeNetworkConfigurationPolicy) {}, true, true},
		"an annotation of nmstate's webhook changes nothing": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) {
			p.Annotations["nmstate.io/webhook-mutating-timestamp"] = "1"
		}, true, true},
		"labels without the UID are a forgery": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) {
			delete(p.Annotations, v1alpha1.OwnerUIDAnnotation)
		}, false, true},
		"the UID of an earlier HostUplink of this name is not ours": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) {
			p.Annotations[v1alpha1.OwnerUIDAnnotation] = "old-uid"
		}, false, true},
		"the UID without any label is not enough": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) { p.Labels = nil }, false, false},
		"one lost label is known again, and is not intact": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) {
			delete(p.Labels, v1alpha1.UplinkLabel)
		}, true, false},
		"an edited state is not what the name says": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) {
			p.Spec.DesiredState.Raw = []byte(strings.Replace(string(p.Spec.DesiredState.Raw), "br-blue", "br-evil", 1))
		}, true, false},
		"a state with fields that are never written here": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) {
			p.Spec.DesiredState.Raw = []byte(`{"interfaces":[],"routes":{}}`)
		}, true, false},
		"another selector reaches other nodes": {func(p *nmstatev1.NodeNetworkConfigurationPolicy) { p.Spec.NodeSelector = nil }, true, false},
		"a capture":                            {func(p *nmstatev1.NodeNetworkConfigurationPolicy) { p.Spec.Capture = map[string]string{"a": "b"} }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := testPolicy(t)
			test.change(p)
			if got := owned(p, testUplink()); got != test.owned {
				t.Errorf("owned: %v, want %v", got, test.owned)
			}
			if got := readPolicy(p, "up").intact; got != test.intact {
				t.Errorf("intact: %v, want %v", got, test.intact)
			}
		})
	}
}

func TestUplinkOfPolicyUndoesThePolicyName(t *testing.T) {
	hash := strings.Repeat("a", nmstate.HashLength)
	for _, uplink := range []string{"up", "a-b", "rack-1-aaaaaaaaaa", "x"} {
		if got, ok := uplinkOfPolicy(render.PolicyName(uplink, hash)); !ok || got != uplink {
			t.Errorf("%s: got %q %v", uplink, got, ok)
		}
	}
	for _, name := range []string{"", "theirs", "wukong-", "wukong-short", "wukong-" + hash} {
		if got, ok := uplinkOfPolicy(name); ok {
			t.Errorf("%s: got %q, want none", name, got)
		}
	}
}

func TestForeignPoliciesAreReadLeniently(t *testing.T) {
	for name, test := range map[string]struct {
		state string
		want  map[string]bool
	}{
		"interfaces and the ports of bridges and bonds": {`
interfaces:
- {name: eth1, type: ethernet}
- {name: br1, bridge: {port: [{name: eth2}, {name: eth3}]}}
- {name: bond0, link-aggregation: {port: [eth4]}}`, map[string]bool{"eth1": true, "br1": true, "eth2": true, "eth3": true, "bond0": true, "eth4": true}},
		"the base of a VLAN is not named, since it is left as it is": {`{interfaces: [{name: eth1.5, vlan: {base-iface: eth1, id: 5}}]}`, map[string]bool{"eth1.5": true}},
		"one unreadable entry hides no other":                        {`{interfaces: [42, {name: eth1}, {name: br1, bridge: 7}]}`, map[string]bool{"eth1": true, "br1": true}},
		"a name that YAML takes for a number":                        {`{interfaces: [{name: 101}]}`, map[string]bool{"101": true}},
		"no list":                                                    {`{interfaces: {}}`, map[string]bool{}},
		"no YAML":                                                    {"\t{", map[string]bool{}},
		"nothing":                                                    {"", map[string]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &nmstatev1.NodeNetworkConfigurationPolicy{}
			p.Spec.DesiredState.Raw = []byte(test.state)
			if diff := cmp.Diff(test.want, readForeign(p).names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzForeignPolicyNeverPanics(f *testing.F) {
	f.Add([]byte(`{interfaces: [{name: eth1, bridge: {port: [{name: x}]}}]}`))
	f.Add([]byte("interfaces:\n- name: {}\n"))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		p := &nmstatev1.NodeNetworkConfigurationPolicy{}
		p.Spec.DesiredState.Raw = raw
		readForeign(p)
		readPolicy(p, "up")
	})
}
