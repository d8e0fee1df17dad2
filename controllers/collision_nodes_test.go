package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestAnAddressOnANodeRefusesOnItsOwnSegmentAndNotOnAnother(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "seen", map[string]string{"eth1": "seen", "eth2": "seen-other", "bond0": "seen-bond", "eth6": "seen-bridge"}, ns)
	create(t, w, openNetwork("seen-100", "seen", vlan(100), ns), openNetwork("seen-bond-7", "seen-bond", vlan(7), ns))
	nodeReporting(t, w, "seen-1", "seen", interfaces(
		on("eth1", "ethernet", "", "192.0.2.1/24", "169.254.7.7/16", "fe80::1/64"),
		on("eth1.100", "vlan", `"vlan": {"base-iface": "eth1", "id": 100}`, "192.0.2.2/24"),
		on("eth2", "ethernet", "", "192.0.2.3/24"),
		on("eth9", "ethernet", "", "192.0.2.4/24"),
		on("eth3", "ethernet", `"controller": "bond0"`), on("eth4", "ethernet", `"controller": "bond0"`),
		on("bond0", "bond", `"link-aggregation": {"mode": "active-backup", "port": ["eth3", "eth4"]}`, "192.0.2.5/24"),
		on("bond0.7", "vlan", `"vlan": {"base-iface": "bond0", "id": 7}`, "192.0.2.6/24"),
		on("eth6", "ethernet", `"controller": "br-lan"`),
		on("br-lan", "linux-bridge", `"bridge": {"port": [{"name": "eth6"}]}`, "192.0.2.7/24"),
		on("docker0", "linux-bridge", "", "192.0.2.21/24"), on("cni0", "linux-bridge", "", "192.0.2.22/24"),
		on("flannel.1", "vxlan", "", "192.0.2.23/24"), on("vnet3", "tun", "", "192.0.2.24/24"),
		on("cali123", "veth", "", "192.0.2.25/24"), on("lo", "loopback", "", "127.0.0.1/8", "192.0.2.8/32"),
		on("eth5", "ethernet", "", "2001:db8::/64"),
	))
	tests := map[string]struct {
		network, address string
		refused          bool
	}{
		"a NIC on its own segment":                               {"seen", "192.0.2.1/24", true},
		"a NIC on another fabric":                                {"seen", "192.0.2.3/24", false},
		"a NIC on another VLAN of the fabric":                    {"seen-100", "192.0.2.1/24", false},
		"a VLAN sub-interface on its VLAN":                       {"seen-100", "192.0.2.2/24", true},
		"a VLAN sub-interface for untagged frames":               {"seen", "192.0.2.2/24", false},
		"a NIC of which nobody said where it leads":              {"seen", "192.0.2.4/24", true},
		"the same on another segment":                            {"seen-bond-7", "192.0.2.4/24", true},
		"a bond on its fabric":                                   {"seen-bond", "192.0.2.5/24", true},
		"a bond on another fabric":                               {"seen", "192.0.2.5/24", false},
		"a VLAN sub-interface of a bond":                         {"seen-bond-7", "192.0.2.6/24", true},
		"a bridge over the NIC of a fabric":                      {"seen-bridge", "192.0.2.7/24", true},
		"the bridge on another fabric":                           {"seen", "192.0.2.7/24", false},
		"an address on the loopback interface that is announced": {"seen", "192.0.2.8/24", true},
		"docker's bridge":                                        {"seen", "192.0.2.21/24", false},
		"the bridge of the container network":                    {"seen", "192.0.2.22/24", false},
		"an overlay":                                             {"seen", "192.0.2.23/24", false},
		"the tap of a machine":                                   {"seen", "192.0.2.24/24", false},
		"the veth of a pod":                                      {"seen", "192.0.2.25/24", false},
	}
	wukongs, i := map[string]*v1alpha1.Wukong{}, 0
	for name, test := range tests {
		i++
		wukongs[name] = static(ns, fmt.Sprintf("web-%d", i), test.network, test.address)
		create(t, w, wukongs[name])
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !test.refused {
				eventually(t, conflictFree(w, wukongs[name]))
				return
			}
			eventually(t, collides(w, wukongs[name], v1alpha1.ReasonAddressConflict))
			mentions(t, messageOf(wukongs[name], v1alpha1.ConditionConflictFree), "node seen-1", "interface ", "free now")
			if wukongs[name].Status.Addresses != "" {
				t.Errorf("it publishes %s", wukongs[name].Status.Addresses)
			}
		})
	}
}

