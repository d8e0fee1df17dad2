package inspect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
)

var noon = metav1.NewTime(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))

// asking is a Wukong that is refused an explicit address of segment lab.100.
func asking(reason string) *v1alpha1.Wukong {
	w := refused(reason)
	address := v1alpha1.CIDR("192.0.2.10/24")
	w.Spec.Networks[0].IPConfig = &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &address}
	w.Status.Networks[0].Segment, w.Status.Networks[0].MACAddress = "lab.100", "02:00:00:aa:bb:01"
	return w
}

func lease(phase v1alpha1.LeasePhase) v1alpha1.AddressLease {
	return v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-192-0-2-10.lab.100"}, Spec: v1alpha1.AddressLeaseSpec{
		Address: "192.0.2.10", Segment: "lab.100", Phase: phase, Since: noon, Holder: &v1alpha1.LeaseHolder{Namespace: "team-b", Name: "old", Network: "lan"}}}
}

// network is a HostNetwork lab that HostUplink workers serves.
func network(ready metav1.ConditionStatus) v1alpha1.HostNetwork {
	n := v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "lab"}}
	n.Status.Uplinks = []string{"workers"}
	n.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: ready, Reason: v1alpha1.ReasonApplied}}
	return n
}

func uplink() v1alpha1.HostUplink {
	u := v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "workers"}}
	u.Status.Revision = "wukong-workers-abc"
	return u
}

func TestExplanationsOfWukongs(t *testing.T) {
	paused := uplink()
	paused.Spec.Paused = true
	onNode := refused(v1alpha1.ReasonNodeNotConfigured)
	onNode.Status.NodeName = "node-a"
	restart := refused(v1alpha1.ReasonRestartRequired)
	restart.Status.VMName, restart.Status.PendingRestart = "web-vm", []string{"network lan: address 192.0.2.9/24 -> 192.0.2.10/24"}
	nowhere := refused(v1alpha1.ReasonHostNetworkNotFound)
	nowhere.Status.Networks[0].HostNetwork, nowhere.Status.Networks[0].CandidateUplinks = "", []string{"eth1"}
	tests := map[string]struct {
		wukong   *v1alpha1.Wukong
		facts    func(*inspect.Facts)
		evidence string
		fix      string
	}{
		"an address that rests can be freed by an engineer": {asking(v1alpha1.ReasonAddressCooling),
			func(f *inspect.Facts) { f.Leases = []v1alpha1.AddressLease{lease(v1alpha1.LeaseCooling)} },
			"AddressLease/ip-192-0-2-10.lab.100 2026-01-31T12:00:00Z Cooling, team-b/old had it last",
			"kubectl wukong ip release 192.0.2.10 --segment lab.100 --reason TEXT"},
		"a lease that may not be read is named, with whom to ask": {asking(v1alpha1.ReasonAddressInUse),
			func(f *inspect.Facts) { f.Unread.Insert(inspect.KindLease) },
			"AddressLease/ip-192-0-2-10.lab.100  not readable with your rights",
			"an engineer sees who has it: kubectl wukong why 192.0.2.10"},
		"a MAC address leads to whoever else has it": {asking(v1alpha1.ReasonMACConflict), nil,
			"network lan  has the MAC address 02:00:00:aa:bb:01",
			"kubectl wukong ip who 02:00:00:aa:bb:01"},
		"a quota leads to what the namespace holds": {asking(v1alpha1.ReasonAddressQuotaExceeded), nil,
			"Wukong/team-a/web  spec.networks[0].ipConfig.address asks for 192.0.2.10/24",
			"kubectl wukong ip list -n team-a"},
		"without a HostNetwork those that there are are named, and NICs that could serve": {nowhere,
			func(f *inspect.Facts) { f.HostNetworks = []v1alpha1.HostNetwork{network(metav1.ConditionTrue)} },
			"nodes  report NICs that could serve as an uplink: eth1",
			"name one: spec.networks[0].hostNetwork"},
		"a rollout that is paused is resumed": {refused(v1alpha1.ReasonPaused), func(f *inspect.Facts) {
			f.HostNetworks, f.HostUplinks = []v1alpha1.HostNetwork{network(metav1.ConditionFalse)}, []v1alpha1.HostUplink{paused}
		}, "HostUplink/workers  spec.paused is true, so no node moves", "kubectl wukong host resume workers"},
		"a node that lacks a network which is Ready as a whole is looked at": {onNode, func(f *inspect.Facts) {
			f.HostNetworks, f.HostUplinks = []v1alpha1.HostNetwork{network(metav1.ConditionTrue)}, []v1alpha1.HostUplink{uplink()}
			f.Nodes = []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-a", Labels: map[string]string{v1alpha1.UplinkLabelPrefix + "workers": "old"}}}}
		}, "node node-a  Waiting: is on wukong-workers-old", "kubectl wukong host status workers"},
		"what waits for a restart is told line by line": {restart, nil,
			"VirtualMachine/web-vm  waits for a restart: network lan: address 192.0.2.9/24 -> 192.0.2.10/24",
			"kubectl wukong guest verify team-a/web"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			facts := inspect.Facts{Unread: sets.New[string]()}
			if tc.facts != nil {
				tc.facts(&facts)
			}
			e := facts.WhyWukong(tc.wukong)
			var seen []string
			for _, one := range e.Evidence {
				seen = append(seen, one.Object+" "+one.Since+" "+one.Text)
			}
			if !slices.Contains(seen, tc.evidence) {
				t.Errorf("evidence %q lacks %q", seen, tc.evidence)
			}
			if !slices.ContainsFunc(e.Fix, func(fix string) bool { return strings.HasSuffix(fix, tc.fix) }) {
				t.Errorf("fixes %q lack %q", e.Fix, tc.fix)
			}
		})
	}
}

