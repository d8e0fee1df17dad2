package hosts

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/e2e/world"
)

// bonded is the manifest of a HostUplink that is a bond of eth1 and eth2.
func bonded(name string, more ...string) string {
	bond := "bond: {name: bond0, mode: 802.3ad, ports: [eth1, eth2], options: {miimon: \"100\", lacp_rate: fast}}"
	return strings.Replace(uplink(name, "eth1", more...), "interface: eth1", bond, 1)
}

// tagged is the manifest of a Wukong that picks a VLAN of a trunk.
func tagged(namespace, name, network string, vlan int, address string) string {
	return strings.Replace(wukong(namespace, name, network, address), "type: bridge, ", fmt.Sprintf("vlanId: %d, ", vlan), 1)
}

func (s *stage) wukongIsReady(namespace, name string) {
	s.t.Helper()
	s.eventually(func() string {
		w := s.wukong(namespace, name)
		return ready(w, w.Status.Conditions, yes, v1alpha1.ReasonNetworkReady, "")
	})
}

// free checks that NICs of a node are up, ports of nothing, and without addresses.
func (s *stage) free(node string, nics ...string) {
	s.t.Helper()
	host := s.Lab.Host(node)
	for _, nic := range nics {
		i, ok := host.Interface(nic)
		if !ok || i["state"] != "up" {
			s.t.Errorf("%s of %s: %v, want it up", nic, node, i)
		}
		for _, other := range host.Names() {
			if slices.Contains(host.Ports(other), nic) {
				s.t.Errorf("%s of %s is a port of %s", nic, node, other)
			}
		}
		if got := host.Addresses(nic); len(got) > 0 {
			s.t.Errorf("%s of %s has %v", nic, node, got)
		}
	}
}

func TestATrunkOverABondServesWukongsOfTwoNamespacesByVLAN(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	one, two := s.Cluster.Namespace(t), s.Cluster.Namespace(t)
	before := s.Lab.Host("node-a").Names()
	ranges := fmt.Sprintf("trunk: [{min: 100, max: 109, allowedNamespaces: {names: [%s]}}, {min: 200, max: 209, allowedNamespaces: {names: [%s]}}]", one, two)
	s.apply(bonded("up", atOnce) + network("tenants", ranges))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	s.apply(tagged(one, "web", "tenants", 100, "192.0.2.5/24") + tagged(two, "web", "tenants", 200, "192.0.2.5/24"))
	s.networkIs("tenants", yes, v1alpha1.ReasonApplied, "2/2")
	for _, w := range []struct {
		namespace string
		vlan      int
	}{{one, 100}, {two, 200}} {
		s.wukongIsReady(w.namespace, "web")
		nad := &netattach.NetworkAttachmentDefinition{}
		s.must(s.Admin.Get(s.ctx, types.NamespacedName{Namespace: w.namespace, Name: fmt.Sprintf("wukong%d-tenants", w.vlan)}, nad))
		if want := fmt.Sprintf(`"vlan":%d`, w.vlan); !strings.Contains(nad.Spec.Config, want) || !strings.Contains(nad.Spec.Config, `"br-tenants"`) {
			t.Errorf("attachment: %s, want br-tenants with %s", nad.Spec.Config, want)
		}
		lease := s.get(&v1alpha1.AddressLease{}, fmt.Sprintf("ip-192-0-2-5.lab.%d", w.vlan)).(*v1alpha1.AddressLease)
		if got := lease.Spec.Holder; got == nil || got.Namespace != w.namespace {
			t.Errorf("lease %s is held by %+v, want %s", lease.Name, got, w.namespace)
		}
	}
	host := s.Lab.Host("node-a")
	if got, want := host.Ports("bond0"), []string{"eth1", "eth2"}; !slices.Equal(got, want) {
		t.Errorf("ports of bond0: %v, want %v", got, want)
	}
	if got := host.Ports("br-tenants"); !slices.Contains(got, "bond0") {
		t.Errorf("ports of br-tenants: %v, want bond0", got)
	}

	// A range that somebody uses is not taken from nodes.
	narrowed := network("tenants", fmt.Sprintf("trunk: [{min: 100, max: 109, allowedNamespaces: {names: [%s]}}]", one))
	s.apply(narrowed)
	s.uplinkIs("up", no, v1alpha1.ReasonInUse, "VLAN 200 is in use and in none of the ranges any more")
	s.must(s.Admin.Delete(s.ctx, s.wukong(two, "web")))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")

	s.must(s.Admin.Delete(s.ctx, s.wukong(one, "web")))
	s.must(s.Admin.Delete(s.ctx, s.network("tenants")))
	s.must(s.Admin.Delete(s.ctx, s.uplink("up")))
	s.gone(&v1alpha1.HostNetwork{}, "tenants")
	s.gone(&v1alpha1.HostUplink{}, "up")
	for _, node := range []string{"node-a", "node-b"} {
		if got := s.Lab.Host(node).Names(); !slices.Equal(got, before) {
			t.Errorf("%s has %v, want %v", node, got, before)
		}
		s.free(node, "eth1", "eth2")
	}
}

