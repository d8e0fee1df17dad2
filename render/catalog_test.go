package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func uplinkMTU(mtu int32) func(*v1alpha1.HostUplink) {
	return func(u *v1alpha1.HostUplink) { u.Spec.MTU = &mtu }
}

func networkMTU(mtu int32) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.Spec.MTU = &mtu }
}

func bridge(name v1alpha1.InterfaceName) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.Spec.Bridge = &v1alpha1.Bridge{Name: name} }
}

func TestUplinkProblems(t *testing.T) {
	type change = func(*v1alpha1.HostUplink)
	cases := map[string]struct {
		change       change
		reason, path string
	}{
		"a NIC will do":                   {func(*v1alpha1.HostUplink) {}, "", ""},
		"bonds are not available yet":     {func(u *v1alpha1.HostUplink) { u.Spec.Interface, u.Spec.Bond = "", &v1alpha1.Bond{Name: "bond0"} }, v1alpha1.ReasonNotSupportedYet, "spec.bond"},
		"External needs a policy":         {func(u *v1alpha1.HostUplink) { u.Spec.Management = v1alpha1.ManagementExternal }, v1alpha1.ReasonInvalidSpec, "spec.externalPolicy"},
		"an interface is required":        {func(u *v1alpha1.HostUplink) { u.Spec.Interface = "" }, v1alpha1.ReasonInvalidSpec, "spec.interface"},
		"an interface is no pattern":      {func(u *v1alpha1.HostUplink) { u.Spec.Interface = "eth*" }, v1alpha1.ReasonInvalidSpec, "spec.interface"},
		"an interface is no template":     {func(u *v1alpha1.HostUplink) { u.Spec.Interface = "{{ capture }}" }, v1alpha1.ReasonInvalidSpec, "spec.interface"},
		"the loopback is nobody's uplink": {func(u *v1alpha1.HostUplink) { u.Spec.Interface = "lo" }, v1alpha1.ReasonInvalidSpec, "spec.interface"},
		"a container's end is no uplink":  {func(u *v1alpha1.HostUplink) { u.Spec.Interface = "veth12" }, v1alpha1.ReasonInvalidSpec, "spec.interface"},
		"the kernel allows 15 characters": {func(u *v1alpha1.HostUplink) { u.Spec.Interface = "abcdefghijklmnop" }, v1alpha1.ReasonInvalidSpec, "spec.interface"},
		"an MTU has limits":               {uplinkMTU(20000), v1alpha1.ReasonInvalidSpec, "spec.mtu"},
		"a VLAN has limits":               {native(4095), v1alpha1.ReasonInvalidSpec, "spec.nativeVlan"},
		"a name must fit a label":         {func(u *v1alpha1.HostUplink) { u.Name = "a.b" }, v1alpha1.ReasonInvalidSpec, "metadata.name"},
		"a fabric is a label":             {func(u *v1alpha1.HostUplink) { u.Spec.PhysicalNetwork = "a.100" }, v1alpha1.ReasonInvalidSpec, "spec.physicalNetwork"},
		"a node selector must be readable": {func(u *v1alpha1.HostUplink) {
			u.Spec.NodeSelector = metav1.LabelSelector{MatchLabels: map[string]string{"a": "b c"}}
		}, v1alpha1.ReasonInvalidSpec, "spec.nodeSelector"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1", c.change)}, nil)
			got := catalog.Uplinks()[0].Problem
			if got == nil {
				got = &render.Problem{}
			}
			if diff := cmp.Diff([]string{c.reason, c.path}, []string{got.Reason, got.Path}); diff != "" {
				t.Errorf("reason and path (-want +got):\n%s%s", diff, got.Message)
			}
		})
	}
}

