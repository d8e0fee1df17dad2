package machines

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestAMachineRunsOnceItsNodeItsAttachmentAndItsSecretAreThere(t *testing.T) {
	s := newStage(t, Options{})
	s.node("without", nil)
	s.machine("web", "web-1", "Always")
	s.printed("web", kubevirtv1.VirtualMachineStatusUnschedulable)
	if pod := s.pods("web")[0]; !strings.Contains(fmt.Sprint(pod.Status.Conditions), "0/1 nodes are available: 1 node(s) didn't match") {
		t.Errorf("the pod does not say why it has no node: %v", pod.Status.Conditions)
	}

	s.node("with", map[string]string{"lan": "true"})
	waits := func(text string) func() string {
		return func() string {
			for _, c := range s.pods("web")[0].Status.ContainerStatuses {
				if c.State.Waiting != nil && strings.Contains(c.State.Waiting.Message, text) {
					return ""
				}
			}
			return "the pod does not wait for " + text
		}
	}
	s.eventually(waits(`secret "web-1" not found`))
	s.document("web-1", mac, `192.0.2.10/24, "2001:db8::10/64"`)
	s.eventually(waits("cannot find a network-attachment-definition (wires)"))
	s.attachment("wires")
	s.reports("web", "192.0.2.10")

	vmi, pod := s.vmi("web"), s.pods("web")[0]
	nic := vmi.Status.Interfaces[0]
	if diff := cmp.Diff([]string{"192.0.2.10", "2001:db8::10", "fe80::ff:fe00:1"}, nic.IPs); diff != "" {
		t.Errorf("reported addresses (-want +got):\n%s", diff)
	}
	if nic.Name != "lan" || nic.MAC != mac || nic.InterfaceName != "net0" || !strings.Contains(nic.InfoSource, "guest-agent") {
		t.Errorf("reported %+v", nic)
	}
	if vmi.Status.NodeName != "with" || pod.Spec.NodeName != "with" || pod.Status.Phase != corev1.PodRunning ||
		pod.Annotations[kubevirtv1.DomainAnnotation] != "web" || pod.Labels["app"] != "web" || vmi.Labels["app"] != "web" {
		t.Errorf("instance on %s, pod on %s, %v %v", vmi.Status.NodeName, pod.Spec.NodeName, pod.Labels, pod.Annotations)
	}
	var phases []string
	for _, p := range vmi.Status.PhaseTransitionTimestamps {
		phases = append(phases, string(p.Phase))
	}
	if diff := cmp.Diff([]string{"Pending", "Scheduling", "Scheduled", "Running"}, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if !slices.Contains(vmi.Finalizers, kubevirtv1.VirtualMachineInstanceFinalizer) || vmi.Spec.Domain.Machine.Type == "" {
		t.Errorf("finalizers %v, machine %v", vmi.Finalizers, vmi.Spec.Domain.Machine)
	}
	s.printed("web", kubevirtv1.VirtualMachineStatusRunning)
}

func TestAGuestReportsWhatItHasAndNothingWithoutItsAgent(t *testing.T) {
	s := newStage(t, Options{})
	s.node("a", map[string]string{"lan": "true"})
	key := s.running("web")

	s.Drift(key, "lan", netip.MustParsePrefix("192.0.2.99/24"))
	s.reports("web", "192.0.2.99")
	if g, _ := s.Guest(key); g.NIC("lan").Addresses[0].String() != "192.0.2.99/24" {
		t.Errorf("the guest has %v", g.NICs)
	}
	s.Mend(key)
	s.reports("web", "192.0.2.10")

	s.AddGuestNIC(key, GuestNIC{MAC: "02:42:00:00:00:01", Interface: "docker0", Addresses: []netip.Prefix{netip.MustParsePrefix("172.17.0.1/16")}})
	s.eventually(func() string {
		for _, nic := range s.vmi("web").Status.Interfaces {
			if nic.Name == "" && nic.InterfaceName == "docker0" && nic.IP == "172.17.0.1" && nic.InfoSource == "guest-agent" {
				return ""
			}
		}
		return "docker0 is not reported"
	})

	s.SetAgent(key, WithoutAgent)
	s.eventually(func() string {
		vmi := s.vmi("web")
		silent := len(vmi.Status.Interfaces) == 1 && vmi.Status.Interfaces[0].IP == "" && vmi.Status.Interfaces[0].MAC == mac
		if !silent || instanceHas(vmi, kubevirtv1.VirtualMachineInstanceAgentConnected) {
			return fmt.Sprintf("without an agent it reports %+v", vmi.Status.Interfaces)
		}
		return ""
	})
}

func TestARunStrategySaysWhetherAMachineRuns(t *testing.T) {
	s := newStage(t, Options{})
	s.node("a", map[string]string{"lan": "true"})
	key := s.running("web")
	first := s.vmi("web").UID
	another := func() {
		t.Helper()
		s.eventually(func() string {
			if vmi := s.vmi("web"); vmi == nil || vmi.UID == first || vmi.Status.Phase != kubevirtv1.Running {
				return fmt.Sprintf("no other instance runs; trouble: %v", s.Trouble(key))
			}
			return ""
		})
		first = s.vmi("web").UID
	}
	none := func() {
		t.Helper()
		s.eventually(func() string {
			if s.vmi("web") != nil || len(s.pods("web")) > 0 {
				return "an instance is left"
			}
			return ""
		})
		s.printed("web", kubevirtv1.VirtualMachineStatusStopped)
	}

	t.Log("Always: whatever ends is started again")
	s.must(s.Restart(t.Context(), key))
	another()
	s.PowerOff(key)
	another()
	s.must(s.Stop(t.Context(), key))
	none()
	s.must(s.Start(t.Context(), key))
	another()

	t.Log("RerunOnFailure: what failed is started again, and what ended well is not")
	s.patch("web", `{"spec":{"runStrategy":"RerunOnFailure"}}`)
	s.Crash(key)
	another()
	s.PowerOff(key)
	s.phase("web", kubevirtv1.Succeeded)
	s.must(s.Start(t.Context(), key))
	another()

	t.Log("Manual: nothing happens by itself")
	s.patch("web", `{"spec":{"runStrategy":"Manual"}}`)
	s.must(s.Stop(t.Context(), key))
	none()
	s.must(s.Start(t.Context(), key))
	another()
	s.patch("web", `{"spec":{"runStrategy":"Halted"}}`)
	none()
}

func TestAChangedDocumentReachesTheGuestAtARestart(t *testing.T) {
	s := newStage(t, Options{})
	s.node("a", map[string]string{"lan": "true"})
	key := s.running("web")

	t.Log("what is in a Secret counts when the pod starts")
	s.must(s.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "web-1"}}))
	s.document("web-2", mac, "192.0.2.20/24")
	s.restartRequired("web", false)
	s.patch("web", `{"spec":{"template":{"spec":{"volumes":[{"name":"seed","cloudInitNoCloud":{"networkDataSecretRef":{"name":"web-2"},"secretRef":{"name":"web-2"}}}]}}}}`)
	s.restartRequired("web", true)
	s.reports("web", "192.0.2.10")
	s.must(s.Restart(t.Context(), key))
	s.reports("web", "192.0.2.20")
	s.restartRequired("web", false)

	t.Log("a document that names an interface which is not there changes nothing")
	s.document("web-3", "02:00:00:00:00:99", "192.0.2.30/24")
	s.patch("web", `{"spec":{"template":{"spec":{"volumes":[{"name":"seed","cloudInitNoCloud":{"networkDataSecretRef":{"name":"web-3"},"secretRef":{"name":"web-3"}}}]}}}}`)
	s.restartRequired("web", true)
	s.must(s.Restart(t.Context(), key))
	s.restartRequired("web", false)
	s.reports("web", "192.0.2.20")
	if g, _ := s.Guest(key); !strings.Contains(g.Refused, "02:00:00:00:00:99") {
		t.Errorf("refused: %q", g.Refused)
	}
}

