package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// poolOf is a pool on the untagged segment of a fabric, of which released addresses do not rest.
func poolOf(fabric, name, subnet string, ranges ...v1alpha1.AddressRange) *v1alpha1.AddressPool {
	return &v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AddressPoolSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: v1alpha1.PhysicalNetworkName(fabric)},
		Subnet:  v1alpha1.Subnet(subnet), Ranges: ranges, Cooldown: &metav1.Duration{}}}
}

// resting makes released addresses of a pool rest as those of no pool do.
func resting(pool *v1alpha1.AddressPool) *v1alpha1.AddressPool {
	pool.Spec.Cooldown = &metav1.Duration{Duration: fast().Cooldown}
	return pool
}

// drawing is a Wukong with one network that draws an address from each of the pools.
func drawing(namespace, name, hostNetwork string, pools ...string) *v1alpha1.Wukong {
	config := &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, IPPool: pools[0]}
	for _, pool := range pools[1:] {
		config.AdditionalAddresses = append(config.AdditionalAddresses, v1alpha1.AdditionalAddress{IPPool: pool})
	}
	return &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.WukongSpec{
		Networks: []v1alpha1.WukongNetwork{{Name: "data", HostNetwork: hostNetwork, IPConfig: config}}}}
}

// has says what keeps a Wukong from holding exactly these addresses, without their lengths, in their order.
func has(w *world.World, obj *v1alpha1.Wukong, addresses ...string) func() error {
	return func() error {
		if err := allocated(w, obj)(); err != nil {
			return err
		}
		if got := published(obj); !slices.Equal(got, addresses) {
			return fmt.Errorf("%s has %v, want %v", obj.Name, got, addresses)
		}
		return nil
	}
}

func published(obj *v1alpha1.Wukong) []string {
	var out []string
	for _, n := range obj.Status.Networks {
		for _, a := range n.Addresses {
			bare, _, _ := strings.Cut(a.Address, "/")
			out = append(out, bare)
		}
	}
	return out
}

// lacks says what keeps a Wukong from saying that it has no address for a reason.
func lacks(w *world.World, obj *v1alpha1.Wukong, reason string) func() error {
	return condition(w, obj, v1alpha1.ConditionAddressesAllocated, metav1.ConditionFalse, reason)
}

// counts says what keeps the status of a pool from being as it should.
func counts(w *world.World, pool *v1alpha1.AddressPool, check func(st v1alpha1.AddressPoolStatus) bool) func() error {
	return func() error {
		if err := w.Admin.Get(context.Background(), client.ObjectKeyFromObject(pool), pool); err != nil {
			return err
		}
		if pool.Status.ObservedGeneration != pool.Generation || !check(pool.Status) {
			return fmt.Errorf("status of pool %s: %+v", pool.Name, pool.Status)
		}
		return nil
	}
}

// freed deletes a Wukong and waits until its address is free.
func freed(t *testing.T, w *world.World, obj *v1alpha1.Wukong, address, segment string) {
	t.Helper()
	if err := w.Admin.Delete(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	eventually(t, inPhase(w, address, segment, v1alpha1.LeaseReleased))
}

// edit changes the spec of an object, and tries again where somebody else wrote it meanwhile.
func edit[T client.Object](t *testing.T, w *world.World, obj T, change func(T)) {
	t.Helper()
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		change(obj)
		return w.Admin.Update(t.Context(), obj)
	})
}

func networkData(t *testing.T, w *world.World, obj *v1alpha1.Wukong) string {
	t.Helper()
	secret := &corev1.Secret{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: obj.Namespace, Name: obj.Status.NetworkDataSecret}, secret); err != nil {
		t.Fatal(err)
	}
	return string(secret.Data["networkdata"])
}

