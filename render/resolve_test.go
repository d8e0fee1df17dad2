package render_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func uplink(name, fabric, nic string, change ...func(*v1alpha1.HostUplink)) v1alpha1.HostUplink {
	u := v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), Interface: v1alpha1.InterfaceName(nic)}}
	for _, c := range change {
		c(&u)
	}
	return u
}

// hostNetwork is open to team-a.
func hostNetwork(name, fabric string, change ...func(*v1alpha1.HostNetwork)) v1alpha1.HostNetwork {
	n := v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric), Type: v1alpha1.NetworkBridge,
			AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: []string{"team-a"}}}}
	for _, c := range change {
		c(&n)
	}
	return n
}

func vlan(id v1alpha1.VLANID) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.Spec.VLAN = &id }
}

func native(id v1alpha1.VLANID) func(*v1alpha1.HostUplink) {
	return func(u *v1alpha1.HostUplink) { u.Spec.NativeVLAN = &id }
}

func isDefault(n *v1alpha1.HostNetwork) { n.Spec.Default = true }

func closed(n *v1alpha1.HostNetwork) { n.Spec.AllowedNamespaces = nil }

func aged(hours int) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.CreationTimestamp = day(hours) }
}

// day is a fixed day at an hour.
func day(hour int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 9, 1, hour, 0, 0, 0, time.UTC))
}

func aliases(bridge, iface string) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) {
		n.Spec.Aliases = &v1alpha1.Aliases{BridgeNames: []string{bridge}, Interfaces: []string{iface}}
	}
}

// offer is what most cases choose from: an untagged default and two VLANs on one fabric, and a network of another fabric.
func offer() ([]v1alpha1.HostUplink, []v1alpha1.HostNetwork) {
	return []v1alpha1.HostUplink{uplink("workers", "lab", "eth1"), uplink("big", "lab", "ens5"), uplink("dmz", "dmz", "eth2")},
		[]v1alpha1.HostNetwork{
			hostNetwork("lan", "lab", isDefault, aliases("br0", "ens192")),
			hostNetwork("data", "lab", vlan(100)),
			hostNetwork("secret", "lab", vlan(200), closed),
			hostNetwork("edge", "dmz", aliases("br0-dmz", "ens192")),
			hostNetwork("vf", "dmz", func(n *v1alpha1.HostNetwork) {
				n.Spec.Type = v1alpha1.NetworkSRIOV
				n.Spec.VLAN = ptr[v1alpha1.VLANID](7)
			}),
		}
}

func ptr[T any](v T) *T { return &v }

