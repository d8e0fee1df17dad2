package controllers_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// withMAC is a Wukong whose network has a MAC address of the manifest's choice.
func withMAC(wk *v1alpha1.Wukong, mac string) *v1alpha1.Wukong {
	wk.Spec.Networks[0].MACAddress = (*v1alpha1.MACAddress)(&mac)
	return wk
}

func TestAMACAddressThatAnotherWukongHasOnTheSegmentIsRefusedBeforeAnythingIsLeased(t *testing.T) {
	w := theWorld(t)
	ns, other := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	segments(t, w, "mac", map[string]string{"eth1": "mac", "eth2": "mac-other"}, ns, other)
	first := withMAC(static(ns, "secret-first", "mac", "192.0.2.10/24"), "02:00:00:00:aa:01")
	create(t, w, first)
	eventually(t, allocated(w, first))
	second := withMAC(static(other, "second", "mac", "192.0.2.11/24"), "02:00:00:00:AA:01")
	elsewhere := withMAC(static(other, "elsewhere", "mac-other", "192.0.2.11/24"), "02:00:00:00:aa:01")
	create(t, w, second, elsewhere)
	eventually(t, ready(w, second, metav1.ConditionFalse, v1alpha1.ReasonMACConflict))
	eventually(t, collides(w, second, v1alpha1.ReasonMACConflict))
	mentions(t, messageOf(second, v1alpha1.ConditionConflictFree), "02:00:00:00:aa:01", "choose another MAC address")
	namesNothingOf(t, second, ns, "secret-first")
	eventually(t, allocated(w, elsewhere))
	if err := unleased(w, "192.0.2.11", "mac"); err != nil {
		t.Error(err)
	}
	if err := conflictFree(w, first)(); err != nil {
		t.Errorf("the first one suffers from the second: %v", err)
	}
	quiet(t, w)

	// The order stands when the controller begins anew.
	w.Requests.Reset()
	restart(t, func() {})
	quiet(t, w)
	if writes := append(writesAbout(w, ns, "mac"), writesAbout(w, other, "mac")...); len(writes) > 0 {
		t.Errorf("after a restart: %v", writes)
	}
	if err := w.Admin.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	eventually(t, allocated(w, second))
	eventually(t, conflictFree(w, second))
}

func TestOfTwoThatComeWithOneMACAddressExactlyOneGetsIt(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "twins", map[string]string{"eth1": "twins"}, ns)
	for round := range 5 {
		mac := fmt.Sprintf("02:00:00:00:bb:%02x", round)
		pair := []*v1alpha1.Wukong{
			withMAC(static(ns, fmt.Sprintf("a-%d", round), "twins", fmt.Sprintf("192.0.2.%d/24", 10+2*round)), mac),
			withMAC(static(ns, fmt.Sprintf("b-%d", round), "twins", fmt.Sprintf("192.0.2.%d/24", 11+2*round)), mac),
		}
		create(t, w, objects(pair)...)
		var winners int
		eventually(t, func() error {
			winners = 0
			for _, wk := range pair {
				if allocated(w, wk)() == nil {
					winners++
				} else if err := collides(w, wk, v1alpha1.ReasonMACConflict)(); err != nil {
					return err
				}
			}
			return nil
		})
		if winners != 1 {
			t.Errorf("%d of two have %s", winners, mac)
		}
	}
	quiet(t, w)
}

func TestTwoNetworksOfOneWukongKeepTheirMACAddressesInPeace(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "peace", map[string]string{"eth1": "peace", "eth2": "peace-other"}, ns)
	wk := withMAC(static(ns, "web", "peace", "192.0.2.10/24"), "02:00:00:00:cc:01")
	wk.Spec.Networks = append(wk.Spec.Networks, withMAC(static(ns, "", "peace-other", "198.51.100.10/24"), "02:00:00:00:cc:02").Spec.Networks...)
	wk.Spec.Networks[1].Name = "second"
	create(t, w, wk)
	eventually(t, allocated(w, wk))
	quiet(t, w)
	before := reconciles(t, "wukong")
	quiet(t, w)
	if after := reconciles(t, "wukong"); after > before+20 {
		t.Errorf("%v looks at Wukongs while nothing happens", after-before)
	}
}

func TestAChangeToAMACAddressThatIsTakenKeepsWhatWasThere(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "change", map[string]string{"eth1": "change"}, ns)
	first := withMAC(static(ns, "first", "change", "192.0.2.10/24"), "02:00:00:00:dd:01")
	second := withMAC(static(ns, "second", "change", "192.0.2.11/24"), "02:00:00:00:dd:02")
	create(t, w, first, second)
	eventually(t, allocated(w, first))
	eventually(t, allocated(w, second))
	taken := v1alpha1.MACAddress("02:00:00:00:dd:01")
	eventually(t, func() error {
		if err := w.Admin.Get(t.Context(), keyOf(second), second); err != nil {
			return err
		}
		second.Spec.Networks[0].MACAddress = &taken
		return w.Admin.Update(t.Context(), second)
	})
	eventually(t, collides(w, second, v1alpha1.ReasonMACConflict))
	quiet(t, w)
	if l, err := lease(w, "192.0.2.11", "change"); err != nil || l.Spec.MAC != "02:00:00:00:dd:02" || l.Spec.Holder.UID != second.UID {
		t.Errorf("the lease of the second: %v %+v", err, l.Spec)
	}
	if err := collides(w, second, v1alpha1.ReasonMACConflict)(); err != nil || second.Status.Addresses != "192.0.2.11/24" {
		t.Errorf("%v; it publishes %q", err, second.Status.Addresses)
	}
	if err := conflictFree(w, first)(); err != nil {
		t.Error(err)
	}
}

func TestAMACAddressOfANodeRefusesAndOneThatAMachineReportsWarns(t *testing.T) {
	w := theWorld(t)
	ns, theirs := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	segments(t, w, "nics", map[string]string{"eth1": "nics", "eth2": "nics-other"}, ns)
	nodeReporting(t, w, "nics-1", "nics", interfaces(on("eth1", "ethernet", `"mac-address": "02:00:00:00:EE:01"`)))
	create(t, w, machineInstance(theirs, "secret-machine", kubevirtv1.VirtualMachineInstanceNetworkInterface{Name: "lab", MAC: "02:00:00:00:ee:02"}, "198.51.100.9"))
	onNode := withMAC(static(ns, "on-node", "nics", "192.0.2.10/24"), "02:00:00:00:ee:01")
	elsewhere := withMAC(static(ns, "elsewhere", "nics-other", "192.0.2.10/24"), "02:00:00:00:ee:01")
	onMachine := withMAC(static(ns, "on-machine", "nics", "192.0.2.11/24"), "02:00:00:00:ee:02")
	create(t, w, onNode, elsewhere, onMachine)
	eventually(t, collides(w, onNode, v1alpha1.ReasonMACConflict))
	mentions(t, messageOf(onNode, v1alpha1.ConditionConflictFree), "node nics-1", "interface eth1")
	eventually(t, allocated(w, elsewhere))
	eventually(t, allocated(w, onMachine))
	eventually(t, conflictFree(w, onMachine))
	mentions(t, messageOf(onMachine, v1alpha1.ConditionConflictFree), "a warning: ", "02:00:00:00:ee:02", "a machine elsewhere")
	namesNothingOf(t, onMachine, theirs, "secret-machine")

	report(t, w, "nics-1", interfaces(on("eth1", "ethernet", `"mac-address": "02:00:00:00:EE:03"`)))
	eventually(t, allocated(w, onNode))
}