func TestTheAddressesThatANodeIsKnownByRefuseEverywhereUntilTheNodeGoes(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "known", map[string]string{"eth1": "known"}, ns)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "known-by-address"}}
	create(t, w, node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "192.0.2.30"}, {Type: corev1.NodeInternalIP, Address: "192.0.2.31"},
		{Type: corev1.NodeExternalIP, Address: "192.0.2.32"}}
	if err := w.Admin.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	reporting := nodeReporting(t, w, "known-1", "known", interfaces(on("eth1", "ethernet", "", "192.0.2.33/24")))
	hostname, internal := static(ns, "hostname", "known", "192.0.2.30/24"), static(ns, "internal", "known", "192.0.2.31/24")
	external, seen := static(ns, "external", "known", "192.0.2.32/24"), static(ns, "seen", "known", "192.0.2.33/24")
	create(t, w, hostname, internal, external, seen)
	for _, wk := range []*v1alpha1.Wukong{internal, external, seen} {
		eventually(t, collides(w, wk, v1alpha1.ReasonAddressConflict))
	}
	mentions(t, messageOf(internal, v1alpha1.ConditionConflictFree), "192.0.2.31", "is the address of node known-by-address")
	eventually(t, conflictFree(w, hostname))
	for _, o := range []client.Object{node, reporting} {
		if err := w.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, wk := range []*v1alpha1.Wukong{internal, external, seen} {
		eventually(t, allocated(w, wk))
	}
}

func TestGatewaysAndDNSServersThatNodesUseOrPoolsDeclareRefuse(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "hops", map[string]string{"eth1": "hops", "eth2": "hops-other"}, ns)
	nodeReporting(t, w, "hops-1", "hops", `{"interfaces": [`+on("eth1", "ethernet", "", "192.0.2.9/24")+`],
		"routes": {"running": [{"destination": "0.0.0.0/0", "next-hop-address": "192.0.2.1", "next-hop-interface": "eth1", "table-id": 254}]},
		"dns-resolver": {"running": {"server": ["192.0.2.53", "203.0.113.53"]}}}`)
	gateway := v1alpha1.Address("198.51.100.1")
	pool := &v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "hops"}, Spec: v1alpha1.AddressPoolSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: "hops"}, Subnet: "198.51.100.0/24", Ranges: []v1alpha1.AddressRange{"198.51.100.100-198.51.100.120"},
		Gateway: &gateway, DNSServers: []v1alpha1.Address{"198.51.100.53"}}}
	create(t, w, pool)
	tests := map[string]struct{ network, address, kind, owner string }{
		"a node's gateway":              {"hops", "192.0.2.1/24", "is the gateway of", "node hops-1"},
		"a node's DNS server":           {"hops", "192.0.2.53/24", "is the DNS server of", "node hops-1"},
		"a DNS server behind a gateway": {"hops-other", "203.0.113.53/24", "is the DNS server of", "node hops-1"},
		"a pool's gateway":              {"hops", "198.51.100.1/24", "", "hops"},
		"a pool's DNS server":           {"hops", "198.51.100.53/24", "", "hops"},
		"a gateway on another segment":  {"hops-other", "192.0.2.1/24", "", ""},
		"a pool of another segment":     {"hops-other", "198.51.100.1/24", "", ""},
	}
	wukongs, i := map[string]*v1alpha1.Wukong{}, 0
	for name, test := range tests {
		i++
		wukongs[name] = static(ns, fmt.Sprintf("web-%d", i), test.network, test.address)
		create(t, w, wukongs[name])
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.owner == "" {
				eventually(t, allocated(w, wukongs[name]))
				return
			}
			eventually(t, condition(w, wukongs[name], v1alpha1.ConditionAddressesAllocated, metav1.ConditionFalse, ""))
			mentions(t, messageOf(wukongs[name], v1alpha1.ConditionReady), test.kind, test.owner)
		})
	}
}

