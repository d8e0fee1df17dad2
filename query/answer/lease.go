package answer

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// Lease is what one AddressLease says, with what is known beside it.
type Lease struct {
	// Name is that of the AddressLease.
	Name string `json:"name"`
	// Address and Segment are what is leased.
	Address string `json:"address"`
	Segment string `json:"segment"`
	// Phase is where the lease stands.
	Phase v1alpha1.LeasePhase `json:"phase"`
	// Namespace, Wukong, Network and VirtualMachine are the holder: in the phases Allocated and Releasing who has the address,
	// in Cooling who had it last, in Reserved who may have it again.
	Namespace      string `json:"namespace,omitempty"`
	Wukong         string `json:"wukong,omitempty"`
	Network        string `json:"network,omitempty"`
	VirtualMachine string `json:"virtualMachine,omitempty"`
	// Node is where the machine runs, if that was asked for and is known.
	Node string `json:"node,omitempty"`
	// MAC is the address of the holder's interface.
	MAC string `json:"mac,omitempty"`
	// Pool and HostNetwork are where the address was taken from, and what the holder attaches to.
	Pool        string `json:"pool,omitempty"`
	HostNetwork string `json:"hostNetwork,omitempty"`
	// PrefixLength is the one that the holder uses.
	PrefixLength int32 `json:"prefixLength,omitempty"`
	// Since is when the holder got the address, or when the lease entered a phase in which nobody has it; RFC 3339.
	Since string `json:"since"`
	// Until is when a Cooling lease may go to somebody else; RFC 3339.
	Until string `json:"until,omitempty"`
	// Conflict is what collides with the address, ConflictSince when that was found; RFC 3339.
	Conflict      string `json:"conflict,omitempty"`
	ConflictSince string `json:"conflictSince,omitempty"`
	// Before are the earlier holdings, newest first.
	Before []Holding `json:"before,omitempty"`
}

// Holding is one entry of the history of a lease. Its times are of RFC 3339.
type Holding struct {
	Segment string `json:"segment"`
	// Holder is namespace/name/network of the Wukong.
	Holder string `json:"holder"`
	MAC    string `json:"mac,omitempty"`
	From   string `json:"from"`
	// Until is empty while the holder has the address.
	Until string `json:"until,omitempty"`
	// Reason is why it ended or ends, in one word of the vocabulary of reasons.
	Reason string `json:"reason,omitempty"`
}

// leaseOf reads a lease. nodes has the nodes of machines by namespace and name of their Wukong.
func leaseOf(l *v1alpha1.AddressLease, nodes Nodes) Lease {
	s := &l.Spec
	out := Lease{Name: l.Name, Address: s.Address, Segment: s.Segment, Phase: s.Phase, MAC: s.MAC, Pool: s.Pool,
		HostNetwork: s.HostNetwork, PrefixLength: s.PrefixLength, Since: moment(since(l)), Until: moment(timeOf(s.Until)),
		Conflict: s.Conflict, ConflictSince: moment(timeOf(s.ConflictSince)), Before: before(l)}
	if h := s.Holder; h != nil {
		out.Namespace, out.Wukong, out.Network, out.VirtualMachine = h.Namespace, h.Name, h.Network, h.VirtualMachine
		out.Node = nodes[Holder{h.Namespace, h.Name}]
	}
	return out
}

// Holder is the namespace and name of a Wukong.
type Holder struct{ Namespace, Name string }

// String gives NAMESPACE/NAME.
func (h Holder) String() string { return h.Namespace + "/" + h.Name }

// Nodes are the nodes that machines run on, by Wukong.
type Nodes map[Holder]string

// NodesOf reads them from Wukongs.
func NodesOf(wukongs []v1alpha1.Wukong) Nodes {
	nodes := Nodes{}
	for i := range wukongs {
		if w := &wukongs[i]; w.Status.NodeName != "" {
			nodes[Holder{w.Namespace, w.Name}] = w.Status.NodeName
		}
	}
	return nodes
}

// Since is when the present holder got the address, or when the lease entered its phase where nobody has it, in RFC 3339.
func Since(l *v1alpha1.AddressLease) string { return moment(since(l)) }

// since is when the present holder got the address, or when the lease entered its phase where nobody has it.
func since(l *v1alpha1.AddressLease) time.Time {
	held := heldSince(l)
	if held.IsZero() {
		return l.Spec.Since.Time
	}
	return held
}

// heldSince is when the present holder got the address; zero when nobody has it.
func heldSince(l *v1alpha1.AddressLease) time.Time {
	lease := ipam.Lease{Phase: ipam.Phase(l.Spec.Phase), Since: l.Spec.Since.Time}
	if h := l.Spec.Holder; h != nil {
		lease.Holder = ipam.Holder{Namespace: h.Namespace, Name: h.Name, Network: h.Network, UID: string(h.UID)}
	}
	for _, c := range l.Spec.History {
		lease.History = append(lease.History, ipam.Change{Holder: c.Holder, UID: string(c.UID), From: c.From.Time, Reason: c.Reason})
	}
	return lease.HeldSince()
}

// before gives the holdings that are over.
func before(l *v1alpha1.AddressLease) []Holding {
	var out []Holding
	held := heldSince(l)
	for i := range l.Spec.History {
		c := &l.Spec.History[i]
		if held.IsZero() || c.From.Time.Before(held) {
			out = append(out, holdingOf(l, c))
		}
	}
	return out
}

func holdingOf(l *v1alpha1.AddressLease, c *v1alpha1.LeaseChange) Holding {
	return Holding{Segment: l.Spec.Segment, Holder: c.Holder, MAC: c.MAC, From: moment(c.From.Time), Until: moment(timeOf(c.Until)), Reason: c.Reason}
}

// SortLeases orders leases by segment, untagged first and then by VLAN, and then by address.
func SortLeases(leases []v1alpha1.AddressLease) {
	slices.SortFunc(leases, func(a, b v1alpha1.AddressLease) int {
		return cmp.Or(bySegment(a.Spec.Segment, b.Spec.Segment), addressOf(&a).Compare(addressOf(&b)), cmp.Compare(a.Name, b.Name))
	})
}

// bySegment orders segments by fabric and VLAN. What is no segment comes first.
func bySegment(a, b string) int {
	left, _ := ipam.ParseSegment(a)
	right, _ := ipam.ParseSegment(b)
	return cmp.Or(cmp.Compare(left.Fabric, right.Fabric), cmp.Compare(left.VLAN, right.VLAN), cmp.Compare(a, b))
}

// addressOf is zero for what is no address.
func addressOf(l *v1alpha1.AddressLease) netip.Addr { return parsed(l.Spec.Address) }

// leaseTable has one row per lease.
func leaseTable(leases []Lease, wide bool) Table {
	t := Table{Header: []string{"ADDRESS", "SEGMENT", "PHASE", "NAMESPACE", "HOLDER", "SINCE"}}
	if wide {
		t.Header = append(t.Header, "NETWORK", "VM", "NODE", "MAC", "POOL", "HOSTNETWORK", "CONFLICT")
	}
	for _, l := range leases {
		row := []string{l.Address, l.Segment, string(l.Phase), l.Namespace, l.Wukong, l.Since}
		if wide {
			row = append(row, l.Network, l.VirtualMachine, l.Node, l.MAC, l.Pool, l.HostNetwork, l.Conflict)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
