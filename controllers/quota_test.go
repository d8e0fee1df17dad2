package controllers_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// served divides Wukongs into those that have their addresses and those that are refused for a reason.
func served(w *world.World, all []*v1alpha1.Wukong, reason string) (have, refused []*v1alpha1.Wukong, err error) {
	for _, wk := range all {
		if allocated(w, wk)() == nil {
			have = append(have, wk)
		} else if err := lacks(w, wk, reason)(); err != nil {
			return nil, nil, err
		} else {
			refused = append(refused, wk)
		}
	}
	return have, refused, nil
}

func TestANamespaceHoldsNoMoreThanItMay(t *testing.T) {
	w := theWorld(t)
	ns, free := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "quota", 0, 0, ns, free)
	pool := poolOf("quota", "quota", "192.0.2.0/24", "192.0.2.100-192.0.2.199")
	pool.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{Names: []string{ns, free}, MaxAddresses: new(int32(3))}
	create(t, w, pool)
	var all, others []*v1alpha1.Wukong
	for i := range 12 {
		all = append(all, drawing(ns, fmt.Sprintf("draws-%d", i), network.Name, pool.Name))
	}
	for i := range 6 { // one that is named counts like one that is drawn
		wk := static(ns, fmt.Sprintf("names-%d", i), network.Name, fmt.Sprintf("192.0.2.%d/24", 190+i))
		wk.Spec.Networks[0].IPConfig.IPPool = pool.Name
		all = append(all, wk)
	}
	others = append(others, drawing(free, "other", network.Name, pool.Name), static(free, "named", network.Name, "192.0.2.10/24"))
	create(t, w, objects(append(all, others...))...)
	var have, refused []*v1alpha1.Wukong
	eventually(t, func() (err error) {
		if have, refused, err = served(w, all, v1alpha1.ReasonAddressQuotaExceeded); err == nil && len(have) != 3 {
			err = fmt.Errorf("%d hold addresses, the pool allows 3", len(have))
		}
		return err
	})
	mentions(t, messageOf(refused[0], v1alpha1.ConditionReady), ns, "AddressPool quota", " 3 ")
	for _, wk := range others {
		eventually(t, allocated(w, wk))
	}

	// One that goes makes room for one.
	quiet(t, w)
	if err := w.Admin.Delete(t.Context(), have[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		now, _, err := served(w, refused, v1alpha1.ReasonAddressQuotaExceeded)
		if err == nil && len(now) != 1 {
			err = fmt.Errorf("%d were served", len(now))
		}
		return err
	})

	// A network has a bound, too, and it counts what pools do not.
	updateNetwork(t, w, network, func(n *v1alpha1.HostNetwork) { n.Spec.AllowedNamespaces.MaxAddresses = new(int32(4)) })
	plain, more := static(ns, "plain", network.Name, "192.0.2.20/24"), static(ns, "more", network.Name, "192.0.2.21/24")
	create(t, w, plain)
	eventually(t, has(w, plain, "192.0.2.20"))
	create(t, w, more)
	eventually(t, lacks(w, more, v1alpha1.ReasonAddressQuotaExceeded))
	mentions(t, messageOf(more, v1alpha1.ConditionReady), "HostNetwork quota")
	updateNetwork(t, w, network, func(n *v1alpha1.HostNetwork) { n.Spec.AllowedNamespaces.MaxAddresses = new(int32(5)) })
	eventually(t, has(w, more, "192.0.2.21"))
}

func TestWhatAPoolDoesNotAllowIsRefusedWithTheWayOut(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "rules", 0, 0, ns)
	open, closed, other := poolOf("rules", "rules-open", "192.0.2.0/24", "192.0.2.10-192.0.2.19"), poolOf("rules", "rules-closed", "192.0.2.0/24", "192.0.2.50-192.0.2.59"),
		poolOf("elsewhere", "rules-other", "192.0.2.0/24")
	gateway := v1alpha1.Address("192.0.2.1")
	open.Spec.Gateway, open.Spec.Exclude = &gateway, []v1alpha1.AddressRange{"192.0.2.12", "192.0.2.200-192.0.2.202"}
	closed.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{}
	create(t, w, open, closed, other)
	for _, p := range []*v1alpha1.AddressPool{open, closed, other} {
		eventually(t, counts(w, p, func(v1alpha1.AddressPoolStatus) bool { return true }))
	}
	used(t, w, network, ns)
	const at = "spec.networks[0].ipConfig."
	var all []*v1alpha1.Wukong
	for i, c := range []struct {
		address, pool, reason string
		words                 []string
	}{
		{"192.0.2.9/25", "", v1alpha1.ReasonPrefixLengthMismatch, []string{at + "address", "192.0.2.0/24", "write 192.0.2.9/24"}},
		{"192.0.2.201/24", "", v1alpha1.ReasonAddressExcluded, []string{at + "address", "free now: 192.0.2.203, 192.0.2.204, 192.0.2.205"}},
		{"192.0.2.12/24", open.Name, v1alpha1.ReasonAddressExcluded, []string{at + "address", "free now: 192.0.2.10, 192.0.2.11, 192.0.2.13"}},
		{"192.0.2.9/24", open.Name, v1alpha1.ReasonAddressOutsidePool, []string{at + "address", `"rules-open"`, "free now: 192.0.2.10, 192.0.2.11, 192.0.2.13"}},
		{"192.0.2.1/24", "", v1alpha1.ReasonAddressConflict, []string{"gateway", "192.0.2.2"}},
		{"192.0.2.55/24", "", v1alpha1.ReasonPoolNotAllowed, []string{at + "address", ns, "free now: 192.0.2.60, 192.0.2.61, 192.0.2.62"}},
		{"", closed.Name, v1alpha1.ReasonPoolNotAllowed, []string{at + "ipPool", `"rules-closed"`, "rules-open"}},
		{"", other.Name, v1alpha1.ReasonPoolSegmentMismatch, []string{at + "ipPool", "elsewhere", "rules-open"}},
		{"", "nowhere", v1alpha1.ReasonPoolNotFound, []string{at + "ipPool", `"nowhere"`, "rules-open"}},
	} {
		wk := static(ns, fmt.Sprintf("w-%d", i), network.Name, c.address)
		if c.address == "" {
			wk = drawing(ns, wk.Name, network.Name, c.pool)
		}
		wk.Spec.Networks[0].IPConfig.IPPool = c.pool
		create(t, w, wk)
		eventually(t, lacks(w, wk, c.reason))
		mentions(t, messageOf(wk, v1alpha1.ConditionReady), c.words...)
		all = append(all, wk)
	}
	// What was offered is taken by others, and the texts stay.
	check := unwritten(t, w, all...)
	for i, address := range []string{"192.0.2.203", "192.0.2.10", "192.0.2.60"} {
		wk := static(ns, fmt.Sprintf("takes-%d", i), network.Name, address+"/24")
		create(t, w, wk)
		eventually(t, has(w, wk, address))
	}
	check()

	// The causes go, and each has what it asks for.
	edit(t, w, closed, func(p *v1alpha1.AddressPool) { p.Spec.AllowedNamespaces = nil })
	edit(t, w, open, func(p *v1alpha1.AddressPool) { p.Spec.Exclude, p.Spec.Gateway = nil, nil })
	for i, address := range map[int]string{1: "192.0.2.201", 2: "192.0.2.12", 4: "192.0.2.1", 5: "192.0.2.55", 6: "192.0.2.50"} {
		eventually(t, has(w, all[i], address))
	}
	create(t, w, poolOf("rules", "nowhere", "192.0.2.0/24", "192.0.2.70"))
	eventually(t, has(w, all[8], "192.0.2.70"))
}