func TestResolve(t *testing.T) {
	cases := map[string]struct {
		network render.Network
		bound   string
		// want is the HostNetwork, or else reason and path say why there is none.
		want, reason, path string
	}{
		"a name selects": {network: render.Network{HostNetwork: "data"}, want: "data"},
		"a name that does not exist is not found":                 {network: render.Network{HostNetwork: "data2"}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".hostNetwork"},
		"a bridge selects":                                        {network: render.Network{BridgeName: "br-data"}, want: "data"},
		"an alias of a bridge selects":                            {network: render.Network{BridgeName: "br0"}, want: "lan"},
		"an attachment of ours selects":                           {network: render.Network{NADName: "wukong-data"}, want: "data"},
		"an attachment that leads to the bridge selects":          {network: render.Network{NADName: "old"}, want: "data"},
		"an attachment that leads elsewhere selects nothing":      {network: render.Network{NADName: "foreign"}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".nadName"},
		"a VLAN selects":                                          {network: render.Network{VLANID: 100}, want: "data"},
		"a VLAN that nobody offers is not found":                  {network: render.Network{VLANID: 101}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".vlanId"},
		"an interface and a VLAN agree on one":                    {network: render.Network{PhysicalInterface: "eth1", VLANID: 100}, want: "data"},
		"an interface of another uplink of the fabric will do":    {network: render.Network{PhysicalInterface: "ens5", VLANID: 100}, want: "data"},
		"an interface without a VLAN means untagged frames":       {network: render.Network{PhysicalInterface: "eth1"}, want: "lan"},
		"an alias that two networks have is ambiguous":            {network: render.Network{PhysicalInterface: "ens192"}, reason: v1alpha1.ReasonHostNetworkAmbiguous, path: ".physicalInterface"},
		"a choice made before decides among several":              {network: render.Network{PhysicalInterface: "ens192"}, bound: "edge", want: "edge"},
		"a choice made before does not beat what is given":        {network: render.Network{HostNetwork: "data"}, bound: "edge", want: "data"},
		"fields that disagree are ambiguous":                      {network: render.Network{HostNetwork: "data", BridgeName: "br0"}, reason: v1alpha1.ReasonHostNetworkAmbiguous},
		"a type that disagrees is ambiguous":                      {network: render.Network{HostNetwork: "data", Type: v1alpha1.NetworkSRIOV}, reason: v1alpha1.ReasonHostNetworkAmbiguous},
		"a network that is not open is never chosen":              {network: render.Network{HostNetwork: "secret"}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".hostNetwork"},
		"nor by its VLAN":                                         {network: render.Network{VLANID: 200}, reason: v1alpha1.ReasonHostNetworkNotAllowed, path: ".vlanId"},
		"nor because it was chosen before":                        {bound: "secret", want: "lan"},
		"nothing given means the default":                         {want: "lan"},
		"nothing but bridge given means the default":              {network: render.Network{Type: v1alpha1.NetworkBridge}, want: "lan"},
		"a changed default moves nobody":                          {bound: "edge", want: "edge"},
		"a choice that is gone is made anew":                      {bound: "gone", want: "lan"},
		"a type without a default is not found":                   {network: render.Network{Type: v1alpha1.NetworkOVS}, reason: v1alpha1.ReasonHostNetworkNotFound},
		"virtual functions need an attachment that somebody made": {network: render.Network{HostNetwork: "vf"}, reason: v1alpha1.ReasonInvalidSpec, path: ".nadName"},
		"which a name and a type select":                          {network: render.Network{NADName: "vfs", Type: v1alpha1.NetworkSRIOV}, want: "vf"},
		"which must not be one that was made here":                {network: render.Network{HostNetwork: "vf", NADName: "wukong-data"}, reason: v1alpha1.ReasonHostNetworkAmbiguous},
		"an untagged network has no VLAN":                         {network: render.Network{HostNetwork: "lan", VLANID: 100}, reason: v1alpha1.ReasonHostNetworkAmbiguous, path: ".vlanId"},
		"NovaSphere's attachment of the network decides":          {network: render.Network{Name: "old-one"}, want: "edge"},
		"what selects is compared and nothing else":               {network: render.Network{BridgeName: "br*"}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".bridgeName"},
		"an empty attachment's bridge is not an empty selection":  {network: render.Network{NADName: "empty"}, reason: v1alpha1.ReasonHostNetworkNotFound, path: ".nadName"},
	}
	nads := map[string]string{"old": "br-data", "foreign": "cni0", "web-old-one-nad": "br0-dmz", "empty": ""}
	catalog := render.NewCatalog(offer())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.network.Path = at
			choice, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: "team-a"}, Wukong: "web",
				Network: c.network, Bound: c.bound, NADBridges: nads})
			if refusal == nil {
				refusal = &render.Refusal{Path: at + c.path}
			}
			got := []string{choice.HostNetwork, refusal.Reason, refusal.Path}
			if diff := cmp.Diff([]string{c.want, c.reason, at + c.path}, got); diff != "" {
				t.Errorf("choice, reason and path (-want +got):\n%s%s", diff, refusal.Message)
			}
			if choice.Chosen() == (refusal.Message != "") {
				t.Error("a refusal has a message, and a choice has none")
			}
		})
	}
}

func TestARefusalNamesNothingThatTheNamespaceMayNotUse(t *testing.T) {
	catalog := render.NewCatalog(offer())
	networks := []render.Network{{}, {VLANID: 200}, {PhysicalInterface: "ens192"}, {PhysicalInterface: "eth1"}, {BridgeName: "br-secret"}, {Type: v1alpha1.NetworkOVS}}
	for _, n := range networks {
		given := n.BridgeName
		for _, ns := range []string{"team-a", "team-b"} {
			_, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: ns}, Wukong: "web", Network: n})
			if refusal == nil {
				continue
			}
			said := strings.ReplaceAll(refusal.Message, `"`+given+`"`, "")
			for _, hidden := range []string{"secret", "lan", "edge"} {
				if (hidden == "secret" || ns == "team-b") && strings.Contains(said, `"`+hidden) {
					t.Errorf("%s is told of %s: %s", ns, hidden, refusal.Message)
				}
			}
		}
	}
}

