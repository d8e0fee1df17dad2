package render

import (
	"fmt"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Admit says whether the namespace of a selection may have an address of its network, as the Wukong states it, by the rules of
// the HostNetwork that was chosen and of the pools on its segment, or nil. What leases and other claims say is another matter.
//
// An address is taken from a pool that exists, is usable, open to the namespace and for the segment of the choice. An explicit
// one that names a pool must be one that this pool may give out. Any other explicit one must keep to the pools that cover it:
// the prefix length of their subnet, nothing that they exclude, and, inside their ranges, one of them open to the namespace.
// A HostNetwork with explicitAddresses PoolOnly takes no explicit address at all.
func (p *Pools) Admit(in Selection, choice Choice, a Address) *Refusal {
	if n, ok := p.catalog.HostNetwork(choice.HostNetwork); ok && a.Explicit() && n.Object.Spec.ExplicitAddresses == v1alpha1.ExplicitPoolOnly {
		return refuseAt(a.Path, v1alpha1.ReasonPoolOnly, "HostNetwork %q takes addresses from pools alone: remove the address and name a pool with ipPool%s",
			choice.HostNetwork, p.suggest(in, choice))
	}
	if a.Pool != "" {
		return p.admitNamed(in, choice, a)
	}
	return p.admitCovered(in, choice, a)
}

func (p *Pools) admitNamed(in Selection, choice Choice, a Address) *Refusal {
	at := strings.TrimSuffix(strings.TrimSuffix(a.Path, ".address"), ".ipPool") + ".ipPool"
	pool, found := p.byName[a.Pool]
	switch {
	case !found:
		return refuseAt(at, v1alpha1.ReasonPoolNotFound, "there is no AddressPool %q: correct the name%s, or ask the platform team to declare it", shown(a.Pool), p.suggest(in, choice))
	case !pool.Open(in.Namespace):
		return refuseAt(at, v1alpha1.ReasonPoolNotAllowed,
			"AddressPool %q is not open to namespace %q: name another pool%s, or ask the platform team to list the namespace in the pool's allowedNamespaces",
			a.Pool, in.Namespace.Name, p.suggest(in, choice))
	case pool.Problem != nil:
		return refuseAt(at, pool.Problem.Reason, "AddressPool %q gives out no addresses: its status says why, ask the platform team to correct it", a.Pool)
	case pool.Segment != choice.Segment:
		return refuseAt(at, v1alpha1.ReasonPoolSegmentMismatch, "AddressPool %q is for segment %s, and HostNetwork %q is segment %s: name a pool of that segment%s, or another HostNetwork",
			a.Pool, pool.Segment, choice.HostNetwork, choice.Segment, p.suggest(in, choice))
	case a.Explicit():
		return pool.admitMember(a)
	}
	return nil
}

// admitMember says why an explicit address is none that the pool may give out.
func (p *Pool) admitMember(a Address) *Refusal {
	addr, name := a.Prefix.Addr(), p.Object.Name
	switch {
	case !p.subnet.Contains(addr):
		return refuseAt(a.Path, v1alpha1.ReasonAddressOutsidePool, "%s is not in %s, the subnet of AddressPool %q: choose an address of the pool, or remove the address to get one, or remove ipPool",
			addr, p.subnet, name)
	case a.Prefix.Bits() != p.subnet.Bits():
		return prefixLength(a, p)
	case p.Config.Excluded(addr):
		return refuseAt(a.Path, v1alpha1.ReasonAddressExcluded, "AddressPool %q excludes %s: choose another address of the pool, or remove the address to get one", name, addr)
	case !p.Config.InRanges(addr):
		return refuseAt(a.Path, v1alpha1.ReasonAddressOutsidePool, "%s is not in the ranges of AddressPool %q: choose an address of the pool, or remove the address to get one, or remove ipPool",
			addr, name)
	case !p.Config.Contains(addr):
		return refuseAt(a.Path, v1alpha1.ReasonAddressExcluded,
			"%s is a gateway or DNS server of AddressPool %q, or no address for a machine: choose another address of the pool, or remove the address to get one", addr, name)
	}
	return nil
}

// admitCovered holds an explicit address that names no pool against those that cover it. It names none of them: they need not
// be open to the namespace.
func (p *Pools) admitCovered(in Selection, choice Choice, a Address) *Refusal {
	addr := a.Prefix.Addr()
	covering := p.Covering(choice.Segment, addr)
	if len(covering) == 0 {
		return nil
	}
	if !slices.ContainsFunc(covering, func(pool *Pool) bool { return pool.subnet.Bits() == a.Prefix.Bits() }) {
		return prefixLength(a, covering[0])
	}
	if slices.ContainsFunc(covering, func(pool *Pool) bool { return pool.Config.Excluded(addr) }) {
		return refuseAt(a.Path, v1alpha1.ReasonAddressExcluded, "%s is kept out of use on segment %s: choose another address", addr, choice.Segment)
	}
	covering = slices.DeleteFunc(covering, func(pool *Pool) bool { return !pool.Config.InRanges(addr) })
	if len(covering) > 0 && !slices.ContainsFunc(covering, func(pool *Pool) bool { return pool.Open(in.Namespace) }) {
		return refuseAt(a.Path, v1alpha1.ReasonPoolNotAllowed,
			"%s belongs to a pool that is not open to namespace %q: choose another address, or ask the platform team to list the namespace in the pool's allowedNamespaces", addr, in.Namespace.Name)
	}
	return nil
}

func prefixLength(a Address, pool *Pool) *Refusal {
	return refuseAt(a.Path, v1alpha1.ReasonPrefixLengthMismatch, "%s has the prefix length %d, and its subnet on segment %s is %s: write %s/%d",
		a.Prefix.Addr(), a.Prefix.Bits(), pool.Segment, pool.subnet, a.Prefix.Addr(), pool.subnet.Bits())
}

// suggest names the first pools that would do, in brackets, or nothing.
func (p *Pools) suggest(in Selection, choice Choice) string {
	const most = 4
	var names []string
	for _, pool := range p.bySegment[choice.Segment] {
		if pool.Problem == nil && pool.Open(in.Namespace) {
			names = append(names, pool.Object.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return " (such as " + strings.Join(names, ", ") + ")"
}

func refuseAt(path, reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Path: path, Message: fmt.Sprintf(format, args...)}
}