func TestAPoolAddressGoesAllTheWayAndBringsWhatItsPoolSays(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "draw", 140, 1, ns)
	pool := poolOf("draw", "draw", "192.0.2.0/24", "192.0.2.1-192.0.2.9")
	gateway := v1alpha1.Address("192.0.2.1")
	pool.Spec.Gateway, pool.Spec.DNSServers, pool.Spec.SearchDomains = &gateway, []v1alpha1.Address{"192.0.2.2"}, []v1alpha1.DomainName{"draw.example"}
	pool.Spec.Routes = []v1alpha1.Route{{To: "198.51.100.0/24", Via: "192.0.2.3"}}
	create(t, w, pool)
	wk, own := drawing(ns, "web", network.Name, pool.Name), drawing(ns, "own", network.Name, pool.Name)
	own.Spec.Networks[0].IPConfig.DNSServers = []v1alpha1.Address{"203.0.113.53"}
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionTrue, v1alpha1.ReasonNetworkReady))
	create(t, w, own)
	eventually(t, ready(w, own, metav1.ConditionTrue, v1alpha1.ReasonNetworkReady))

	l, err := lease(w, "192.0.2.4", "draw")
	if err != nil {
		t.Fatal(err)
	}
	if l.Spec.Pool != pool.Name || l.Spec.PrefixLength != 24 || l.Spec.Holder.UID != wk.UID {
		t.Errorf("lease: %+v", l.Spec)
	}
	st := wk.Status.Networks[0]
	if st.IPAddress != "192.0.2.4" || !st.IPAllocated || len(st.Addresses) != 1 || st.Addresses[0].Pool != pool.Name || st.Addresses[0].Address != "192.0.2.4/24" {
		t.Errorf("status of the network: %+v", st)
	}
	for _, want := range []string{"192.0.2.4/24", "via: 192.0.2.1\n", "- 192.0.2.2\n", "draw.example", "to: 198.51.100.0/24", "via: 192.0.2.3\n"} {
		if data := networkData(t, w, wk); !strings.Contains(data, want) {
			t.Errorf("the network data has no %s:\n%s", want, data)
		}
	}
	if data := networkData(t, w, own); !strings.Contains(data, "203.0.113.53") || strings.Contains(data, "192.0.2.2") || !strings.Contains(data, "draw.example") {
		t.Errorf("the network data of a Wukong with a DNS server of its own:\n%s", data)
	}
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool {
		return st.Total == "6" && st.Allocated == 2 && st.Free == "4"
	}))
	if err := wants(pool, pool.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPoolReady); err != nil {
		t.Error(err)
	}
}

func TestANetworkHasAddressesOfBothFamiliesAndSeveralOfOnePool(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "dual", 0, 0, ns)
	four, six := poolOf("dual", "dual-4", "192.0.2.0/24", "192.0.2.20-192.0.2.29"), poolOf("dual", "dual-6", "2001:db8::/64", "2001:db8::100-2001:db8::1ff")
	create(t, w, four, six)
	mixed := static(ns, "mixed", network.Name, "192.0.2.10/24")
	mixed.Spec.Networks[0].IPConfig.AdditionalAddresses = []v1alpha1.AdditionalAddress{{IPPool: six.Name}}
	many := drawing(ns, "many", network.Name, four.Name, four.Name, six.Name)
	second := v1alpha1.CIDR("2001:db8::9/64")
	many.Spec.Networks[0].IPConfig.AdditionalAddresses = append(many.Spec.Networks[0].IPConfig.AdditionalAddresses, v1alpha1.AdditionalAddress{Address: &second})
	create(t, w, mixed)
	eventually(t, has(w, mixed, "192.0.2.10", "2001:db8::100"))
	create(t, w, many)
	eventually(t, has(w, many, "192.0.2.20", "192.0.2.21", "2001:db8::101", "2001:db8::9"))
	if data := networkData(t, w, many); !strings.Contains(data, "192.0.2.21/24") || !strings.Contains(data, "2001:db8::101/64") || !strings.Contains(data, "2001:db8::9/64") {
		t.Errorf("network data:\n%s", data)
	}
	// One fewer: the first stay where they are, and the last one goes once it is old enough to be sure that it is no race.
	edit(t, w, many, func(o *v1alpha1.Wukong) {
		o.Spec.Networks[0].IPConfig.AdditionalAddresses = o.Spec.Networks[0].IPConfig.AdditionalAddresses[1:]
	})
	eventually(t, has(w, many, "192.0.2.20", "2001:db8::101", "2001:db8::9"))
	age(t, w, "192.0.2.21", "dual", time.Hour)
	eventually(t, inPhase(w, "192.0.2.21", "dual", v1alpha1.LeaseReleased))
}

// age makes a lease that much older.
func age(t *testing.T, w *world.World, address, segment string, by time.Duration) {
	t.Helper()
	eventually(t, func() error {
		l, err := lease(w, address, segment)
		if err != nil {
			return err
		}
		l.Spec.Since = metav1.NewTime(l.Spec.Since.Add(-by))
		return w.Admin.Update(t.Context(), l)
	})
}

