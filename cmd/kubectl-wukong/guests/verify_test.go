package guests

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
)

// rowsOf writes each address with what is said of it: requested, delivered, observed, verdict.
func rowsOf(v *Verification) []string {
	var out []string
	for _, n := range v.Networks {
		for _, a := range n.Addresses {
			out = append(out, strings.Join([]string{a.Address, string(answerOf(a.Requested)), string(a.Delivered), string(a.Observed), string(a.Verdict)}, " "))
		}
	}
	return out
}

func TestVerify(t *testing.T) {
	const older = "web-net-older"
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	v4, v6 := "192.0.2.10/24 Yes Yes Yes Present", "2001:db8::10/64 Yes Yes Yes Present"
	reports := func(f *Facts, addresses ...string) {
		f.Instance.Status.Interfaces[0].IP, f.Instance.Status.Interfaces[0].IPs = "", addresses
	}
	tests := map[string]struct {
		before func(*Facts)
		after  func(*Facts)
		reason string
		rows   []string
		says   string
	}{
		"a guest that has everything is in sync": {
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}},
		"a further address is shown and changes nothing": {
			after:  func(f *Facts) { reports(f, "192.0.2.10", "2001:db8::10", "192.0.2.99") },
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6, "192.0.2.99 No No Yes Unexpected"}},
		"what waits for a restart and is not the guest's changes nothing": {
			after:  func(f *Facts) { f.Wukong.Status.PendingRestart = []string{"cpu 1 -> 2"} },
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}, says: "waits for a restart: cpu 1 -> 2"},
		"a missing family is explained": {
			after:  func(f *Facts) { reports(f, "192.0.2.10") },
			reason: v1alpha1.ReasonDrifted, rows: []string{v4, "2001:db8::10/64 Yes Yes No Missing"}, says: "#only-ipv6-is-missing"},
		"a missing IPv4 address beside an unexpected one points to what configures it": {
			after:  func(f *Facts) { reports(f, "192.0.2.99", "2001:db8::10") },
			reason: v1alpha1.ReasonDrifted, rows: []string{"192.0.2.10/24 Yes Yes No Missing", v6, "192.0.2.99 No No Yes Unexpected"}, says: "#the-guest-has-another-address"},
		"an interface without addresses points to cloud-init": {
			after:  func(f *Facts) { reports(f) },
			reason: v1alpha1.ReasonDrifted, rows: []string{"192.0.2.10/24 Yes Yes No Missing", "2001:db8::10/64 Yes Yes No Missing"}, says: "cloud-init status --long"},
		"without an agent nothing is known": {
			after:  func(f *Facts) { f.Instance.Status.Interfaces[0].InfoSource = "domain" },
			reason: v1alpha1.ReasonNoGuestAgent, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", "2001:db8::10/64 Yes Yes Unknown Unknown"}},
		"during a migration nothing is missing": {
			after: func(f *Facts) {
				f.Instance.Status.MigrationState = &kubevirtv1.VirtualMachineInstanceMigrationState{}
				reports(f, "2001:db8::10")
			},
			reason: v1alpha1.ReasonMachinePending, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", v6}, says: "moves to another node"},
		"during a migration what was known before counts": {
			after: func(f *Facts) {
				f.Instance.Status.MigrationState = &kubevirtv1.VirtualMachineInstanceMigrationState{}
				f.Wukong.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionGuestInSync, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonInSync, Message: "the guest reports every address"}}
				reports(f, "2001:db8::10")
			},
			reason: v1alpha1.ReasonInSync, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", v6}, says: "; before: the guest reports every address"},
		"a machine that is stopped": {
			after:  func(f *Facts) { f.Instance = nil },
			reason: v1alpha1.ReasonNotRunning, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", "2001:db8::10/64 Yes Yes Unknown Unknown"}, says: "virtctl start web-vm -n team-a"},
		"a machine that waits for a node": {
			after:  func(f *Facts) { f.Instance.Status.Phase = kubevirtv1.Scheduling },
			reason: v1alpha1.ReasonNotRunning, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", "2001:db8::10/64 Yes Yes Unknown Unknown"}, says: "kubectl describe vmi web-vm"},
		"a machine that nobody made": {
			after:  func(f *Facts) { f.Instance, f.Machine = nil, nil },
			reason: v1alpha1.ReasonNotRunning, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", "2001:db8::10/64 Yes Yes Unknown Unknown"}, says: "no VirtualMachine web-vm is known"},
		"a Wukong without disks asks for no machine": {
			after:  func(f *Facts) { f.Instance, f.Machine, f.Wukong.Spec.Disks = nil, nil, nil },
			reason: v1alpha1.ReasonNoMachineRequested, rows: []string{"192.0.2.10/24 Yes Yes Unknown Unknown", "2001:db8::10/64 Yes Yes Unknown Unknown"}},
		"an older document is compared by itself": {
			after: func(f *Facts) {
				start(f, older)
				f.AddSecret(older, secretOf("version: 2\nethernets: {net0: {match: {macaddress: \"02:00:00:00:00:0A\"}, addresses: [192.0.2.9/24, 2001:db8::10/64]}}\n", ""))
				reports(f, "192.0.2.9", "2001:db8::10")
			},
			reason: v1alpha1.ReasonRestartRequired, says: "virtctl restart web-vm -n team-a",
			rows: []string{"192.0.2.10/24 Yes No No RestartRequired", v6, "192.0.2.9/24 No Yes Yes RestartRequired"}},
		"an older document that may not be read is known by the record of the instance": {
			after: func(f *Facts) {
				f.Secrets = nil
				start(f, older)
				f.Instance.Annotations = map[string]string{v1alpha1.GuestNetworkAnnotation: `{"secret":"` + older + `","networks":[{"name":"lan","mac":"` + mac + `","addresses":[{"address":"192.0.2.9/24"}]}]}`}
				reports(f, "192.0.2.9")
			},
			reason: v1alpha1.ReasonRestartRequired,
			rows:   []string{"192.0.2.10/24 Yes No No RestartRequired", "2001:db8::10/64 Yes No No RestartRequired", "192.0.2.9/24 No Yes Yes RestartRequired"}},
		"an older document without any trace is not known": {
			after: func(f *Facts) {
				f.Secrets = nil
				start(f, older)
			},
			reason: v1alpha1.ReasonRestartRequired, rows: []string{"192.0.2.10/24 Yes Unknown Yes Present", "2001:db8::10/64 Yes Unknown Yes Present"}},
		"the name of the Secret stands for what was asked for": {
			after:  func(f *Facts) { f.Secrets = nil },
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}},
		"without the pool the status says what was asked for": {
			after:  func(f *Facts) { f.Pools = nil },
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}},
		"the Secret of somebody else's machine that may not be read stands for what was asked for": {
			before: foreign, after: func(f *Facts) { f.Secrets = nil },
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}},
		"somebody else's machine was started before its Secret had the address": {
			before: foreign, after: func(f *Facts) {
				f.Instance.CreationTimestamp = metav1.NewTime(noon)
				f.Wukong.Status.Networks[0].Addresses[0].Since = &metav1.Time{Time: noon.Add(time.Hour)}
				f.Wukong.Status.PendingRestart = []string{"network data: Secret web-net has other content since 2026-01-31T13:00:00Z, and the machine was started at 2026-01-31T12:00:00Z", "network lan: address 192.0.2.10/24 is new"}
				reports(f, "192.0.2.9", "2001:db8::10")
			},
			reason: v1alpha1.ReasonRestartRequired, says: "waits for a restart: network lan: address 192.0.2.10/24 is new",
			rows: []string{"192.0.2.10/24 Yes No No RestartRequired", v6, "192.0.2.9 No No Yes Unexpected"}},
		"somebody else's machine waited for its Secret": {
			before: foreign, after: func(f *Facts) {
				f.Instance.CreationTimestamp = metav1.NewTime(noon)
				f.Wukong.Status.Networks[0].Addresses[0].Since = &metav1.Time{Time: noon.Add(time.Minute)}
				f.Instance.Status.PhaseTransitionTimestamps = []kubevirtv1.VirtualMachineInstancePhaseTransitionTimestamp{
					{Phase: kubevirtv1.Scheduled, PhaseTransitionTimestamp: metav1.NewTime(noon.Add(2 * time.Minute))}}
			},
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}},
		"somebody else's machine was started before its gateway changed": {
			before: foreign, after: func(f *Facts) {
				f.Instance.CreationTimestamp = metav1.NewTime(noon)
				f.Wukong.Status.NetworkDataSince = &metav1.Time{Time: noon.Add(time.Hour)}
			},
			reason: v1alpha1.ReasonRestartRequired, rows: []string{v4, v6}, says: "an older content of Secret web-net"},
		"somebody else's machine waits for a restart for reasons of its own": {
			before: foreign, after: func(f *Facts) { f.Wukong.Status.PendingRestart = []string{"KubeVirt asks for it: memory changed"} },
			reason: v1alpha1.ReasonInSync, rows: []string{v4, v6}},
		"somebody else's machine that refers to no Secret is told nothing": {
			before: foreign, after: func(f *Facts) { start(f, "") },
			reason: v1alpha1.ReasonDrifted, says: "cloudInitNoCloud volume with networkDataSecretRef web-net",
			rows: []string{"192.0.2.10/24 Yes No Yes Present", "2001:db8::10/64 Yes No Yes Present"}},
		"somebody else's machine that refers to another Secret": {
			before: foreign, after: func(f *Facts) { start(f, "own") },
			reason: v1alpha1.ReasonDrifted, says: "takes its network data from Secret own, and Secret web-net has what is asked for",
			rows: []string{"192.0.2.10/24 Yes Unknown Yes Present", "2001:db8::10/64 Yes Unknown Yes Present"}},
		"somebody else's machine that refers to the Secret since": {
			before: foreign, after: func(f *Facts) {
				start(f, "")
				f.Machine.Spec.Template = &kubevirtv1.VirtualMachineInstanceTemplateSpec{}
				f.Machine.Spec.Template.Spec.Volumes = volumes("web-net")
			},
			reason: v1alpha1.ReasonRestartRequired, says: "was started without network data, and Secret web-net has it now",
			rows: []string{"192.0.2.10/24 Yes No Yes Present", "2001:db8::10/64 Yes No Yes Present"}},
		"nothing is delivered to a guest that is configured by hand": {
			before: func(f *Facts) { f.Wukong.Spec.GuestConfig = v1alpha1.GuestConfigManual },
			reason: v1alpha1.ReasonInSync, rows: []string{"192.0.2.10/24 Yes No Yes Present", "2001:db8::10/64 Yes No Yes Present"}},
		"whatever a guest has by DHCP is right": {
			before: func(f *Facts) {
				f.Wukong.Spec.Networks[0].IPConfig = &v1alpha1.IPConfig{Mode: v1alpha1.IPModeDHCP}
				f.Wukong.Status.Networks[0].Addresses = nil
			},
			reason: v1alpha1.ReasonInSync, rows: []string{"192.0.2.10 No No Yes Present", "2001:db8::10 No No Yes Present"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var before []func(*Facts)
			if tc.before != nil {
				before = append(before, tc.before)
			}
			f := scene(t, before...)
			if tc.after != nil {
				tc.after(&f)
			}
			got, err := f.Verify()
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := got.Write(&text, answer.Form{}); err != nil {
				t.Fatal(err)
			}
			if got.Reason != tc.reason || !strings.Contains(text.String(), tc.says) {
				t.Errorf("want %s and %q, got\n%s", tc.reason, tc.says, text.String())
			}
			if diff := cmp.Diff(tc.rows, rowsOf(got)); diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThereIsNothingToVerifyBeforeAControllerLooked(t *testing.T) {
	f := scene(t)
	f.Wukong.Status = v1alpha1.WukongStatus{ObservedGeneration: -1}
	if got, err := f.Verify(); err == nil || !strings.Contains(err.Error(), "has not looked") {
		t.Errorf("got %+v, %v", got, err)
	}
}