func TestAHostThatTakesAnAddressLaterIsReportedOnBothSidesAndMovesNobody(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "late", map[string]string{"eth1": "late"}, ns)
	quietly := on("eth1", "ethernet", "", "192.0.2.9/24")
	nodeReporting(t, w, "late-1", "late", interfaces(quietly))
	wk, bystander := static(ns, "web", "late", "192.0.2.10/24"), static(ns, "bystander", "late", "192.0.2.11/24")
	create(t, w, wk, bystander)
	eventually(t, conflictFree(w, wk))
	eventually(t, allocated(w, bystander))

	taken := on("eth1", "ethernet", "", "192.0.2.9/24", "192.0.2.10/24")
	report(t, w, "late-1", interfaces(taken))
	eventually(t, collides(w, wk, v1alpha1.ReasonAddressConflict))
	mentions(t, messageOf(wk, v1alpha1.ConditionConflictFree), "192.0.2.10 on segment late", "node late-1", "interface eth1", "nobody is moved", "fix: ")
	l, err := lease(w, "192.0.2.10", "late")
	eventually(t, func() error {
		if l, err = lease(w, "192.0.2.10", "late"); err == nil && l.Spec.Conflict == "" {
			err = errWait
		}
		return err
	})
	mentions(t, l.Spec.Conflict, "Wukong "+ns+"/web network data", "node late-1", "interface eth1", "rule: ", "fix: ")
	if l.Spec.ConflictSince == nil || l.Spec.Phase != v1alpha1.LeaseAllocated || l.Spec.Holder.UID != wk.UID {
		t.Errorf("the lease: %+v", l.Spec)
	}
	if wk.Status.Addresses != "192.0.2.10/24" || allocated(w, wk)() != nil {
		t.Errorf("the collision took the address from its holder: %s", summary(wk.Status.Conditions))
	}
	eventuallyTold(t, w, l, v1alpha1.ReasonCollisionFound, 1)

	// What the node shows besides is no news about the collision.
	since := l.Spec.ConflictSince
	quiet(t, w)
	w.Requests.Reset()
	for i := range 5 {
		more := []string{taken}
		for k := range 20 * (i % 3) {
			more = append(more, on(fmt.Sprintf("eth1.%d", 200+k), "vlan", fmt.Sprintf(`"vlan": {"base-iface": "eth1", "id": %d}`, 200+k), fmt.Sprintf("198.51.100.%d/24", k+1)))
		}
		report(t, w, "late-1", interfaces(more...))
	}
	quiet(t, w)
	if writes := writesAbout(w, ns, "late"); len(writes) > 0 {
		t.Errorf("%d writes for a node that grows and shrinks: %v", len(writes), writes)
	}

	report(t, w, "late-1", interfaces(quietly))
	eventually(t, conflictFree(w, wk))
	eventually(t, func() error {
		if l, err = lease(w, "192.0.2.10", "late"); err == nil && (l.Spec.Conflict != "" || l.Spec.ConflictSince != nil) {
			err = fmt.Errorf("the lease still says %q since %v", l.Spec.Conflict, since)
		}
		return err
	})
	eventuallyTold(t, w, l, v1alpha1.ReasonCollisionGone, 1)
	if notes := told(t, w, l, v1alpha1.ReasonCollisionFound); len(notes) != 1 {
		t.Errorf("the collision was told %d times: %q", len(notes), notes)
	}
	if l, err := lease(w, "192.0.2.11", "late"); err != nil || l.Spec.Conflict != "" {
		t.Errorf("the other machine's lease: %v %q", err, l.Spec.Conflict)
	}
}