// eventAt is an event about Wukong team-a/web.
func eventAt(at time.Time, reason, note string) eventsv1.Event {
	return eventsv1.Event{EventTime: metav1.NewMicroTime(at), Reason: reason, Note: note,
		Regarding: corev1.ObjectReference{Kind: "Wukong", Namespace: "team-a", Name: "web"}}
}

func TestATimelineTellsEachThingOnceAndKnowsOnlyTheSubjects(t *testing.T) {
	w := refused(v1alpha1.ReasonPoolExhausted)
	w.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(-time.Hour)) // not Ready since, for another reason
	w.Status.Conditions = append(w.Status.Conditions,
		metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPoolExhausted, LastTransitionTime: noon},
		metav1.Condition{Type: v1alpha1.ConditionConflictFree, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNoConflict, LastTransitionTime: metav1.NewTime(noon.Add(time.Minute))})
	other := eventAt(noon.Time, "AddressLeased", "of somebody else")
	other.Regarding.Name = "db"
	repeated := eventAt(noon.Add(-2*time.Hour), "AddressLeased", "again and again")
	repeated.Series = &eventsv1.EventSeries{Count: 7, LastObservedTime: metav1.NewMicroTime(noon.Add(2 * time.Minute))}
	facts := inspect.Facts{Unread: sets.New[string](), Events: []eventsv1.Event{repeated, other, eventAt(noon.Time, v1alpha1.ReasonPoolExhausted, "something is wrong")}}
	facts.Wukongs = []v1alpha1.Wukong{*w}
	facts.Leases = []v1alpha1.AddressLease{lease(v1alpha1.LeaseCooling)}
	told := func(since time.Time) []string {
		var out []string
		for _, e := range facts.Timeline(facts.Subjects(), since).Entries {
			out = append(out, e.At[11:16]+" "+e.Reason)
		}
		return out
	}
	want := []string{"12:00 Cooling", "12:00 PoolExhausted", "12:01 NoConflict", "12:02 AddressLeased"}
	if got := told(time.Time{}); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := told(noon.Add(time.Second)); !slices.Equal(got, want[2:]) {
		t.Errorf("since a second later: %q, want %q", got, want[2:])
	}
	all := facts.Timeline(facts.Subjects(), time.Time{})
	if last := all.Entries[len(all.Entries)-1]; last.Count != 7 {
		t.Errorf("an event that was repeated counts %d", last.Count)
	}
	if rest := all.Since(facts.Timeline(facts.Subjects(), time.Time{})); len(rest.Entries) != 0 {
		t.Errorf("what was shown is new: %v", rest.Entries)
	}
}

func TestTheNodesOfAStatus(t *testing.T) {
	labelled := func(name, hash, applied string) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.UplinkLabelPrefix + "workers": hash},
			Annotations: map[string]string{v1alpha1.AppliedAnnotationPrefix + "workers": applied}}}
	}
	external := uplink()
	external.Status.Revision, external.Spec.Management, external.Spec.ExternalPolicy = "", v1alpha1.ManagementExternal, "lab"
	external.Status.Networks = []string{"lab"}
	pipeline := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-x", Labels: map[string]string{v1alpha1.NetworkLabelPrefix + "lab": v1alpha1.NetworkLabelValue}}}
	tests := map[string]struct {
		uplink v1alpha1.HostUplink
		nodes  []corev1.Node
		want   string
	}{
		"one that proved the revision has it":                        {uplink(), []corev1.Node{labelled("node-a", "abc", "abc")}, "node-a True Applied"},
		"one that was moved and has proved nothing is at work":       {uplink(), []corev1.Node{labelled("node-a", "abc", "")}, "node-a False Applying"},
		"one on an earlier revision waits":                           {uplink(), []corev1.Node{labelled("node-a", "old", "old")}, "node-a False Waiting"},
		"one that has nothing yet waits":                             {uplink(), []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}}}, "node-a False Waiting"},
		"the label of the network tells where a pipeline applies it": {external, []corev1.Node{pipeline}, "node-x True Applied"},
		"without the label the pipeline's policy is not there yet":   {external, []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-y"}}}, "node-y False Applying"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			facts := inspect.Facts{Unread: sets.New[string]()}
			facts.Wukongs = []v1alpha1.Wukong{*refused(v1alpha1.ReasonNodeNetworkProgressing)}
			facts.HostNetworks, facts.HostUplinks, facts.Nodes = []v1alpha1.HostNetwork{network(metav1.ConditionFalse)}, []v1alpha1.HostUplink{tc.uplink}, tc.nodes
			node := facts.Status().Wukongs[0].Below[0].Below[0].Below[0].Below[0]
			if got := node.Name + " " + string(node.Ready) + " " + node.Reason; got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
