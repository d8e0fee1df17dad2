package answer

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// wukongWith is a Wukong whose guest reports an address on its network lan.
func wukongWith(name, mac, observed string) v1alpha1.Wukong {
	return v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name}, Status: v1alpha1.WukongStatus{VMName: name + "-vm", NodeName: "node-a",
		Networks: []v1alpha1.WukongNetworkStatus{{Name: "lan", Segment: "lab", MACAddress: mac, ObservedAddresses: []string{observed}}}}}
}

func machineWith(name, mac string) kubevirtv1.VirtualMachine {
	m := kubevirtv1.VirtualMachine{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name}}
	m.Spec.Template = &kubevirtv1.VirtualMachineInstanceTemplateSpec{}
	m.Spec.Template.Spec.Domain.Devices.Interfaces = []kubevirtv1.Interface{{Name: "wild", MacAddress: mac}}
	return m
}

func kinds(o *Owners) []NoteKind {
	out := []NoteKind{}
	for _, n := range o.Notes {
		out = append(out, n.Kind)
	}
	return out
}

func TestWhoHasAnAddress(t *testing.T) {
	tests := map[string]struct {
		address string
		facts   Facts
		leases  int
		notes   []NoteKind
		found   bool
	}{
		"nothing is known of it": {address: "203.0.113.9", notes: []NoteKind{}},
		"one that is leased is found, and its guest is not told again": {
			address: "192.0.2.10", leases: 1, notes: []NoteKind{}, found: true,
			facts: Facts{Leases: []v1alpha1.AddressLease{leaseAt("192.0.2.10", "lab")}, Wukongs: []v1alpha1.Wukong{wukongWith("web", "", "192.0.2.10")}},
		},
		"one that a guest reports without a lease is seen": {
			address: "192.0.2.10", notes: []NoteKind{NoteSeen}, found: true,
			facts: Facts{Wukongs: []v1alpha1.Wukong{wukongWith("web", "", "192.0.2.10")}},
		},
		"one that was released is nobody's": {
			address: "192.0.2.10", notes: []NoteKind{NoteBefore},
			facts: Facts{Leases: []v1alpha1.AddressLease{leaseAt("192.0.2.10", "lab", in(v1alpha1.LeaseReleased), func(s *v1alpha1.AddressLeaseSpec) {
				s.History = []v1alpha1.LeaseChange{changed("team-a/web/lan", "", "Freed", -2, -1)}
			})}},
		},
		"one in a pool is free": {
			address: "192.0.2.10", notes: []NoteKind{NotePool},
			facts: Facts{Declared: NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/24")}, nil)},
		},
		"one in the subnet that the pool does not give out is free": {
			address: "192.0.2.10", notes: []NoteKind{NoteOutside},
			facts: Facts{Declared: NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/24", ranges("192.0.2.20"))}, nil)},
		},
		"a gateway and an excluded or reserved address are spoken for": {
			address: "192.0.2.10", notes: []NoteKind{NoteGateway, NoteExcluded, NoteReservation}, found: true,
			facts: Facts{Declared: NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/24", gateway("192.0.2.10"), exclude("192.0.2.0/28"))},
				[]v1alpha1.AddressReservation{reservation("192.0.2.1-192.0.2.20")})},
		},
		"a conflict comes first": {
			address: "192.0.2.10", leases: 1, notes: []NoteKind{NoteConflict, NotePool}, found: true,
			facts: Facts{Leases: []v1alpha1.AddressLease{leaseAt("192.0.2.10", "lab", func(s *v1alpha1.AddressLeaseSpec) { s.Conflict = "node-b" })},
				Declared: NewDeclared(nil, []v1alpha1.AddressPool{poolOn("192.0.2.0/24")}, nil)},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := WhoHasAddress(netip.MustParseAddr(tc.address), tc.facts)
			if diff := cmp.Diff(tc.notes, kinds(got)); diff != "" || len(got.Leases) != tc.leases || got.Found() != tc.found {
				t.Errorf("%d leases, found %v, notes (-want +got):\n%s", len(got.Leases), got.Found(), diff)
			}
		})
	}
}

func TestWhoHasAMACAddress(t *testing.T) {
	const mac = "02:00:00:aa:bb:01"
	withMAC := leaseAt("192.0.2.10", "lab", func(s *v1alpha1.AddressLeaseSpec) { s.MAC, s.Holder.VirtualMachine = mac, "web-vm" })
	tests := map[string]struct {
		facts  Facts
		leases int
		notes  []NoteKind
	}{
		"leases with another one do not count": {facts: Facts{Leases: []v1alpha1.AddressLease{leaseAt("192.0.2.11", "lab")}}, notes: []NoteKind{}},
		"a lease, its Wukong and its machine are one": {
			facts: Facts{Leases: []v1alpha1.AddressLease{withMAC}, Wukongs: []v1alpha1.Wukong{wukongWith("web", mac, "192.0.2.10")},
				Machines: []kubevirtv1.VirtualMachine{machineWith("web-vm", mac)}},
			leases: 1, notes: []NoteKind{},
		},
		"a network without a lease, and its machine, are one": {
			facts: Facts{Wukongs: []v1alpha1.Wukong{wukongWith("web", mac, "192.0.2.10")}, Machines: []kubevirtv1.VirtualMachine{machineWith("web-vm", mac)}},
			notes: []NoteKind{NoteNetwork},
		},
		"a machine that has the MAC address of somebody else is named": {
			facts:  Facts{Leases: []v1alpha1.AddressLease{withMAC}, Machines: []kubevirtv1.VirtualMachine{machineWith("web-vm", mac), machineWith("wild", "02-00-00-AA-BB-01")}},
			leases: 1, notes: []NoteKind{NoteSeen},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := WhoHasMAC(mac, tc.facts)
			if diff := cmp.Diff(tc.notes, kinds(got)); diff != "" || len(got.Leases) != tc.leases {
				t.Errorf("%d leases, notes (-want +got):\n%s", len(got.Leases), diff)
			}
		})
	}
}
