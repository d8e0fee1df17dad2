package ipam

import (
	"net/netip"
	"slices"
	"time"
)

// Phase is where a lease stands.
//
//	          Take             Release               Proven             Expire
//	(no object) ──► Allocated ─────────► Releasing ───┬──► Cooling ───────────► Released
//	                    ▲                    │        └──► Reserved                │
//	                    └────── Take ────────┴───── from any of these, by rule ────┘
//
// Free is the engineer's way from Releasing, Cooling and Reserved to Released.
type Phase string

// Phases of a lease.
const (
	// Allocated: the holder has the address.
	Allocated Phase = "Allocated"
	// Releasing: the holder no longer asks for it, and a machine may still use it.
	Releasing Phase = "Releasing"
	// Cooling: it is proved that nobody uses it, and it rests before somebody else may have it.
	Cooling Phase = "Cooling"
	// Reserved: it is proved that nobody uses it, and it waits for its holder.
	Reserved Phase = "Reserved"
	// Released: free. What is left is a record.
	Released Phase = "Released"
)

// Holder is one network of one Wukong.
type Holder struct {
	// Namespace and NamespaceUID are the namespace. The UID tells it from one that was made again under its name.
	Namespace    string
	NamespaceUID string
	// Name and UID are the Wukong.
	Name string
	UID  string
	// Network is the name of the network within the Wukong.
	Network string
	// VirtualMachine is the machine in the namespace that uses the address. It may be empty when it is not known.
	VirtualMachine string
}

// String gives namespace/name/network.
func (h Holder) String() string {
	return h.Namespace + "/" + h.Name + "/" + h.Network
}

// sameWukong: one network of one Wukong, by UID. The names are compared too: where they differ under one UID, the record
// was tampered with, and nobody is given anything on it.
func (h Holder) sameWukong(o Holder) bool {
	return h.UID != "" && h.UID == o.UID && h.String() == o.String()
}

// sameName: the same Wukong made again, or still the same one. A missing namespace UID is no proof of a namespace.
func (h Holder) sameName(o Holder) bool {
	return h.NamespaceUID != "" && h.NamespaceUID == o.NamespaceUID && h.String() == o.String()
}

// otherMachine: both machines are known, and they differ.
func (h Holder) otherMachine(o Holder) bool {
	return h.VirtualMachine != "" && o.VirtualMachine != "" && h.VirtualMachine != o.VirtualMachine
}

// sameMachine: both machines are known, and they are one.
func (h Holder) sameMachine(o Holder) bool {
	return h.VirtualMachine != "" && h.VirtualMachine == o.VirtualMachine
}

// Lease says who has one address on one segment. Its times are UTC and whole seconds, as the API server stores them, so
// that a lease that was written and read back is equal to the one that was decided on.
type Lease struct {
	// Address and Segment identify the lease and never change.
	Address netip.Addr
	Segment Segment

	// Phase is where the lease stands, Since when it entered that phase.
	Phase Phase
	Since time.Time
	// Until is when a Cooling lease may go to somebody else; zero in every other phase.
	Until time.Time

	// Holder has the address (Allocated, Releasing), had it last (Cooling) or may have it again (Reserved). It is zero
	// when Released.
	Holder Holder
	// PrefixLength is the prefix length that the holder uses with the address.
	PrefixLength int
	// HostNetwork is what the holder attaches to.
	HostNetwork string
	// Pool is where the address was taken from; empty for an address that the holder named.
	Pool string
	// MAC is the address of the holder's interface, in lower case with colons.
	MAC string
	// Reserve says that the address becomes Reserved, not Cooling, when its holder goes.
	Reserve bool

	// History are the last holders, newest first, at most MaxHistory. While the lease is Allocated or Releasing the
	// first entry is the present holder's, and open.
	History []Change
}

// MaxHistory is how many entries of history a lease keeps.
const MaxHistory = 10

// Change is one holding of an address, from one change of hands to the next.
type Change struct {
	// Holder is namespace/name/network, and UID the Wukong's.
	Holder string
	UID    string
	// MAC is the address of the holder's interface.
	MAC string
	// From is when the holder got the address, Until when it was proved free; zero while it is held.
	From, Until time.Time
	// Reason is the word that Release was given, or ReasonMACChanged; empty while nobody wants to end the holding.
	Reason string
}

// ReasonMACChanged ends an entry of the history when the holder goes on with another MAC address.
const ReasonMACChanged = "MACChanged"

// Held says whether the address belongs to the holder now, so that a machine may be using it.
func (l Lease) Held() bool {
	return l.Phase == Allocated || l.Phase == Releasing
}

// HeldSince is when the present holder got the address, also if its MAC address changed since then. It is zero when
// nobody holds it.
func (l Lease) HeldSince() time.Time {
	if !l.Held() {
		return time.Time{}
	}
	since := l.Since
	for i, c := range l.History {
		if c.UID != l.Holder.UID || c.Holder != l.Holder.String() || (i > 0 && c.Reason != ReasonMACChanged) {
			break
		}
		since = c.From
	}
	return since
}

// open begins a holding in the history.
func (l *Lease) open(now time.Time) {
	entry := Change{Holder: l.Holder.String(), UID: l.Holder.UID, MAC: l.MAC, From: now}
	l.History = slices.Insert(slices.Clone(l.History), 0, entry)
	if len(l.History) > MaxHistory {
		l.History = slices.Clip(l.History[:MaxHistory])
	}
}

// mark sets why the open holding ends, or that it goes on after all.
func (l *Lease) mark(reason string) {
	l.History = slices.Clone(l.History)
	if len(l.History) > 0 && l.History[0].Until.IsZero() {
		l.History[0].Reason = reason
	}
}

// shut ends the open holding in the history.
func (l *Lease) shut(now time.Time) {
	l.History = slices.Clone(l.History)
	if len(l.History) > 0 && l.History[0].Until.IsZero() {
		l.History[0].Until = now
	}
}

// enter moves to another phase.
func (l *Lease) enter(p Phase, now time.Time) {
	l.Phase, l.Since, l.Until = p, now, time.Time{}
}

// moment is now in the form that leases keep, and never before anything the lease has recorded: clocks of replicas
// differ, and the order of a history must not. (A holding never ends after the lease's phase or the next one began.)
func (l Lease) moment(now time.Time) time.Time {
	t := now.UTC().Truncate(time.Second)
	if t.Before(l.Since) {
		t = l.Since
	}
	if len(l.History) > 0 && t.Before(l.History[0].From) {
		t = l.History[0].From
	}
	return t
}
