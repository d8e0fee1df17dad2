package answer

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Owners answers who has an address or a MAC address, or which addresses a machine has.
type Owners struct {
	metav1.TypeMeta `json:",inline"`
	// Query is what was asked for.
	Query string `json:"query"`
	// Leases are those that are not over, by segment and address.
	Leases []Lease `json:"leases"`
	// Notes are everything else that is known, by segment.
	Notes []Note `json:"notes,omitempty"`
	// Message is what to say without leases; empty when it is not known whether there are any.
	Message string `json:"message,omitempty"`
}

// Note is something that is known beside leases.
type Note struct {
	// Segment is where it is so; empty when it is not known or does not matter.
	Segment string   `json:"segment,omitempty"`
	Kind    NoteKind `json:"kind"`
	// Object is KIND/NAME or KIND/NAMESPACE/NAME of the object that says so.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// NoteKind is what a note is about.
type NoteKind string

// Kinds of notes, in the order in which they are shown.
const (
	// NoteConflict: something collides with the address.
	NoteConflict NoteKind = "Conflict"
	// NotePhase: nobody may have the address for now.
	NotePhase NoteKind = "Phase"
	// NoteSeen: somebody uses it without a lease.
	NoteSeen NoteKind = "Seen"
	// NoteGateway, NoteDNSServer, NoteExcluded: a pool never gives it out.
	NoteGateway   NoteKind = "Gateway"
	NoteDNSServer NoteKind = "DNSServer"
	NoteExcluded  NoteKind = "Excluded"
	// NoteReservation: a reservation keeps it back.
	NoteReservation NoteKind = "Reservation"
	// NotePool: a pool may give it out.
	NotePool NoteKind = "Pool"
	// NoteOutside: it is in the subnet of a pool that does not give it out.
	NoteOutside NoteKind = "OutsideRanges"
	// NoteBefore: somebody had it.
	NoteBefore NoteKind = "Before"
	// NoteNetwork: a network of a machine that has no lease.
	NoteNetwork NoteKind = "Network"
)

var noteOrder = []NoteKind{NoteConflict, NotePhase, NoteSeen, NoteGateway, NoteDNSServer, NoteExcluded, NoteReservation, NotePool,
	NoteOutside, NoteNetwork, NoteBefore}

// spokenFor are the kinds of notes by which an address is not free though nobody has a lease of it.
var spokenFor = []NoteKind{NoteSeen, NoteGateway, NoteDNSServer, NoteExcluded, NoteReservation, NoteNetwork}

// Facts are what was read for an answer. What was not read is empty.
type Facts struct {
	Leases []v1alpha1.AddressLease
	// Namespace is the only one whose holders were asked for; empty for all.
	Namespace string
	// Unread says that leases could not be read, so that there may be some.
	Unread   bool
	Wukongs  []v1alpha1.Wukong
	Machines []kubevirtv1.VirtualMachine
	Declared *Declared
}

// in says, for people, in which namespace alone somebody is looked for.
func (f *Facts) in() string {
	if f.Namespace == "" {
		return ""
	}
	return " in namespace " + f.Namespace
}

// WhoHasAddress answers from all leases of an address, from what is declared, and from Wukongs whose guests report it.
func WhoHasAddress(addr netip.Addr, f Facts) *Owners {
	o := newOwners(addr.String(), "nobody"+f.in()+" has a lease of "+addr.String(), f)
	if f.Declared != nil {
		o.Notes = append(o.Notes, f.Declared.notes(addr)...)
	}
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		for _, n := range w.Status.Networks {
			if slices.Contains(n.ObservedAddresses, addr.String()) && !o.has(w.Namespace, w.Name, n.Segment) {
				o.note(n.Segment, NoteSeen, wukongObject(w), "the guest of Wukong %s/%s reports it on network %s, without a lease", w.Namespace, w.Name, n.Name)
			}
		}
	}
	return o.sorted()
}

