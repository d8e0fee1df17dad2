package adoption

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestAWukongAsksForWhatItsMachineHas(t *testing.T) {
	s := scene{pools: append(office(t), object[v1alpha1.AddressPool](t, `
metadata: {name: six}
spec: {segment: {physicalNetwork: lab}, subnet: "2001:db8::/64", gateway: "2001:db8::1"}`)),
		csv: "address,name,namespace,segment\n198.51.100.9/28,db,team-a,lab.100\n",
		machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db",
			nic{"Data_2", "v100", "02:00:00:00:00:0b", guest, []string{"198.51.100.9"}},
			nic{"default", "lan", "02:00:00:00:00:0a", plugin, []string{"2001:db8::10", "192.0.2.11", "192.0.2.10"}})}}
	plan := NewPlan(s.facts(t), Rules{As: AsWukongs})
	if len(plan.Wukongs) != 1 {
		t.Fatalf("%d Wukongs: %s", len(plan.Wukongs), strings.Join(lines(plan), "\n"))
	}
	accepted(t, plan)
	var keeps []string
	for _, r := range plan.Reservations {
		keeps = append(keeps, fmt.Sprintf("%s for %s/%s/%s", r.Spec.Addresses[0], r.Spec.For.Namespace, r.Spec.For.Name, r.Spec.For.Network))
	}
	if diff := cmp.Diff([]string{"192.0.2.10 for team-a/db/net-default", "192.0.2.11 for team-a/db/net-default",
		"2001:db8::10 for team-a/db/net-default", "198.51.100.9 for team-a/db/data-2"}, keeps); diff != "" {
		t.Errorf("kept for it (-want +got):\n%s", diff)
	}
	want := object[v1alpha1.WukongSpec](t, `
virtualMachineName: db
guestConfig: Manual
networks:
- name: data-2
  hostNetwork: lab-100
  macAddress: "02:00:00:00:00:0b"
  ipConfig: {mode: static, address: 198.51.100.9/28}
- name: net-default
  hostNetwork: lab
  macAddress: "02:00:00:00:00:0a"
  ipConfig:
    mode: static
    address: 192.0.2.10/24
    gateway: 192.0.2.1
    additionalAddresses: [{address: 192.0.2.11/24}, {address: "2001:db8::10/64", gateway: "2001:db8::1"}]
`)
	if diff := cmp.Diff(want, plan.Wukongs[0].Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