func TestWhatOnlyAPoolRefusedIsServedWhenThePoolGoes(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "length", 0, 0, ns)
	pool := poolOf("length", "length", "192.0.2.0/24", "192.0.2.10-192.0.2.19")
	create(t, w, pool)
	used(t, w, network, ns)
	wk := static(ns, "web", network.Name, "192.0.2.30/25")
	create(t, w, wk)
	eventually(t, lacks(w, wk, v1alpha1.ReasonPrefixLengthMismatch))
	quiet(t, w)
	if err := w.Admin.Delete(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	eventually(t, has(w, wk, "192.0.2.30"))
}

func TestANetworkOfPoolsAloneTakesNoAddressThatIsNamed(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "only", 0, 0, ns)
	pool := poolOf("only", "only", "192.0.2.0/24", "192.0.2.10-192.0.2.19")
	before, later, draws := static(ns, "before", network.Name, "192.0.2.30/24"), static(ns, "later", network.Name, "192.0.2.11/24"), drawing(ns, "draws", network.Name, pool.Name)
	create(t, w, pool, before)
	eventually(t, has(w, before, "192.0.2.30"))
	updateNetwork(t, w, network, func(n *v1alpha1.HostNetwork) { n.Spec.ExplicitAddresses = v1alpha1.ExplicitPoolOnly })
	create(t, w, later, draws)
	eventually(t, has(w, draws, "192.0.2.10"))
	eventually(t, lacks(w, later, v1alpha1.ReasonPoolOnly))
	mentions(t, messageOf(later, v1alpha1.ConditionReady), "ipPool", "only")
	touch(t, w, before)
	quiet(t, w)
	if err := has(w, before, "192.0.2.30")(); err != nil {
		t.Errorf("one that had its address before: %v", err)
	}
	updateNetwork(t, w, network, func(n *v1alpha1.HostNetwork) { n.Spec.ExplicitAddresses = v1alpha1.ExplicitAllowed })
	eventually(t, has(w, later, "192.0.2.11"))
}

func TestAPoolWithAProblemGivesNothingAndKeepsWhatItGave(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "wrong", 0, 0, ns)
	pool := poolOf("wrong", "wrong", "192.0.2.0/24", "192.0.2.10-192.0.2.19")
	create(t, w, pool)
	first := drawing(ns, "first", network.Name, pool.Name)
	create(t, w, first)
	eventually(t, has(w, first, "192.0.2.10"))
	edit(t, w, pool, func(p *v1alpha1.AddressPool) { // a route through nowhere, which the schema does not see
		p.Spec.Routes = []v1alpha1.Route{{To: "198.51.100.0/24", Via: "203.0.113.1"}}
	})
	eventually(t, poolSays(w, pool, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec))
	mentions(t, readyMessage(pool.Status.Conditions), "spec.routes[0].via")
	second := drawing(ns, "second", network.Name, pool.Name)
	create(t, w, second)
	eventually(t, lacks(w, second, v1alpha1.ReasonInvalidSpec))
	eventually(t, lacks(w, first, v1alpha1.ReasonInvalidSpec))
	if got := published(first); len(got) != 1 || got[0] != "192.0.2.10" || inPhase(w, "192.0.2.10", "wrong", v1alpha1.LeaseAllocated)() != nil {
		t.Errorf("the first one has %v", got)
	}
	edit(t, w, pool, func(p *v1alpha1.AddressPool) { p.Spec.Routes = nil })
	eventually(t, has(w, first, "192.0.2.10"))
	eventually(t, has(w, second, "192.0.2.11"))
}