// WhoHasMAC answers from the leases, Wukongs and VirtualMachines that have a MAC address, given in lower case with colons.
func WhoHasMAC(mac string, f Facts) *Owners {
	var leases []v1alpha1.AddressLease
	for _, l := range f.Leases {
		if SameMAC(l.Spec.MAC, mac) {
			leases = append(leases, l)
		}
	}
	f.Leases = leases
	o := newOwners(mac, "no lease"+f.in()+" has the MAC address "+mac, f)
	served := map[Holder]bool{}
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		for j := range w.Status.Networks {
			if n := &w.Status.Networks[j]; SameMAC(n.MACAddress, mac) {
				served[Holder{w.Namespace, w.Status.VMName}] = true
				o.network(w, n)
			}
		}
	}
	for i := range f.Machines {
		m := &f.Machines[i]
		if served[Holder{m.Namespace, m.Name}] || m.Spec.Template == nil {
			continue
		}
		for _, nic := range m.Spec.Template.Spec.Domain.Devices.Interfaces {
			if SameMAC(nic.MacAddress, mac) && !o.hasMachine(m.Namespace, m.Name) {
				o.note("", NoteSeen, "VirtualMachine/"+m.Namespace+"/"+m.Name,
					"interface %s of VirtualMachine %s/%s has it, without a lease", nic.Name, m.Namespace, m.Name)
			}
		}
	}
	return o.sorted()
}

// WhatHas answers from the leases and Wukongs of a machine. query is what was asked for; facts are those of Wukongs of its
// name, or that serve a VirtualMachine of its name.
func WhatHas(query string, f Facts) *Owners {
	o := newOwners(query, query+" has no lease", f)
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		for j := range w.Status.Networks {
			o.network(w, &w.Status.Networks[j])
		}
	}
	for i := range f.Machines {
		if m := &f.Machines[i]; !o.hasMachine(m.Namespace, m.Name) {
			o.note("", NoteNetwork, "VirtualMachine/"+m.Namespace+"/"+m.Name, "VirtualMachine %s/%s has no lease", m.Namespace, m.Name)
		}
	}
	return o.sorted()
}

// newOwners takes over the leases. nothing is what to say if there are none.
func newOwners(query, nothing string, f Facts) *Owners {
	o := &Owners{TypeMeta: Report("AddressOwners"), Query: query, Leases: []Lease{}}
	nodes := NodesOf(f.Wukongs)
	SortLeases(f.Leases)
	for i := range f.Leases {
		l := leaseOf(&f.Leases[i], nodes)
		if l.Phase != v1alpha1.LeaseReleased {
			o.Leases = append(o.Leases, l)
		}
		o.leaseNotes(&l)
	}
	if len(o.Leases) == 0 && !f.Unread {
		o.Message = nothing
	}
	return o
}

// leaseNotes says what a reader of the lease's row would ask next.
func (o *Owners) leaseNotes(l *Lease) {
	object := "AddressLease/" + l.Name
	if l.Conflict != "" && l.Phase != v1alpha1.LeaseReleased {
		since := ""
		if l.ConflictSince != "" {
			since = " since " + l.ConflictSince
		}
		o.note(l.Segment, NoteConflict, object, "conflict on %s%s: %s", l.Address, since, l.Conflict)
	}
	switch l.Phase {
	case v1alpha1.LeaseReleasing:
		o.note(l.Segment, NotePhase, object, "%s is no longer asked for, and a machine may still use it", l.Address)
	case v1alpha1.LeaseCooling:
		o.note(l.Segment, NotePhase, object, "%s rests until %s; %s/%s had it last", l.Address, cmp.Or(l.Until, "a time that is not known"), l.Namespace, l.Wukong)
	case v1alpha1.LeaseReserved:
		o.note(l.Segment, NotePhase, object, "%s waits for %s/%s, and nobody uses it", l.Address, l.Namespace, l.Wukong)
	}
	if len(l.Before) > 0 {
		o.note(l.Segment, NoteBefore, object, "%s", l.Before[0].had(l.Address))
	}
}

