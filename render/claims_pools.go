package render

import (
	"net/netip"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
)

// PoolClaims are the gateway, the next hops of routes, the DNS servers and the excluded addresses of a pool. What a pool with a
// problem says is claimed as far as it can be read. A DNS server outside the subnet may be on any segment.
func PoolClaims(p *Pool) []conflicts.Claim {
	owner := objectOf("AddressPool", p.Object).String()
	base := conflicts.Claim{Segment: p.Segment.String(), Owner: owner, Since: p.Object.CreationTimestamp.Time}
	var out []conflicts.Claim
	add := func(kind conflicts.Kind, a netip.Addr, evidence string) {
		if !a.IsValid() || notOfMachines(a) {
			return
		}
		claim := base
		claim.Kind, claim.Addr, claim.Evidence = kind, a, evidence
		if kind == conflicts.DNSServer && !p.subnet.Contains(a) {
			claim.Segment = ""
		}
		out = append(out, claim)
	}
	add(conflicts.Gateway, p.Gateway, "spec.gateway")
	for _, r := range p.Routes {
		if r.Via != p.Gateway {
			add(conflicts.Gateway, r.Via, "spec.routes")
		}
	}
	for _, server := range p.DNS {
		add(conflicts.DNSServer, server, "spec.dnsServers")
	}
	for _, r := range p.exclude {
		claim := rangeClaim(p.Segment, r)
		claim.Kind, claim.Owner, claim.Since, claim.Evidence = conflicts.Excluded, owner, base.Since, "spec.exclude"
		out = append(out, claim)
	}
	return out
}

// LeaseClaim is the address that a lease locks. It is false for a lease that is free again, or that cannot be read. A lease that
// rests is a claim also when its rest is over: who asks knows the time.
func LeaseClaim(l *v1alpha1.AddressLease) (conflicts.Claim, bool) {
	addr, err := netip.ParseAddr(l.Spec.Address)
	if err != nil || l.Spec.Phase == v1alpha1.LeaseReleased {
		return conflicts.Claim{}, false
	}
	record := objectOf("AddressLease", l).String()
	claim := conflicts.Claim{Segment: l.Spec.Segment, Addr: addr, Kind: conflicts.Lease, Owner: record, Record: record, Since: l.Spec.Since.Time}
	if h := l.Spec.Holder; h != nil {
		claim.Namespace, claim.Owner = h.Namespace, HolderName(h.Namespace, h.Name, h.Network)
	}
	return claim, true
}

// LeaseMACClaim is the MAC address of the machine that has, or may still have, the address of a lease.
func LeaseMACClaim(l *v1alpha1.AddressLease) (conflicts.Claim, bool) {
	claim, ok := LeaseClaim(l)
	mac, valid := unicastMAC(l.Spec.MAC)
	if !ok || !valid || l.Spec.Phase != v1alpha1.LeaseAllocated && l.Spec.Phase != v1alpha1.LeaseReleasing {
		return conflicts.Claim{}, false
	}
	claim.Addr, claim.MAC = netip.Addr{}, mac
	return claim, true
}

// notOfMachines are addresses that no machine has to itself on a segment.
func notOfMachines(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast()
}