func TestAPoolGivesWhatWasNeverUsedAndThenWhatWasReleasedLongestAgo(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "order", 0, 0, ns)
	pool := poolOf("order", "order", "192.0.2.0/24", "192.0.2.10-192.0.2.13")
	named := static(ns, "named", network.Name, "192.0.2.11/24") // within the ranges, and counted
	create(t, w, pool, named)
	eventually(t, has(w, named, "192.0.2.11"))
	a, b := drawing(ns, "a", network.Name, pool.Name), drawing(ns, "b", network.Name, pool.Name)
	create(t, w, a)
	eventually(t, has(w, a, "192.0.2.10"))
	create(t, w, b)
	eventually(t, has(w, b, "192.0.2.12"))
	eventually(t, counts(w, pool, func(st v1alpha1.AddressPoolStatus) bool {
		return st.Total == "4" && st.Allocated == 3 && st.Free == "1"
	}))
	freed(t, w, a, "192.0.2.10", "order")
	freed(t, w, b, "192.0.2.12", "order")
	age(t, w, "192.0.2.12", "order", time.Minute)
	for i, address := range []string{"192.0.2.13", "192.0.2.12", "192.0.2.10"} {
		next := drawing(ns, fmt.Sprintf("next-%d", i), network.Name, pool.Name)
		create(t, w, next)
		eventually(t, has(w, next, address))
	}
	l, err := lease(w, "192.0.2.12", "order")
	if err != nil || len(l.Spec.History) != 2 || l.Spec.History[1].Holder != ns+"/b/data" {
		t.Errorf("the lease does not tell who had the address before: %+v %v", l.Spec.History, err)
	}
	last := drawing(ns, "last", network.Name, pool.Name)
	create(t, w, last)
	eventually(t, lacks(w, last, v1alpha1.ReasonPoolExhausted))
}

func TestPoolsThatOverlapOrShrinkOrGoTakeNothingFromAnybody(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "twin", 0, 0, ns)
	older := poolOf("twin", "twin-a", "192.0.2.0/24", "192.0.2.10-192.0.2.13")
	create(t, w, older)
	younger, elsewhere := poolOf("twin", "twin-b", "192.0.2.0/24", "192.0.2.12-192.0.2.15"), poolOf("twin", "twin-c", "192.0.2.0/24")
	elsewhere.Spec.Segment.VLAN = new(v1alpha1.VLANID(7))
	create(t, w, younger, elsewhere)
	eventually(t, poolSays(w, younger, metav1.ConditionTrue, v1alpha1.ReasonPoolOverlap))
	eventually(t, poolSays(w, elsewhere, metav1.ConditionTrue, v1alpha1.ReasonHostNetworkNotFound))
	mentions(t, readyMessage(elsewhere.Status.Conditions), `"twin-a"`)
	if err := poolSays(w, older, metav1.ConditionTrue, v1alpha1.ReasonPoolReady)(); err != nil {
		t.Error(err)
	}

	var all []*v1alpha1.Wukong
	for i := range 4 {
		all = append(all, drawing(ns, fmt.Sprintf("w-%d", i), network.Name, []string{older.Name, younger.Name}[i%2]))
	}
	create(t, w, objects(all)...)
	seen := map[string]bool{}
	for _, wk := range all {
		eventually(t, allocated(w, wk))
		seen[wk.Status.Networks[0].IPAddress] = true
	}
	if len(seen) != 4 {
		t.Errorf("4 Wukongs have the addresses %v", seen)
	}

	edit(t, w, older, func(p *v1alpha1.AddressPool) { p.Spec.Ranges = []v1alpha1.AddressRange{"192.0.2.200"} })
	eventually(t, poolSays(w, older, metav1.ConditionTrue, v1alpha1.ReasonLeasesOutside))
	if len(older.Status.Outside) != 2 || !slices.IsSorted(older.Status.Outside) || older.Status.Allocated != 0 || older.Status.Free != "1" {
		t.Errorf("status of the pool that shrank: %+v", older.Status)
	}
	if err := w.Admin.Delete(t.Context(), younger); err != nil {
		t.Fatal(err)
	}
	eventually(t, lacks(w, all[1], v1alpha1.ReasonPoolNotFound))
	quiet(t, w)
	for i, wk := range all {
		before := wk.Status.Networks[0].IPAddress
		if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(wk), wk); err != nil {
			t.Fatal(err)
		}
		if wk.Status.Networks[0].IPAddress != before || inPhase(w, before, "twin", v1alpha1.LeaseAllocated)() != nil {
			t.Errorf("w-%d lost %s: %+v", i, before, wk.Status.Networks[0])
		}
	}
	if err := allocated(w, all[0])(); err != nil {
		t.Errorf("with a pool that shrank: %v", err)
	}
}

func poolSays(w *world.World, pool *v1alpha1.AddressPool, status metav1.ConditionStatus, reason string) func() error {
	return func() error {
		if err := w.Admin.Get(context.Background(), client.ObjectKeyFromObject(pool), pool); err != nil {
			return err
		}
		return wants(pool, pool.Status.Conditions, v1alpha1.ConditionReady, status, reason)
	}
}

func readyMessage(conditions []metav1.Condition) string {
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}