// had says who had an address.
func (h Holding) had(address string) string {
	text := fmt.Sprintf("before: %s had %s from %s", h.Holder, address, h.From)
	if h.Until != "" {
		text += " until " + h.Until
	}
	if h.Reason != "" {
		text += " (" + h.Reason + ")"
	}
	return text
}

// network says what a Wukong says about a network of which no lease was read.
func (o *Owners) network(w *v1alpha1.Wukong, n *v1alpha1.WukongNetworkStatus) {
	if slices.ContainsFunc(o.Leases, func(l Lease) bool { return l.Namespace == w.Namespace && l.Wukong == w.Name && l.Network == n.Name }) {
		return
	}
	var parts []string
	for _, a := range n.Addresses {
		parts = append(parts, "its status says "+a.Address)
	}
	if len(parts) == 0 {
		parts = append(parts, "no address is leased")
	}
	if n.MACAddress != "" {
		parts = append(parts, "MAC address "+n.MACAddress)
	}
	for _, a := range n.ObservedAddresses {
		parts = append(parts, "the guest reports "+a)
	}
	o.note(n.Segment, NoteNetwork, wukongObject(w), "network %s of Wukong %s/%s: %s", n.Name, w.Namespace, w.Name, strings.Join(parts, ", "))
}

func (o *Owners) note(segment string, kind NoteKind, object, format string, args ...any) {
	o.Notes = append(o.Notes, Note{Segment: segment, Kind: kind, Object: object, Message: fmt.Sprintf(format, args...)})
}

// has says whether a Wukong has one of the leases; an unknown segment counts as each.
func (o *Owners) has(namespace, name, segment string) bool {
	return slices.ContainsFunc(o.Leases, func(l Lease) bool {
		return l.Namespace == namespace && l.Wukong == name && (segment == "" || l.Segment == segment)
	})
}

func (o *Owners) hasMachine(namespace, name string) bool {
	return slices.ContainsFunc(o.Leases, func(l Lease) bool { return l.Namespace == namespace && l.VirtualMachine == name })
}

func (o *Owners) sorted() *Owners {
	slices.SortStableFunc(o.Notes, func(a, b Note) int {
		return cmp.Or(bySegment(a.Segment, b.Segment), cmp.Compare(slices.Index(noteOrder, a.Kind), slices.Index(noteOrder, b.Kind)),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
	})
	return o
}

// Found says whether somebody has, uses or keeps back what was asked for.
func (o *Owners) Found() bool {
	return len(o.Leases) > 0 || slices.ContainsFunc(o.Notes, func(n Note) bool { return slices.Contains(spokenFor, n.Kind) })
}

// Write prints a table of leases, and a line per note.
func (o *Owners) Write(w io.Writer, form Form) error {
	var out bytes.Buffer
	switch {
	case len(o.Leases) > 0:
		if err := leaseTable(o.Leases, form.Wide).Write(&out, form); err != nil {
			return err
		}
	case o.Message != "":
		fmt.Fprintln(&out, Printable(o.Message))
	}
	for _, n := range o.Notes {
		text := n.Message
		if n.Segment != "" {
			text = n.Segment + ": " + text
		}
		fmt.Fprintln(&out, Printable(text))
	}
	_, err := out.WriteTo(w)
	return err
}

// WriteNames prints the name of each lease, as kubectl takes it.
func (o *Owners) WriteNames(w io.Writer) error { return leaseNames(w, o.Leases) }

func leaseNames(w io.Writer, leases []Lease) error {
	for _, l := range leases {
		if _, err := fmt.Fprintln(w, "addresslease."+v1alpha1.GroupVersion.Group+"/"+Printable(l.Name)); err != nil {
			return err
		}
	}
	return nil
}

func wukongObject(w *v1alpha1.Wukong) string { return "Wukong/" + w.Namespace + "/" + w.Name }