func TestInterfacesArePluggedLiveAndOtherChangesNeedARestart(t *testing.T) {
	s := newStage(t, Options{})
	s.node("a", map[string]string{"lan": "true"})
	s.node("b", map[string]string{"lan": "true"})
	key := s.running("web")
	s.attachment("other")
	nics := func(names ...string) {
		t.Helper()
		s.eventually(func() string {
			vmi := s.vmi("web")
			var spec, reported []string
			for _, nic := range vmi.Spec.Domain.Devices.Interfaces {
				spec = append(spec, nic.Name)
			}
			for _, nic := range vmi.Status.Interfaces {
				reported = append(reported, nic.Name)
			}
			return cmp.Diff(names, spec) + cmp.Diff(names, reported)
		})
	}

	t.Log("an interface on a bridge is plugged in, and has no address before a restart")
	s.patch("web", `{"spec":{"template":{"spec":{"domain":{"devices":{"interfaces":[{"name":"lan","bridge":{},"macAddress":"`+mac+
		`"},{"name":"more","bridge":{},"macAddress":"02:00:00:00:00:02"}]}},
		"networks":[{"name":"lan","multus":{"networkName":"wires"}},{"name":"more","multus":{"networkName":"other"}}]}}}}`)
	nics("lan", "more")
	s.restartRequired("web", false)

	t.Log("another attachment is taken up by a migration")
	s.patch("web", `{"spec":{"template":{"spec":{"networks":[{"name":"lan","multus":{"networkName":"wires"}},{"name":"more","multus":{"networkName":"wires"}}]}}}}`)
	s.eventually(func() string {
		if !instanceHas(s.vmi("web"), kubevirtv1.VirtualMachineInstanceMigrationRequired) {
			return "no migration is required"
		}
		return ""
	})
	s.restartRequired("web", false)
	s.must(s.Migrate(t.Context(), key, ""))
	s.eventually(func() string {
		if got := s.vmi("web").Spec.Networks[1].Multus.NetworkName; got != "wires" {
			return "more is attached to " + got
		}
		return ""
	})

	t.Log("an interface of state absent is unplugged, and the template forgets it")
	s.patch("web", `{"spec":{"template":{"spec":{"domain":{"devices":{"interfaces":[{"name":"lan","bridge":{},"macAddress":"`+mac+
		`"},{"name":"more","bridge":{},"macAddress":"02:00:00:00:00:02","state":"absent"}]}}}}}}`)
	nics("lan")
	s.eventually(func() string {
		if n := len(s.vm("web").Spec.Template.Spec.Networks); n != 1 {
			return fmt.Sprintf("the template has %d networks", n)
		}
		return ""
	})
	s.restartRequired("web", false)

	t.Log("another MAC address, or more cores, need a restart")
	s.patch("web", `{"spec":{"template":{"spec":{"domain":{"cpu":{"cores":2}}}}}}`)
	s.restartRequired("web", true)
	s.patch("web", `{"spec":{"template":{"spec":{"domain":{"cpu":{"cores":1}}}}}}`)
	s.restartRequired("web", false)
	s.patch("web", `{"spec":{"template":{"spec":{"domain":{"devices":{"interfaces":[{"name":"lan","bridge":{},"macAddress":"02:00:00:00:00:09"}]}}}}}}`)
	s.restartRequired("web", true)
}

