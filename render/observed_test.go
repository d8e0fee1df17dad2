package render_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

const (
	lanMAC = "02:00:00:00:00:01"
	dmzMAC = "02:00:00:00:00:02"
)

// lanAndDMZ asks for dual stack on lan and for one address on dmz.
func lanAndDMZ() []render.Asked {
	return []render.Asked{
		{Network: "lan", Interface: "net0", MAC: lanMAC, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("2001:db8::10/64")}},
		{Network: "dmz", Interface: "net1", MAC: dmzMAC, Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.10/24")}},
	}
}

type nic = kubevirtv1.VirtualMachineInstanceNetworkInterface

// reported is an interface of which the guest agent told.
func reported(name, mac string, ips ...string) nic {
	return nic{Name: name, MAC: mac, IPs: ips, InfoSource: "domain, guest-agent"}
}

func running(nics ...nic) *kubevirtv1.VirtualMachineInstance {
	return &kubevirtv1.VirtualMachineInstance{Status: kubevirtv1.VirtualMachineInstanceStatus{Phase: kubevirtv1.Running, Interfaces: nics}}
}

func connected(vmi *kubevirtv1.VirtualMachineInstance) *kubevirtv1.VirtualMachineInstance {
	vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceAgentConnected, Status: corev1.ConditionTrue}}
	return vmi
}

