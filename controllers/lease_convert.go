package controllers

import (
	"fmt"
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// leaseOf reads a lease into the form that package ipam decides on. An error means that somebody wrote what the controller
// never writes.
func leaseOf(o *v1alpha1.AddressLease) (ipam.Lease, error) {
	addr, err := netip.ParseAddr(o.Spec.Address)
	if err != nil {
		return ipam.Lease{}, fmt.Errorf("AddressLease %s: spec.address: %w", o.Name, err)
	}
	segment, err := ipam.ParseSegment(o.Spec.Segment)
	if err != nil {
		return ipam.Lease{}, fmt.Errorf("AddressLease %s: spec.segment: %w", o.Name, err)
	}
	l := ipam.Lease{Address: addr, Segment: segment, Phase: ipam.Phase(o.Spec.Phase), Since: o.Spec.Since.UTC(),
		PrefixLength: int(o.Spec.PrefixLength), HostNetwork: o.Spec.HostNetwork, Pool: o.Spec.Pool, MAC: o.Spec.MAC, Reserve: o.Spec.Reserved}
	if o.Spec.Until != nil {
		l.Until = o.Spec.Until.UTC()
	}
	if h := o.Spec.Holder; h != nil {
		l.Holder = ipam.Holder{Namespace: h.Namespace, NamespaceUID: string(h.NamespaceUID), Name: h.Name, UID: string(h.UID),
			Network: h.Network, VirtualMachine: h.VirtualMachine}
	}
	for _, c := range o.Spec.History {
		change := ipam.Change{Holder: c.Holder, UID: string(c.UID), MAC: c.MAC, From: c.From.UTC(), Reason: c.Reason}
		if c.Until != nil {
			change.Until = c.Until.UTC()
		}
		l.History = append(l.History, change)
	}
	return l, nil
}

// writeLease puts what was decided into the object, leaving what ipam does not know, such as spec.conflict.
func writeLease(l ipam.Lease, o *v1alpha1.AddressLease) {
	s := &o.Spec
	s.Address, s.Segment, s.Phase, s.Since = l.Address.String(), l.Segment.String(), v1alpha1.LeasePhase(l.Phase), metav1.NewTime(l.Since)
	s.Until = timeOrNil(l.Until)
	s.PrefixLength, s.HostNetwork, s.Pool, s.MAC, s.Reserved = int32(l.PrefixLength), l.HostNetwork, l.Pool, l.MAC, l.Reserve
	s.Holder = nil
	if h := l.Holder; h != (ipam.Holder{}) {
		s.Holder = &v1alpha1.LeaseHolder{Namespace: h.Namespace, NamespaceUID: types.UID(h.NamespaceUID), Name: h.Name, UID: types.UID(h.UID),
			Network: h.Network, VirtualMachine: h.VirtualMachine}
	}
	s.History = nil
	for _, c := range l.History {
		s.History = append(s.History, v1alpha1.LeaseChange{Holder: c.Holder, UID: types.UID(c.UID), MAC: c.MAC,
			From: metav1.NewTime(c.From), Until: timeOrNil(c.Until), Reason: c.Reason})
	}
}

func timeOrNil(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	m := metav1.NewTime(t)
	return &m
}