func TestAMigrationMovesAGuestToANodeThatFits(t *testing.T) {
	s := newStage(t, Options{})
	s.node("a", map[string]string{"lan": "true"})
	s.node("b", nil)
	key := s.running("web")
	uid := s.vmi("web").UID
	if err := s.Migrate(t.Context(), key, "a"); err == nil {
		t.Error("it migrates to where it is")
	}
	s.must(s.Migrate(t.Context(), key, "b"))
	s.eventually(func() string {
		for _, pod := range s.pods("web") {
			if strings.Contains(fmt.Sprint(pod.Status.Conditions), corev1.PodReasonUnschedulable) {
				return ""
			}
		}
		return "the pod on the target is not held up"
	})
	if vmi := s.vmi("web"); vmi.Status.NodeName != "a" || migrating(vmi) {
		t.Errorf("it moves to a node that does not fit: %+v", vmi.Status)
	}

	b := &corev1.Node{}
	s.must(s.client.Get(t.Context(), client.ObjectKey{Name: "b"}, b))
	b.Labels["lan"] = "true"
	s.must(s.client.Update(t.Context(), b))
	both := false
	s.eventually(func() string {
		both = both || len(s.vmi("web").Status.ActivePods) == 2
		vmi := s.vmi("web")
		if vmi.Status.NodeName != "b" || vmi.Status.MigrationState == nil || !vmi.Status.MigrationState.Completed {
			return "it has not moved"
		}
		return ""
	})
	s.reports("web", "192.0.2.10")
	if vmi := s.vmi("web"); !both || vmi.UID != uid || vmi.Status.MigrationState.SourceNode != "a" || vmi.Labels[kubevirtv1.NodeNameLabel] != "b" {
		t.Errorf("both pods ran at once: %v; %+v", both, vmi.Status)
	}
	s.eventually(func() string {
		ended := 0
		for _, pod := range s.pods("web") {
			if hasEnded(&pod) {
				ended++
			}
		}
		if ended != 1 {
			return fmt.Sprintf("%d of the pods have ended", ended)
		}
		return ""
	})
}

func TestAnInstanceStaysUntilItsPodHasEnded(t *testing.T) {
	s := newStage(t, Options{})
	s.node("a", map[string]string{"lan": "true"})
	key := s.running("web")
	s.Hold(key)
	s.must(s.client.Delete(t.Context(), s.vm("web")))
	s.printed("web", kubevirtv1.VirtualMachineStatusTerminating)
	s.eventually(func() string {
		if pods := s.pods("web"); len(pods) != 1 || pods[0].DeletionTimestamp.IsZero() {
			return "the pod was not asked to end"
		}
		return ""
	})
	if s.vmi("web") == nil {
		t.Error("the instance went before its pod")
	}
	s.LetGo(key)
	s.eventually(func() string {
		err := s.client.Get(t.Context(), key, &kubevirtv1.VirtualMachine{})
		if client.IgnoreNotFound(err) != nil || err == nil || s.vmi("web") != nil || len(s.pods("web")) > 0 {
			return "something is left"
		}
		return ""
	})
}