func TestWhatAGuestReportsIsComparedPerAddress(t *testing.T) {
	const present, missing, unknown = v1alpha1.GuestAddressPresent, v1alpha1.GuestAddressMissing, v1alpha1.GuestAddressUnknown
	dmz := reported("dmz", dmzMAC, "198.51.100.10")
	for name, c := range map[string]struct {
		vmi        *kubevirtv1.VirtualMachineInstance
		want       []v1alpha1.GuestAddress // of lan, both families, then of dmz
		unexpected []string
		first      string // the first difference
	}{
		"a guest that has everything is in sync, whatever link-local addresses it has beside": {
			vmi: running(reported("lan", lanMAC, "192.0.2.10", "2001:db8::10", "fe80::1", "169.254.3.4"), dmz), want: []v1alpha1.GuestAddress{present, present, present}},
		"the order of the sources, upper case and prefix lengths do not matter": {
			vmi:  running(nic{Name: "lan", MAC: "02-00-00-00-00-01", IP: "192.0.2.10/24", IPs: []string{"192.0.2.10/24", "::ffff:192.0.2.10", "2001:DB8::10"}, InfoSource: "guest-agent,multus-status, domain"}, dmz),
			want: []v1alpha1.GuestAddress{present, present, present}},
		"interfaces are matched by MAC address, not by name": {
			vmi: running(reported("dmz", lanMAC, "192.0.2.10", "2001:db8::10"), reported("lan", dmzMAC, "198.51.100.10")), want: []v1alpha1.GuestAddress{present, present, present}},
		"an interface without MAC address is matched by its name": {
			vmi: running(reported("lan", "", "192.0.2.10", "2001:db8::10"), dmz), want: []v1alpha1.GuestAddress{present, present, present}},
		"one family is missing": {
			vmi: running(reported("lan", lanMAC, "192.0.2.10"), dmz), want: []v1alpha1.GuestAddress{present, missing, present},
			first: "network lan: the guest does not report 2001:db8::10/64 on net0 with MAC address 02:00:00:00:00:01: it reports 192.0.2.10 there"},
		"another address is reported instead": {
			vmi: running(reported("lan", lanMAC, "192.0.2.99", "2001:db8::10"), dmz), want: []v1alpha1.GuestAddress{missing, present, present}, unexpected: []string{"192.0.2.99"},
			first: "network lan: the guest does not report 192.0.2.10/24 on net0 with MAC address 02:00:00:00:00:01: it reports 192.0.2.99, 2001:db8::10 there"},
		"a further address is unexpected, and nothing is missing": {
			vmi: running(reported("lan", lanMAC, "192.0.2.10", "2001:db8::10", "2001:db8::5054:ff:fe00:1"), dmz), want: []v1alpha1.GuestAddress{present, present, present}, unexpected: []string{"2001:db8::5054:ff:fe00:1"}},
		"an interface is not reported": {
			vmi: running(dmz), want: []v1alpha1.GuestAddress{missing, missing, present},
			first: "network lan: the guest does not report 192.0.2.10/24 on net0 with MAC address 02:00:00:00:00:01: it reports no such interface"},
		"an interface has no address": {
			vmi: running(reported("lan", lanMAC, "fe80::1"), dmz), want: []v1alpha1.GuestAddress{missing, missing, present},
			first: "network lan: the guest does not report 192.0.2.10/24 on net0 with MAC address 02:00:00:00:00:01: it reports no address there"},
		"the interface has another MAC address": {
			vmi: running(reported("lan", "02:00:00:00:00:99", "192.0.2.99"), dmz), want: []v1alpha1.GuestAddress{missing, missing, present},
			first: "network lan: the guest does not report 192.0.2.10/24 on net0 with MAC address 02:00:00:00:00:01: its interface lan has MAC address 02:00:00:00:00:99"},
		"an address sits on the other interface": {
			vmi: running(reported("lan", lanMAC, "2001:db8::10"), reported("dmz", dmzMAC, "198.51.100.10", "192.0.2.10")), want: []v1alpha1.GuestAddress{missing, present, present}, unexpected: []string{"192.0.2.10"},
			first: "network lan: the guest does not report 192.0.2.10/24 on net0 with MAC address 02:00:00:00:00:01: it has it on net1 of network dmz"},
		"an interface that the guest made is not one of ours": {
			vmi: running(reported("lan", lanMAC, "2001:db8::10"), dmz, reported("", "02:00:00:00:00:77", "192.0.2.10")), want: []v1alpha1.GuestAddress{missing, present, present},
			first: "network lan: the guest does not report 192.0.2.10/24 on net0 with MAC address 02:00:00:00:00:01: it has it on an interface with MAC address 02:00:00:00:00:77"},
		"a bridge that the guest made on top of the interface answers for it, and its own addresses are its own affair": {
			vmi: running(reported("lan", lanMAC), dmz, reported("", lanMAC, "192.0.2.10", "2001:db8::10", "10.0.0.1")), want: []v1alpha1.GuestAddress{present, present, present}},
		"without a guest agent nothing is known": {
			vmi: running(nic{Name: "lan", MAC: lanMAC, InfoSource: "domain"}), want: []v1alpha1.GuestAddress{unknown, unknown, unknown}},
		"what the attachment says is no report of the guest": {
			vmi: running(nic{Name: "lan", MAC: lanMAC, IPs: []string{"192.0.2.10"}, InfoSource: "multus-status"}), want: []v1alpha1.GuestAddress{unknown, unknown, unknown}},
		"an agent that is there and has told nothing yet means nothing": {
			vmi: connected(running(nic{Name: "lan", MAC: lanMAC, InfoSource: "domain"})), want: []v1alpha1.GuestAddress{unknown, unknown, unknown}},
		"an old KubeVirt says only that the agent is there": {
			vmi: connected(running(nic{MAC: lanMAC, IP: "192.0.2.10"})), want: []v1alpha1.GuestAddress{present, missing, missing},
			first: "network lan: the guest does not report 2001:db8::10/64 on net0 with MAC address 02:00:00:00:00:01: it reports 192.0.2.10 there"},
		"a machine that does not run reports nothing": {
			vmi:  &kubevirtv1.VirtualMachineInstance{Status: kubevirtv1.VirtualMachineInstanceStatus{Phase: kubevirtv1.Succeeded, Interfaces: []nic{reported("lan", lanMAC, "192.0.2.10")}}},
			want: []v1alpha1.GuestAddress{unknown, unknown, unknown}},
		"no machine": {want: []v1alpha1.GuestAddress{unknown, unknown, unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			observed := render.Observe(lanAndDMZ(), render.ReportOf(c.vmi))
			if diff := cmp.Diff(c.want, append(observed[0].Guest, observed[1].Guest...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			var unexpected []string
			for _, o := range observed {
				for _, a := range o.Unexpected {
					unexpected = append(unexpected, a.String())
				}
			}
			if diff := cmp.Diff(c.unexpected, unexpected); diff != "" {
				t.Errorf("unexpected addresses (-want +got)\n%s", diff)
			}
			first := ""
			if found := render.Differences(observed); len(found) > 0 {
				first = found[0].Message
			}
			if diff := cmp.Diff(c.first, first); diff != "" {
				t.Errorf("first difference (-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhileAMachineMovesToAnotherNodeSilenceMeansNothing(t *testing.T) {
	for name, c := range map[string]struct {
		state *kubevirtv1.VirtualMachineInstanceMigrationState
		want  v1alpha1.GuestAddress
	}{
		"under way":           {&kubevirtv1.VirtualMachineInstanceMigrationState{}, v1alpha1.GuestAddressUnknown},
		"done":                {&kubevirtv1.VirtualMachineInstanceMigrationState{Completed: true}, v1alpha1.GuestAddressMissing},
		"given up":            {&kubevirtv1.VirtualMachineInstanceMigrationState{Failed: true}, v1alpha1.GuestAddressMissing},
		"there never was one": {nil, v1alpha1.GuestAddressMissing},
	} {
		t.Run(name, func(t *testing.T) {
			vmi := running(reported("lan", lanMAC, "192.0.2.10"))
			vmi.Status.MigrationState = c.state
			got := render.Observe(lanAndDMZ(), render.ReportOf(vmi))[0].Guest
			if want := []v1alpha1.GuestAddress{v1alpha1.GuestAddressPresent, c.want}; cmp.Diff(want, got) != "" {
				t.Errorf("want %v, got %v", want, got)
			}
		})
	}
}

func TestAnInterfaceWhoseMACAddressIsNotKnownIsMatchedByNameOrNotAtAll(t *testing.T) {
	asked := lanAndDMZ()
	asked[0].MAC, asked[1].MAC = "", ""
	observed := render.Observe(asked, render.ReportOf(running(reported("lan", lanMAC, "192.0.2.10"), reported("other", dmzMAC, "198.51.100.10"))))
	got := append(observed[0].Guest, observed[1].Guest...)
	want := []v1alpha1.GuestAddress{v1alpha1.GuestAddressPresent, v1alpha1.GuestAddressMissing, v1alpha1.GuestAddressUnknown}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	first := render.Differences(observed)[0].Message
	if diff := cmp.Diff("network lan: the guest does not report 2001:db8::10/64 on net0: it reports 192.0.2.10 there", first); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAGuestWithDHCPIsNeverFoundToDiffer(t *testing.T) {
	asked := []render.Asked{{Network: "lan", Interface: "net0", MAC: lanMAC}}
	observed := render.Observe(asked, render.ReportOf(running(reported("lan", lanMAC, "192.0.2.77"))))
	if len(observed[0].Unexpected)+len(render.Differences(observed)) > 0 {
		t.Errorf("%+v", observed)
	}
	if render.Listed(observed[0].Found) != "192.0.2.77" {
		t.Errorf("found %v", observed[0].Found)
	}
}

// Invariant 8: what a guest reports is bounded before anybody repeats it.
func TestASentenceAboutAHostileReportStaysShortAndRepeatsNoTextOfTheGuest(t *testing.T) {
	const evil = "\n\x1b[31m evil"
	vmi := running()
	for i := range 10_000 {
		report := reported(evil, lanMAC, fmt.Sprintf("10.%d.%d.1", i/250, i%250), strings.Repeat("9", 1000), evil)
		report.InterfaceName = evil
		vmi.Status.Interfaces = append(vmi.Status.Interfaces, report)
	}
	found := render.Differences(render.Observe(lanAndDMZ(), render.ReportOf(vmi)))
	if len(found) != 3 {
		t.Fatalf("%d differences", len(found))
	}
	for _, d := range found {
		if len(d.Message) > 300 || strings.Contains(d.Message, "evil") {
			t.Errorf("%d bytes: %.400s", len(d.Message), d.Message)
		}
	}
}