func TestNetworkProblems(t *testing.T) {
	cases := map[string]struct {
		networks     []v1alpha1.HostNetwork
		of           string
		reason, path string
	}{
		"a VLAN and an untagged network live together":   {[]v1alpha1.HostNetwork{hostNetwork("a", "lab"), hostNetwork("b", "lab", vlan(5))}, "b", "", ""},
		"types other than bridge are not available yet":  {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", func(n *v1alpha1.HostNetwork) { n.Spec.Type = v1alpha1.NetworkOVS })}, "a", v1alpha1.ReasonNotSupportedYet, "spec.type"},
		"trunks are not available yet":                   {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", func(n *v1alpha1.HostNetwork) { n.Spec.Trunk = []v1alpha1.TrunkRange{{Min: 1, Max: 9}} })}, "a", v1alpha1.ReasonNotSupportedYet, "spec.trunk"},
		"a long name needs a bridge's name":              {[]v1alpha1.HostNetwork{hostNetwork("abcdefghijklm", "lab")}, "abcdefghijklm", v1alpha1.ReasonInvalidSpec, "spec.bridge.name"},
		"a bridge has a name that is free for it":        {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", bridge("br-ex"))}, "a", v1alpha1.ReasonInvalidSpec, "spec.bridge.name"},
		"of two with one bridge the oldest keeps it":     {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", bridge("br1"), aged(2)), hostNetwork("b", "dmz", bridge("br1"), aged(1))}, "a", v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name"},
		"of the same age the first by name keeps it":     {[]v1alpha1.HostNetwork{hostNetwork("b", "dmz", bridge("br1")), hostNetwork("a", "lab", bridge("br1"))}, "b", v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name"},
		"of two on one segment the oldest keeps it":      {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", vlan(5), aged(2)), hostNetwork("b", "lab", vlan(5), aged(1))}, "a", v1alpha1.ReasonSegmentTaken, "spec.vlan"},
		"what cannot be built takes nothing from others": {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", vlan(5000), bridge("br1")), hostNetwork("b", "lab", bridge("br1"))}, "b", "", ""},
		"a selector must be readable": {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", func(n *v1alpha1.HostNetwork) {
			n.Spec.AllowedNamespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b c"}}
		})}, "a", v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector"},
		"an attachment is of a plugin that is known":      {[]v1alpha1.HostNetwork{hostNetwork("a", "lab", func(n *v1alpha1.HostNetwork) { n.Spec.CNIType = "ptp" })}, "a", v1alpha1.ReasonInvalidSpec, "spec.cniType"},
		"the native VLAN and the untagged frames are one": {[]v1alpha1.HostNetwork{hostNetwork("a", "tagged"), hostNetwork("b", "tagged", vlan(7))}, "b", v1alpha1.ReasonSegmentTaken, "spec.vlan"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1"), uplink("t", "tagged", "eth2", native(7))}, c.networks)
			n, _ := catalog.HostNetwork(c.of)
			got := n.Problem
			if got == nil {
				got = &render.Problem{}
			}
			if diff := cmp.Diff([]string{c.reason, c.path}, []string{got.Reason, got.Path}); diff != "" {
				t.Errorf("reason and path (-want +got):\n%s%s", diff, got.Message)
			}
		})
	}
}

func TestTheOldestUplinkSaysTheNativeVLAN(t *testing.T) {
	older := func(u *v1alpha1.HostUplink) { u.CreationTimestamp = day(1) }
	younger := func(u *v1alpha1.HostUplink) { u.CreationTimestamp = day(2) }
	untagged, tagged := hostNetwork("lan", "lab"), hostNetwork("seven", "lab", vlan(7))
	catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("a", "lab", "eth1", younger), uplink("b", "lab", "eth1", older, native(7))},
		[]v1alpha1.HostNetwork{untagged})
	if got := catalog.Segment(&untagged).String(); got != "lab.7" {
		t.Errorf("the untagged segment is %s", got)
	}
	if got := catalog.Segment(&tagged).String(); got != "lab.7" {
		t.Errorf("the segment of VLAN 7 is %s", got)
	}
	a, _ := catalog.Uplink("a")
	if a.Problem == nil || a.Problem.Reason != v1alpha1.ReasonNativeVLANMismatch || !strings.Contains(a.Problem.Message, `"b"`) {
		t.Errorf("uplink a: %v", a.Problem)
	}
	if on := catalog.UplinksOf(&untagged); len(on) != 1 || on[0].Name != "b" {
		t.Errorf("an uplink whose untagged frames are another segment serves the network: %v", on)
	}
}

func TestANetworkIsNotBuiltWhereItDoesNotFit(t *testing.T) {
	cases := map[string]struct {
		uplink  v1alpha1.HostUplink
		network v1alpha1.HostNetwork
		path    string
	}{
		"its bridge has the name of the NIC":          {uplink("u", "lab", "br-lan"), hostNetwork("lan", "lab"), "spec.bridge.name"},
		"its bridge has the name of its VLAN":         {uplink("u", "lab", "eth1"), hostNetwork("lan", "lab", vlan(5), bridge("eth1.5")), "spec.bridge.name"},
		"its MTU is larger than that of the uplink":   {uplink("u", "lab", "eth1", uplinkMTU(1500)), hostNetwork("lan", "lab", networkMTU(9000)), "spec.mtu"},
		"an uplink that leaves its MTU alone accepts": {uplink("u", "lab", "eth1"), hostNetwork("lan", "lab", networkMTU(9000)), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{c.uplink}, []v1alpha1.HostNetwork{c.network})
			got := catalog.Unserved("u", "lan")
			if got == nil {
				got = &render.Problem{}
			}
			if got.Path != c.path {
				t.Errorf("want %q, got %v", c.path, got)
			}
			if serves := len(catalog.UplinksOf(&c.network)) == 1; serves != (c.path == "") {
				t.Errorf("served: %v", serves)
			}
		})
	}
}
