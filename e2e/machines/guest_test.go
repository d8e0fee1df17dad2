package machines

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const atEveryBoot = "#cloud-config\nupdates: {network: {when: [boot]}}\n"

// networkData gives an address to the interface with a MAC address.
func networkData(mac, address string) string {
	return "version: 2\nethernets:\n  net0: {match: {macaddress: \"" + mac + "\"}, set-name: net0, addresses: [" + address + "]}\n"
}

func TestAGuestFollowsNetworkDataAsCloudInitDoes(t *testing.T) {
	const one, two = "192.0.2.1/24", "192.0.2.2/24"
	first := seed{"id-1", networkData(mac, one), atEveryBoot}
	for name, c := range map[string]struct {
		first, second seed
		want          string
	}{
		"changed data counts at the next boot": {first, seed{"id-1", networkData(mac, two), atEveryBoot}, two},
		"changed data does not count when the user data of the first boot did not say so": {
			seed{"id-1", networkData(mac, one), "#cloud-config\n"}, seed{"id-1", networkData(mac, two), atEveryBoot}, one},
		"another instance id is a first boot": {
			seed{"id-1", networkData(mac, one), "#cloud-config\n"}, seed{"id-2", networkData(mac, two), ""}, two},
		"data about an interface that is not there changes nothing": {first, seed{"id-1", networkData("02:00:00:00:00:99", two), atEveryBoot}, one},
		"data with an unknown key changes nothing":                  {first, seed{"id-1", networkData(mac, two) + "gateway4: 192.0.2.254\n", atEveryBoot}, one},
		"data with a second document changes nothing":               {first, seed{"id-1", networkData(mac, two) + "---\nversion: 2\n", atEveryBoot}, one},
		"an address without a prefix changes nothing":               {first, seed{"id-1", networkData(mac, "192.0.2.2"), atEveryBoot}, one},
		"data below network counts, too":                            {first, seed{"id-1", "network:\n  " + strings.ReplaceAll(networkData(mac, two), "\n", "\n  "), atEveryBoot}, two},
	} {
		t.Run(name, func(t *testing.T) {
			d, hardware := &disk{}, []GuestNIC{{Name: "lan", MAC: strings.ToUpper(mac)}}
			d.boot(c.first, hardware)
			nic := d.boot(c.second, hardware).NIC("lan")
			if len(nic.Addresses) != 1 || nic.Addresses[0].String() != c.want || nic.Interface != "net0" {
				t.Errorf("the guest has %+v, want %s", nic, c.want)
			}
		})
	}
}

func TestAPodRunsOnlyWhereItFits(t *testing.T) {
	ready := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"zone": "north", "cpus": "8"}},
		Status: corev1.NodeStatus{Conditions: ready}}
	needs := func(key string, operator corev1.NodeSelectorOperator, values ...string) corev1.PodSpec {
		return corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
				{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: operator, Values: values}}}}}}}}
	}
	tainted := node.DeepCopy()
	tainted.Spec.Taints = []corev1.Taint{{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
	lost := node.DeepCopy()
	lost.Status.Conditions = nil
	const affinity = "node(s) didn't match Pod's node affinity/selector"
	for name, c := range map[string]struct {
		pod  corev1.PodSpec
		node *corev1.Node
		want string
	}{
		"it asks for nothing":                 {corev1.PodSpec{}, &node, ""},
		"the node has the selected label":     {corev1.PodSpec{NodeSelector: map[string]string{"zone": "north"}}, &node, ""},
		"the node lacks the selected label":   {corev1.PodSpec{NodeSelector: map[string]string{"zone": "south"}}, &node, affinity},
		"a label that exists is required":     {needs("zone", corev1.NodeSelectorOpExists), &node, ""},
		"a label that is missing is required": {needs("lan", corev1.NodeSelectorOpExists), &node, affinity},
		"one of several values is required":   {needs("zone", corev1.NodeSelectorOpIn, "south", "north"), &node, ""},
		"a value is excluded":                 {needs("zone", corev1.NodeSelectorOpNotIn, "north"), &node, affinity},
		"a number is large enough":            {needs("cpus", corev1.NodeSelectorOpGt, "4"), &node, ""},
		"a number is too small":               {needs("cpus", corev1.NodeSelectorOpGt, "8"), &node, affinity},
		"the node is tainted":                 {corev1.PodSpec{}, tainted, "node(s) had untolerated taint(s)"},
		"the taint is tolerated":              {corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}}, tainted, ""},
		"the node is not ready":               {corev1.PodSpec{}, lost, "node(s) were not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, misfit(&corev1.Pod{Spec: c.pod}, c.node)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
