//go:build linux

package kernel

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// refusal is an entry of testdata/kernel-refuses.yaml.
type refusal struct {
	// Says is part of nmstate's error.
	Says string `json:"says"`
	// Why is what the kernel, or the machine, lacks.
	Why string `json:"why"`
}

func refusals(t *testing.T) map[string]refusal {
	t.Helper()
	raw, err := os.ReadFile("testdata/kernel-refuses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]refusal
	if err := yaml.UnmarshalStrict(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	gateway   = netip.MustParsePrefix("192.0.2.1/24")
	peer      = netip.MustParsePrefix("198.51.100.1/24")
	nodeOwn   = netip.MustParsePrefix("192.0.2.11/24")
	guestOwn  = netip.MustParsePrefix("198.51.100.11/24")
	guestNext = netip.MustParsePrefix("198.51.100.12/24")
)

// TestTheKernelBuildsEveryShape tries each file of testdata/shapes on a node of its own. Those in
// testdata/kernel-refuses.yaml must be refused, in the words given there.
func TestTheKernelBuildsEveryShape(t *testing.T) {
	ctl := nmstatectlForTest(t)
	files, err := filepath.Glob("testdata/shapes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no shapes: %v", err)
	}
	refused, shapes := refusals(t), []string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		shapes = append(shapes, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a refused shape is verified for five seconds
			f := fabricForTest(t, ctl)
			n := join(t, f, NIC{Name: "eth0", Address: nodeOwn, Gateway: gateway.Addr()},
				NIC{Name: "eth1"}, NIC{Name: "eth2"})
			desired, err := n.Resolve(t.Context(), shapeOf(t, name))
			if err != nil {
				t.Fatal(err)
			}
			objection, err := n.Apply(t.Context(), desired)
			if err != nil {
				t.Fatal(err)
			}
			switch want, listed := refused[name]; {
			case listed && objection == "":
				t.Errorf("%s works here: take it out of testdata/kernel-refuses.yaml", name)
			case listed && !strings.Contains(objection, want.Says):
				t.Errorf("refused in other words than %q: %s", want.Says, objection)
			case listed:
				t.Skipf("%s: %s", want.Why, objection)
			case objection != "":
				t.Errorf("refused, and not in testdata/kernel-refuses.yaml: %s", objection)
			default:
				carries(t, name, n)
			}
		})
	}
	for name := range refused {
		if !slices.Contains(shapes, name) {
			t.Errorf("testdata/kernel-refuses.yaml: there is no shape %s", name)
		}
	}
}

// carries checks that what a shape built takes frames to the fabric.
func carries(t *testing.T, shape string, n *Node) {
	t.Helper()
	answers := func(from *Namespace, to netip.Prefix) {
		t.Helper()
		if err := from.Ping(to.Addr(), patience); err != nil {
			t.Error(err)
		}
	}
	switch shape {
	case "preserve-static":
		answers(n.Namespace, gateway)
	case "macvlan":
		guest, err := n.AttachMACVLAN(t.Context(), "eth1", guestOwn)
		if err != nil {
			t.Fatal(err)
		}
		answers(guest, peer)
	default:
		guest, err := n.Attach(t.Context(), "br-blue", guestOwn)
		if err != nil {
			t.Fatal(err)
		}
		answers(guest, peer)
	}
}

// apply carries out a policy on a node.
func apply(t *testing.T, n *Node, policy []byte) {
	t.Helper()
	desired, err := n.Resolve(t.Context(), policy)
	if err != nil {
		t.Fatal(err)
	}
	if objection, err := n.Apply(t.Context(), desired); err != nil || objection != "" {
		t.Fatalf("%v %s", err, objection)
	}
}

const movedBack = `
capture:
  named: interfaces.name=="br-blue"
  routes: routes.config.next-hop-interface=="br-blue"
  rerouted: capture.routes | routes.config.next-hop-interface:="eth0"
desiredState:
  interfaces:
  - {name: br-blue, type: linux-bridge, state: absent}
  - {name: eth0, type: ethernet, state: up, ipv4: "{{ capture.named.interfaces.0.ipv4 }}", ipv6: {enabled: false}}
  routes: {config: "{{ capture.rerouted.routes.config }}"}
`

func TestTheNodesAddressMovesToTheBridgeAndBack(t *testing.T) {
	f := fabricForTest(t, nmstatectlForTest(t))
	n := join(t, f, NIC{Name: "eth0", Address: nodeOwn, Gateway: gateway.Addr()}, NIC{Name: "eth1"})
	before := linksOf(t, n)
	apply(t, n, shapeOf(t, "preserve-static"))
	if got := linksOf(t, n).address("br-blue")["addr_info"]; got == nil {
		t.Error("the bridge has no address")
	}
	if err := n.Ping(peer.Addr(), patience); err != nil { // beyond the gateway
		t.Error(err)
	}
	apply(t, n, []byte(movedBack))
	asBefore(t, "the node", before, n)
	if err := n.Ping(peer.Addr(), patience); err != nil {
		t.Error(err)
	}
}

func TestApplyingABridgeAgainLeavesItsGuestsInIt(t *testing.T) {
	f := fabricForTest(t, nmstatectlForTest(t))
	n := join(t, f, NIC{Name: "eth1"})
	apply(t, n, shapeOf(t, "untagged"))
	guest, err := n.Attach(t.Context(), "br-blue", guestOwn)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, n, shapeOf(t, "untagged"))
	if err := guest.Ping(peer.Addr(), patience); err != nil {
		t.Error(err)
	}
	state, err := n.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range state["interfaces"].([]any) {
		if name := entry.(map[string]any)["name"]; name != "br-blue" && name != "eth1" && name != "lo" {
			t.Errorf("the state shows %v", name)
		}
	}
	apply(t, n, []byte(`{desiredState: {interfaces: [{name: br-blue, type: linux-bridge, state: absent}]}}`))
	if l := linksOf(t, n).link("br-blue"); l != nil {
		t.Errorf("a bridge with a guest stayed: %v", l)
	}
}
