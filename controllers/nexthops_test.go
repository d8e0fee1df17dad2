package controllers_test

import (
	"fmt"
	"slices"
	"testing"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// nextHops says what keeps the first network of a Wukong from having exactly these next hops, as "address role seen".
func nextHops(w *world.World, wk *v1alpha1.Wukong, want ...string) func() error {
	return func() error {
		if err := allocated(w, wk)(); err != nil {
			return err
		}
		var got []string
		for _, h := range wk.Status.Networks[0].NextHops {
			got = append(got, fmt.Sprintf("%s %s %s", h.Address, h.Role, h.Seen))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("next hops %q, want %q", got, want)
		}
		return nil
	}
}

func TestANextHopIsObservedAsLongAsANodeUsesItOnTheSegment(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "via", map[string]string{"eth1": "via", "eth2": "via-other"}, ns)
	wk := static(ns, "web", "via", "192.0.2.10/24")
	gateway := v1alpha1.Address("192.0.2.1")
	wk.Spec.Networks[0].IPConfig.Gateway = &gateway
	wk.Spec.Networks[0].IPConfig.DNSServers = []v1alpha1.Address{"203.0.113.53"}
	create(t, w, wk)
	neither := []string{"192.0.2.1 Gateway Unknown", "203.0.113.53 DNSServer Unknown"}
	both := []string{"192.0.2.1 Gateway Observed", "203.0.113.53 DNSServer Observed"}
	eventually(t, nextHops(w, wk, neither...))

	state := func(nic, dns string) string {
		return fmt.Sprintf(`{"interfaces": [%s, %s], "dns-resolver": {"running": {"server": [%s]}},
			"routes": {"running": [{"destination": "0.0.0.0/0", "next-hop-address": "192.0.2.1", "next-hop-interface": %q, "table-id": 254}]}}`,
			on("eth1", "ethernet", "", "192.0.2.8/24"), on("eth2", "ethernet", "", "192.0.2.9/24"), dns, nic)
	}
	nothing := interfaces(on("eth1", "ethernet", "", "192.0.2.8/24"))
	nodeReporting(t, w, "via-1", "via", state("eth2", `"203.0.113.53"`))
	eventually(t, nextHops(w, wk, neither[0], both[1]))
	nodeReporting(t, w, "via-2", "via", state("eth1", ""))
	eventually(t, nextHops(w, wk, both...))

	quiet(t, w)
	w.Requests.Reset()
	nodeReporting(t, w, "via-3", "via", state("eth1", `"203.0.113.53"`))
	report(t, w, "via-2", nothing)
	report(t, w, "via-1", nothing)
	quiet(t, w)
	if writes := writesAbout(w, ns, "via"); len(writes) > 0 {
		t.Errorf("%d writes while there was always a node that uses them: %v", len(writes), writes)
	}
	if err := nextHops(w, wk, both...)(); err != nil {
		t.Error(err)
	}
	restart(t, func() {})
	report(t, w, "via-3", nothing)
	eventually(t, nextHops(w, wk, neither...))
}