func TestANodeStateThatSaysTheSameAgainWritesNothing(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "same", map[string]string{"eth1": "same"}, ns)
	state := interfaces(on("eth1", "ethernet", `"mac-address": "02:00:00:00:99:01"`, "192.0.2.9/24", "192.0.2.10/24"))
	nodeReporting(t, w, "same-1", "same", state)
	refused, fine := static(ns, "refused", "same", "192.0.2.10/24"), static(ns, "fine", "same", "192.0.2.11/24")
	create(t, w, refused, fine)
	eventually(t, collides(w, refused, v1alpha1.ReasonAddressConflict))
	eventually(t, allocated(w, fine))
	quiet(t, w)
	w.Requests.Reset()
	for range 5 {
		report(t, w, "same-1", state)
	}
	quiet(t, w)
	if writes := writesAbout(w, ns, "same"); len(writes) > 0 {
		t.Errorf("%d writes: %v", len(writes), writes)
	}
}

func TestAnUplinkThatIsDeclaredLaterSaysWhereAnAddressIsAndFreesIt(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "mapped", map[string]string{"eth1": "mapped"}, ns)
	nodeReporting(t, w, "mapped-1", "mapped", interfaces(on("eth1", "ethernet", ""), on("eth2", "ethernet", "", "192.0.2.10/24")))
	wk := static(ns, "web", "mapped", "192.0.2.10/24")
	create(t, w, wk)
	eventually(t, collides(w, wk, v1alpha1.ReasonAddressConflict))
	mentions(t, messageOf(wk, v1alpha1.ConditionConflictFree), "segment is unknown")
	create(t, w, pausedUplink("mapped-elsewhere", "eth2", "mapped"))
	eventually(t, allocated(w, wk))
	eventually(t, conflictFree(w, wk))
}

func TestFreeAddressesAreOfferedAndTheOfferStaysWhenOthersTakeThem(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "offer", map[string]string{"eth1": "offer"}, ns)
	nodeReporting(t, w, "offer-1", "offer", interfaces(on("eth1", "ethernet", "", "192.0.2.10/24", "192.0.2.12/24")))
	first := static(ns, "first", "offer", "192.0.2.11/24")
	create(t, w, first)
	eventually(t, allocated(w, first))
	onNode, onLease := static(ns, "on-node", "offer", "192.0.2.10/24"), static(ns, "on-lease", "offer", "192.0.2.11/24")
	create(t, w, onNode, onLease)
	eventually(t, collides(w, onNode, v1alpha1.ReasonAddressConflict))
	eventually(t, collides(w, onLease, v1alpha1.ReasonAddressInUse))
	for _, wk := range []*v1alpha1.Wukong{onNode, onLease} {
		message := wk.Status.Networks[0].Message
		mentions(t, message, "192.0.2.13", "192.0.2.14", "192.0.2.15")
		if strings.Contains(message, "192.0.2.12") {
			t.Errorf("an address that is in use is offered: %s", message)
		}
	}
	quiet(t, w)
	var before []string
	for _, wk := range []*v1alpha1.Wukong{onNode, onLease} {
		if err := w.Admin.Get(t.Context(), keyOf(wk), wk); err != nil {
			t.Fatal(err)
		}
		before = append(before, wk.ResourceVersion)
	}
	taker := static(ns, "taker", "offer", "192.0.2.13/24")
	create(t, w, taker)
	eventually(t, allocated(w, taker))
	report(t, w, "offer-1", interfaces(on("eth1", "ethernet", "", "192.0.2.10/24", "192.0.2.12/24", "192.0.2.14/24")))
	touch(t, w, first)
	quiet(t, w)
	for i, wk := range []*v1alpha1.Wukong{onNode, onLease} {
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(wk), wk); err != nil || wk.ResourceVersion != before[i] {
			t.Errorf("the status of %s was written again: %v %s", wk.Name, err, wk.Status.Networks[0].Message)
		}
	}
}