func TestABridgeOfOpenVSwitchIsBuiltWhereItRunsAndTakenBack(t *testing.T) {
	s := newStage(t, 1, lab.Options{Attempts: 1})
	without := world.Node("node-b", 98)
	without.NoOVS = true
	s.must(s.Lab.AddNode(s.ctx, without))
	s.apply(uplink("up", "eth1", atOnce) + network("fast", "type: ovs", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-b: ")
	s.eventually(func() string {
		if !s.labelled("node-a", "fast") || s.labelled("node-b", "fast") {
			return "node-a alone must be labelled with the network"
		}
		return ""
	})
	if bridge, _ := s.Lab.Host("node-a").Interface("br-fast"); bridge["type"] != "ovs-bridge" {
		t.Errorf("br-fast of node-a: %v, want an ovs-bridge", bridge)
	}
	s.must(s.Lab.RemoveNode(s.ctx, "node-b"))
	s.networkIs("fast", yes, v1alpha1.ReasonApplied, "1/1")
	s.must(s.Admin.Delete(s.ctx, s.network("fast")))
	s.gone(&v1alpha1.HostNetwork{}, "fast")
	if s.has("node-a", "br-fast") || s.has("node-a", "eth1.100") {
		t.Errorf("node-a still has %v", s.Lab.Host("node-a").Names())
	}
	s.free("node-a", "eth1")
}

func TestTheBaseOfMACVTAPsIsUpAndLabelledUntilItsNetworkGoes(t *testing.T) {
	s := newStage(t, 2, lab.Options{})
	before := s.Lab.Host("node-a").Names()
	s.apply(uplink("up", "eth1", atOnce) + network("taps", "type: macvlan") + network("tagged", "type: macvlan", "vlan: 100"))
	s.networkIs("taps", yes, v1alpha1.ReasonApplied, "2/2")
	s.networkIs("tagged", yes, v1alpha1.ReasonApplied, "2/2")
	if !s.labelled("node-a", "taps") || !s.labelled("node-b", "tagged") || !s.has("node-a", "eth1.100") {
		t.Error("the nodes must have both bases, and be labelled with their networks")
	}
	for _, name := range []string{"tagged", "taps"} {
		s.must(s.Admin.Delete(s.ctx, s.network(name)))
		s.gone(&v1alpha1.HostNetwork{}, name)
	}
	s.uplinkIs("up", yes, v1alpha1.ReasonNotInUse, "")
	if got := s.Lab.Host("node-a").Names(); !slices.Equal(got, before) || s.labelled("node-a", "taps") || s.labelled("node-b", "tagged") {
		t.Errorf("node-a has %v and its labels, want %v", got, before)
	}
	s.free("node-a", "eth1")
}

// able is a node whose eth1 can have virtual functions.
func able(name string) lab.NodeSpec {
	spec := world.Node(name, name[len(name)-1])
	spec.NICs[1].VFs = 8
	return spec
}

const functions = "interfaces: [{name: eth1, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: %d}}}]"

func TestVirtualFunctionsOfSomebodyElseAreObserved(t *testing.T) {
	s := newStage(t, 0, lab.Options{})
	s.must(s.Lab.AddNode(s.ctx, able("node-a")))
	s.must(s.Lab.AddNode(s.ctx, able("node-b")))
	s.apply(uplink("up", "eth1") + network("vfs", "type: sriov", "sriov: {resourceName: example.com/fast}"))
	s.must(s.Lab.Change("node-a", fmt.Sprintf(functions, 4)))
	shows := func(want bool) {
		s.eventually(func() string {
			if s.labelled("node-a", "vfs") != want || s.labelled("node-b", "vfs") {
				return fmt.Sprintf("node-a is labelled: %v, want %v; and node-b is not", !want, want)
			}
			return ""
		})
	}
	shows(true)
	s.must(s.Lab.Change("node-a", fmt.Sprintf(functions, 0)))
	shows(false)
	if got := len(s.policies()); got != 0 {
		t.Errorf("%d policies for virtual functions of somebody else", got)
	}
	s.must(s.Lab.Change("node-a", fmt.Sprintf(functions, 2)))
	shows(true)
	s.must(s.Admin.Delete(s.ctx, s.network("vfs")))
	s.gone(&v1alpha1.HostNetwork{}, "vfs")
	shows(false)
}

func TestVirtualFunctionsAreMadeWhereTheNICCan(t *testing.T) {
	s := newStage(t, 1, lab.Options{Attempts: 1})
	s.must(s.Lab.AddNode(s.ctx, able("node-b")))
	s.apply(uplink("up", "eth1", atOnce) + network("vfs", "type: sriov", "sriov: {totalVFs: 4, resourceName: example.com/fast}"))
	s.eventually(func() string {
		if !s.labelled("node-b", "vfs") || s.labelled("node-a", "vfs") {
			return "node-b alone must be labelled with the network"
		}
		return ""
	})
	if !s.has("node-b", "eth1v3") || s.has("node-b", "eth1v4") {
		t.Errorf("node-b has %v, want 4 virtual functions of eth1", s.Lab.Host("node-b").Names())
	}
	s.must(s.Lab.RemoveNode(s.ctx, "node-a"))
	s.networkIs("vfs", yes, v1alpha1.ReasonApplied, "1/1")
}

// resident is a node that lives on eth1.
func resident(name string, dhcp bool) (lab.NodeSpec, []netip.Prefix) {
	spec := world.Node(name, name[len(name)-1])
	v4 := netip.PrefixFrom(spec.Address, 24)
	v6 := netip.MustParsePrefix(fmt.Sprintf("2001:db8:7::%x/64", name[len(name)-1]))
	nic := lab.NIC{Name: "eth1", Gateways: []netip.Addr{netip.MustParseAddr("203.0.113.1")}}
	if dhcp {
		nic.DHCP = v4
		spec.NICs = []lab.NIC{{Name: "eth0"}, nic, {Name: "eth2"}}
		return spec, []netip.Prefix{v4}
	}
	nic.Addresses = []netip.Prefix{v4, v6}
	nic.Gateways = append(nic.Gateways, netip.MustParseAddr("2001:db8:7::1"))
	spec.NICs = []lab.NIC{{Name: "eth0"}, nic, {Name: "eth2"}}
	return spec, nic.Addresses
}

const preserve = "protect: Preserve"

// newResidents is a stage with two nodes that live on eth1.
func newResidents(t *testing.T, dhcp bool, opts lab.Options) (*stage, map[string][]netip.Prefix) {
	t.Helper()
	opts.Capture = lab.Captures(parts.NmstatectlForTest(t))
	s := newStage(t, 0, opts)
	addresses := map[string][]netip.Prefix{}
	for _, name := range []string{"node-a", "node-b"} {
		spec, has := resident(name, dhcp)
		s.must(s.Lab.AddNode(s.ctx, spec))
		addresses[name] = has
	}
	return s, addresses
}

// live waits until nodes have their addresses on an interface and nowhere else, and checks that they were never cut off.
func (s *stage) live(on, notOn string, addresses map[string][]netip.Prefix) {
	s.t.Helper()
	s.eventually(func() string {
		for node, want := range addresses {
			host := s.Lab.Host(node)
			for _, p := range want {
				if !slices.Contains(host.Addresses(on), p) || slices.Contains(host.Addresses(notOn), p) {
					return fmt.Sprintf("%s: %s has %v and %s has %v, want %s on %s", node, on, host.Addresses(on), notOn, host.Addresses(notOn), p, on)
				}
			}
		}
		return ""
	})
	for node := range addresses {
		if n := s.Lab.CutOffs(node); n > 0 {
			s.t.Errorf("%s was cut off %d times", node, n)
		}
	}
}

// created counts the policies that the controller made since the requests were reset.
func (s *stage) created() int {
	n := 0
	for _, w := range s.Requests.Writes() {
		if w.Method == "POST" && w.Resource == "nodenetworkconfigurationpolicies" {
			n++
		}
	}
	return n
}

func TestNodesThatLiveOnThePreservedNICKeepTheirAddresses(t *testing.T) {
	for name, dhcp := range map[string]bool{"static, both families": false, "DHCP": true} {
		t.Run(name, func(t *testing.T) {
			s, addresses := newResidents(t, dhcp, lab.Options{})
			s.apply(uplink("up", "eth1", preserve) + network("blue"))
			s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
			s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
			s.live("br-blue", "eth1", addresses)
			s.quiet()

			// A second network moves nothing: its revision is the only policy that is made.
			s.Requests.Reset()
			s.apply(network("green", "vlan: 200"))
			s.networkIs("green", yes, v1alpha1.ReasonApplied, "2/2")
			if n := s.created(); n != 1 {
				t.Errorf("%d policies were made for the second network, want 1", n)
			}
			s.live("br-blue", "eth1", addresses)
			s.quiet()

			s.must(s.Lab.LoseNode(s.ctx, "node-b"))
			s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
			s.quiet()
			s.Requests.Reset()
			s.must(s.Lab.Rejoin(s.ctx, "node-b"))
			s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
			if n := s.created(); n != 0 {
				t.Errorf("%d policies were made for a node that came back with all that it had", n)
			}
			s.live("br-blue", "eth1", addresses)

			s.must(s.Admin.Delete(s.ctx, s.network("blue")))
			s.gone(&v1alpha1.HostNetwork{}, "blue")
			s.networkIs("green", yes, v1alpha1.ReasonApplied, "2/2")
			s.live("eth1", "br-blue", addresses)
			s.must(s.Admin.Delete(s.ctx, s.network("green")))
			s.must(s.Admin.Delete(s.ctx, s.uplink("up")))
			s.gone(&v1alpha1.HostUplink{}, "up")
			s.live("eth1", "br-blue", addresses)
			if got, want := s.Lab.Host("node-a").Names(), []string{"eth0", "eth1", "eth2", "lo"}; !slices.Equal(got, want) {
				t.Errorf("node-a has %v, want %v", got, want)
			}
		})
	}
}

// back puts the addresses of a node on its NIC again, as somebody does who restores a profile.
func (s *stage) back(node string, addresses []netip.Prefix) {
	s.t.Helper()
	section := func(p netip.Prefix) string {
		return fmt.Sprintf("{enabled: true, dhcp: false, address: [{ip: %q, prefix-length: %d}]}", p.Addr(), p.Bits())
	}
	s.must(s.Lab.Change(node, fmt.Sprintf(`
interfaces:
- {name: br-blue, type: linux-bridge, state: up, ipv4: {enabled: false}, ipv6: {enabled: false}, bridge: {port: []}}
- {name: eth1, type: ethernet, state: up, ipv4: %s, ipv6: %s}
routes:
  config:
  - {destination: 0.0.0.0/0, next-hop-address: 203.0.113.1, next-hop-interface: eth1}
  - {destination: "::/0", next-hop-address: "2001:db8:7::1", next-hop-interface: eth1}
`, section(addresses[0]), section(addresses[1]))))
}

func TestAnAddressThatIsBackOnThePreservedNICIsMovedAgain(t *testing.T) {
	for name, release := range map[string]lab.Release{"a handler that leaves alone what is there": lab.After087, "one that carries policies out again": lab.V087} {
		t.Run(name, func(t *testing.T) {
			s, addresses := newResidents(t, false, lab.Options{Release: release})
			s.apply(uplink("up", "eth1", preserve) + network("blue"))
			s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
			s.quiet()
			s.back("node-b", addresses["node-b"])
			s.eventually(func() string {
				if s.node("node-b").Annotations[v1alpha1.RepairedAnnotationPrefix+"up"] == "" {
					return "node-b is not moved again"
				}
				return ""
			})
			s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
			s.networkIs("blue", yes, v1alpha1.ReasonApplied, "2/2")
			s.live("br-blue", "eth1", addresses)
			s.quiet()
			if release == lab.V087 {
				return // the next label makes it carry the revision out, and roll back
			}

			// What undoes it once more is left alone, and told.
			s.back("node-b", addresses["node-b"])
			s.uplinkIs("up", no, v1alpha1.ReasonNodeDrifted, "it drifted again after a repair")
			s.live("eth1", "br-blue", map[string][]netip.Prefix{"node-b": addresses["node-b"]})
		})
	}
}

func TestAPolicyIsNotMadeAgainWhileEnactmentsOfTheDeletedOneRemain(t *testing.T) {
	s, addresses := newResidents(t, false, lab.Options{})
	s.apply(uplink("up", "eth1", preserve) + network("blue"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	s.quiet()
	s.must(s.Lab.Linger("node-b"))
	deleted := s.policies()[0]
	s.must(s.Admin.Delete(s.ctx, &deleted))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkProgressing, "")
	s.quiet()
	if n := len(s.policies()); n != 0 {
		t.Errorf("%d policies while node-b reports about the deleted one", n)
	}
	s.live("br-blue", "eth1", addresses)
	s.must(s.Lab.Repair("node-b"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	if again := s.policies(); len(again) != 1 || again[0].Name != deleted.Name || again[0].UID == deleted.UID {
		t.Errorf("policies: %d, want %s made again", len(again), deleted.Name)
	}
	s.live("br-blue", "eth1", addresses)
}

func TestSlowNodesAndOldHandlersArrive(t *testing.T) {
	s, addresses := newResidents(t, false, lab.Options{Release: lab.Before086, Attempts: 3})
	s.must(s.Lab.Slow("node-a", 7*time.Second))
	s.must(s.Lab.Fail("node-b", lab.Fault{Error: "VerificationError: Verification failure: br-blue.interface.mtu desire '1500', current '1400'", Attempts: 2}))
	s.apply(uplink("up", "eth1", preserve, atOnce) + network("blue"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-a: the handler has not finished in time")
	s.must(s.Lab.Slow("node-a", 0))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	s.live("br-blue", "eth1", addresses)
}