func TestAllowedIsClosedUnlessSaid(t *testing.T) {
	ns := render.NamespaceInfo{Name: "team-a", Labels: map[string]string{"tier": "gold"}}
	cases := map[string]struct {
		allowed *v1alpha1.AllowedNamespaces
		want    bool
	}{
		"nothing said means nobody":                {nil, false},
		"an empty list means nobody":               {&v1alpha1.AllowedNamespaces{}, false},
		"a listed namespace may":                   {&v1alpha1.AllowedNamespaces{Names: []string{"x", "team-a"}}, true},
		"another namespace may not":                {&v1alpha1.AllowedNamespaces{Names: []string{"team-b"}}, false},
		"an empty selector means everybody":        {&v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{}}, true},
		"a matching selector opens":                {&v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}}, true},
		"another selector does not":                {&v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "x"}}}, false},
		"a selector that cannot be read is closed": {&v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}}, false},
		"a list or a selector is enough":           {&v1alpha1.AllowedNamespaces{Names: []string{"team-a"}, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "x"}}}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := hostNetwork("n", "lab", func(n *v1alpha1.HostNetwork) { n.Spec.AllowedNamespaces = c.allowed })
			if got := render.Allowed(&n, ns); got != c.want {
				t.Errorf("want %v, got %v", c.want, got)
			}
			if render.Allowed(&n, render.NamespaceInfo{}) {
				t.Error("a namespace without a name may use it")
			}
		})
	}
}

func TestTheOldestHasTheDefault(t *testing.T) {
	networks := []v1alpha1.HostNetwork{hostNetwork("a", "x", isDefault, aged(9)), hostNetwork("b", "y", isDefault, aged(8)), hostNetwork("c", "z", isDefault, aged(10))}
	for range 2 {
		slices.Reverse(networks)
		catalog := render.NewCatalog(nil, networks)
		choice, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: "team-a"}})
		if refusal != nil || choice.HostNetwork != "b" {
			t.Errorf("want b, got %v %v", choice, refusal)
		}
		for _, n := range catalog.HostNetworks() {
			if ignored := len(n.Warnings) == 1 && n.Warnings[0].Reason == v1alpha1.ReasonDefaultIgnored; ignored == (n.Object.Name == "b") {
				t.Errorf("%s: %v", n.Object.Name, n.Warnings)
			}
		}
	}
}

func TestANetworkThatCannotServeTheRequestRefusesIt(t *testing.T) {
	cases := map[string]struct {
		network      v1alpha1.HostNetwork
		asks         render.Network
		reason, path string
	}{
		"an MTU larger than the bridge's": {hostNetwork("n", "lab", networkMTU(1500)), render.Network{HostNetwork: "n", MTU: 1501}, v1alpha1.ReasonInvalidSpec, ".mtu"},
		"an MTU of the bridge's size":     {hostNetwork("n", "lab", networkMTU(1500)), render.Network{HostNetwork: "n", MTU: 1500}, "", ""},
		"an MTU larger than the uplink's": {hostNetwork("n", "jumbo"), render.Network{HostNetwork: "n", MTU: 9001}, v1alpha1.ReasonInvalidSpec, ".mtu"},
		"a network that cannot be built":  {hostNetwork("n", "lab", bridge("br-ex")), render.Network{HostNetwork: "n"}, v1alpha1.ReasonInvalidSpec, ""},
		"a network that is going away":    {hostNetwork("n", "lab", func(n *v1alpha1.HostNetwork) { n.DeletionTimestamp = ptr(day(1)) }), render.Network{HostNetwork: "n"}, v1alpha1.ReasonHostNetworkNotFound, ".hostNetwork"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink("u", "lab", "eth1"), uplink("j", "jumbo", "eth2", uplinkMTU(9000))}, []v1alpha1.HostNetwork{c.network})
			c.asks.Path = at
			_, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: "team-a"}, Network: c.asks})
			if refusal == nil {
				refusal = &render.Refusal{Path: at}
			}
			if diff := cmp.Diff([]string{c.reason, at + c.path}, []string{refusal.Reason, refusal.Path}); diff != "" {
				t.Errorf("reason and path (-want +got):\n%s%v", diff, refusal)
			}
		})
	}
}
