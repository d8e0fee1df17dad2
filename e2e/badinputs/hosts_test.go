package badinputs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// declaration is an uplink, a network or both, and what is said about them. NAME in a spec stands for the name of both, and
// GOODPOLICY for the policy that the neighbour's nodes have.
type declaration struct {
	uplink, network string
	// about is the kind whose Ready has the reason and the words; empty where the schema refuses.
	about  string
	reason string
	words  []string
}

const (
	anUplink = `{physicalNetwork: NAME, interface: eth1, nodeSelector: {matchLabels: {role: odd}}}`
	// aNetwork is built at once, so that whatever is wrong with its uplink shows.
	aNetwork = `{physicalNetwork: NAME, provision: Always, bridge: {name: br-NAME}}`
)

// replaced is a spec with another text in it.
func replaced(t string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(t) }

func uplinkProblem(uplink, reason string, words ...string) declaration {
	return declaration{uplink, aNetwork, "HostUplink", reason, words}
}

func networkProblem(network, reason string, words ...string) declaration {
	return declaration{anUplink, network, "HostNetwork", reason, words}
}

var declarations = map[string]declaration{
	// Uplinks that no node can give (P-08, P-09).
	"the NIC with the node's address": uplinkProblem(replaced(anUplink, "eth1", "eth0"), v1alpha1.ReasonNoEligibleNodes, "odd-1", "eth0"),
	"a NIC that no node has":          uplinkProblem(replaced(anUplink, "eth1", "eth9"), v1alpha1.ReasonNoEligibleNodes, "odd-1", `no interface "eth9"`, "eth1"),
	"a port of somebody's bridge":     uplinkProblem(replaced(anUplink, "eth1", "eth2"), v1alpha1.ReasonNoEligibleNodes, "odd-1", "eth2 is a port of", "theirs"),
	"somebody's bridge by its name":   networkProblem(replaced(aNetwork, "br-NAME", "theirs"), v1alpha1.ReasonNoEligibleNodes, "theirs", "choose another name"),
	"no node at all":                  uplinkProblem(replaced(anUplink, "role: odd", "role: none"), v1alpha1.ReasonNoMatchingNodes),
	"a label that no node can have":   uplinkProblem(replaced(anUplink, "role: odd", `role: "a b"`), v1alpha1.ReasonInvalidSpec, "spec.nodeSelector"),
	"an operator that does not exist": uplinkProblem(`{physicalNetwork: NAME, interface: eth1, nodeSelector: {matchExpressions: [{key: a, operator: Near}]}}`,
		v1alpha1.ReasonInvalidSpec, "spec.nodeSelector", "Near"),
	"an operator without its values": uplinkProblem(`{physicalNetwork: NAME, interface: eth1, nodeSelector: {matchExpressions: [{key: a, operator: In}]}}`,
		v1alpha1.ReasonInvalidSpec, "spec.nodeSelector"),
	"257 labels": {`{physicalNetwork: NAME, interface: eth1, nodeSelector: {matchLabels: {` + labels(257) + `}}}`, "", "", "",
		[]string{"spec.nodeSelector", "at most 64 labels"}},
	// The older uplink keeps the nodes, and the neighbour its network.
	"the neighbour's nodes and fabric": {`{physicalNetwork: good, interface: eth2, nodeSelector: {matchLabels: {fabric: good}}}`, "", "HostUplink",
		v1alpha1.ReasonNoEligibleNodes, []string{"good-1", `HostUplink "good"`}},
	"the neighbour's fabric with another native VLAN": {`{physicalNetwork: good, interface: eth2, nativeVlan: 5, nodeSelector: {matchLabels: {role: odd}}}`, "", "HostUplink",
		v1alpha1.ReasonNativeVLANMismatch, []string{"spec.nativeVlan", "good"}},

	// Values that the schema knows to be wrong.
	"loopback as uplink":               {replaced(anUplink, "eth1", "lo"), "", "", "", []string{"spec.interface", "choose another interface name"}},
	"a name that is too long":          {replaced(anUplink, "eth1", "a-name-of-16-chr"), "", "", "", []string{"spec.interface", "15"}},
	"a pattern of names":               {replaced(anUplink, "eth1", `"eth*"`), "", "", "", []string{"spec.interface"}},
	"a name with a line break":         {replaced(anUplink, "eth1", `"eth1\nstate: absent"`), "", "", "", []string{"spec.interface"}},
	"a name that is a number":          {replaced(anUplink, "eth1", "1101010"), "", "", "", []string{"spec.interface", "string"}},
	"both kinds of uplink":             {replaced(anUplink, "eth1", "eth1, bond: {name: bond0, mode: active-backup, ports: [eth1]}"), "", "", "", []string{"give either interface or bond"}},
	"no uplink":                        {`{physicalNetwork: NAME, nodeSelector: {}}`, "", "", "", []string{"give either interface or bond"}},
	"a bond of itself":                 {`{physicalNetwork: NAME, nodeSelector: {}, bond: {name: eth1, mode: active-backup, ports: [eth1]}}`, "", "", "", []string{"name must not be one of the ports"}},
	"a bond of an unknown mode":        {`{physicalNetwork: NAME, nodeSelector: {}, bond: {name: bond0, mode: fastest, ports: [eth1]}}`, "", "", "", []string{"spec.bond.mode"}},
	"a fabric that is no label":        {replaced(anUplink, "NAME", "a.b"), "", "", "", []string{"spec.physicalNetwork"}},
	"an MTU below that of IPv4":        {replaced(anUplink, "eth1", "eth1, mtu: 67"), "", "", "", []string{"spec.mtu"}},
	"no node may be in transition":     {replaced(anUplink, "eth1", "eth1, rollout: {maxUnavailable: 0%}"), "", "", "", []string{"spec.rollout.maxUnavailable"}},
	"more nodes than numbers":          {replaced(anUplink, "eth1", "eth1, rollout: {maxUnavailable: 4294967296}"), "", "", "", []string{"spec.rollout.maxUnavailable"}},
	"a bridge that the kernel refuses": {"", replaced(aNetwork, "br-NAME", "br/0"), "", "", []string{"spec.bridge.name"}},
	"a bridge of Docker":               {"", replaced(aNetwork, "br-NAME", "docker0"), "", "", []string{"spec.bridge.name", "choose another"}},
	"a VLAN of 4095 on a network":      {"", replaced(aNetwork, "provision", "vlan: 4095, provision"), "", "", []string{"spec.vlan"}},
	"a VLAN and a trunk":               {"", replaced(aNetwork, "provision", "vlan: 5, trunk: [{min: 1, max: 2}], provision"), "", "", []string{"give vlan", "not both"}},
	"a trunk that runs backwards":      {"", replaced(aNetwork, "provision", "trunk: [{min: 2, max: 1}], provision"), "", "", []string{"min must not be greater than max"}},
	"a time that nobody can read":      {"", replaced(aNetwork, "provision", "linger: 3 fortnights, provision"), "", "", []string{"spec.linger", "must be a duration"}},
	"an alias with a line break":       {"", replaced(aNetwork, "provision", `aliases: {bridgeNames: ["a\nb"]}, provision`), "", "", []string{"spec.aliases.bridgeNames[0]"}},
	"a namespace that is none":         {"", replaced(aNetwork, "provision", `allowedNamespaces: {names: ["*"]}, provision`), "", "", []string{"spec.allowedNamespaces.names[0]"}},

	"a network without uplink": {"", aNetwork, "HostNetwork", v1alpha1.ReasonNoUplink, []string{"declare one"}},

	// Policies of pipelines.
	"somebody's policy without its name":  {replaced(anUplink, "eth1", "eth1, management: External"), "", "", "", []string{"give externalPolicy"}},
	"a policy that is managed here":       {replaced(anUplink, "eth1", "eth1, externalPolicy: from-git"), "", "", "", []string{"give externalPolicy", "only then"}},
	"a policy of no name":                 {replaced(anUplink, "eth1", `eth1, management: External, externalPolicy: ""`), "", "", "", []string{"spec.externalPolicy"}},
	"a policy of a name that is too long": {replaced(anUplink, "eth1", "eth1, management: External, externalPolicy: "+strings.Repeat("a", 64)), "", "", "", []string{"spec.externalPolicy", "63"}},
	"a policy that is not there":          uplinkProblem(policyOf("from-git"), v1alpha1.ReasonExternalPolicyMissing, "spec.externalPolicy", `"from-git"`, "management: Managed"),
	"a policy of ours that is not there":  uplinkProblem(policyOf("wukong-good-aaaaaaaaaa"), v1alpha1.ReasonExternalPolicyMissing, "spec.externalPolicy", "wukong-good-aaaaaaaaaa"),
	"a policy with a path for a name":     uplinkProblem(policyOf("../good"), v1alpha1.ReasonExternalPolicyMissing, "spec.externalPolicy", "../good"),
	"a policy that is a line break":       uplinkProblem(policyOf(`"a\n\u202eb"`), v1alpha1.ReasonExternalPolicyMissing, "spec.externalPolicy"),
	"the neighbour's policy":              uplinkProblem(policyOf("GOODPOLICY"), v1alpha1.ReasonInvalidSpec, "spec.externalPolicy", "wukong-good-", "name a policy that a pipeline applies"),

	// Bonds and kinds of networks that cannot be.
	"an option of another mode of bonding": uplinkProblem(`{physicalNetwork: NAME, nodeSelector: {matchLabels: {role: odd}}, bond: {name: bond0, mode: active-backup, ports: [eth1], options: {lacp_rate: fast}}}`,
		v1alpha1.ReasonInvalidSpec, "spec.bond.options[lacp_rate]", "802.3ad", "active-backup"),
	"virtual functions of a bond": {`{physicalNetwork: NAME, nodeSelector: {matchLabels: {role: odd}}, bond: {name: bond0, mode: active-backup, ports: [eth1]}}`,
		replaced(aNetwork, "provision", "type: sriov, sriov: {totalVFs: 4}, provision"), "HostNetwork", v1alpha1.ReasonInvalidSpec, []string{"spec.sriov.totalVFs", "bond0"}},
	"an option that nobody knows":          bondProblem("802.3ad", `speed: "9000"`, "spec.bond.options", "speed"),
	"an option with a line break":          {bonded("802.3ad", `miimon: "1\n"`), "", "", "", []string{"spec.bond.options", "miimon"}},
	"an option that is a number":           {bonded("802.3ad", `miimon: 100`), "", "", "", []string{"spec.bond.options", "miimon", "string"}},
	"an option whose name is no end":       {bonded("802.3ad", strings.Repeat("a", 33)+`: "1"`), "", "", "", []string{"spec.bond.options", "32"}},
	"an option beyond all numbers":         bondProblem("802.3ad", `miimon: "99999999999999999999"`, "spec.bond.options[miimon]"),
	"an option below all numbers":          bondProblem("802.3ad", `miimon: "-1"`, "spec.bond.options[miimon]"),
	"a primary that is no port":            bondProblem("active-backup", "primary: eth7", "spec.bond.options[primary]", "eth7"),
	"links that nobody is asked about":     bondProblem("active-backup", `arp_interval: "100"`, "spec.bond.options[arp_interval]"),
	"two ways to watch links":              bondProblem("active-backup", `miimon: "100", arp_interval: "100", arp_ip_target: 192.0.2.1`, "spec.bond.options[arp_interval]"),
	"a bond without ports":                 {replaced(bonded("802.3ad", ""), "[eth1]", "[]"), "", "", "", []string{"spec.bond.ports"}},
	"a bond of one port twice":             {replaced(bonded("802.3ad", ""), "[eth1]", "[eth1, eth1]"), "", "", "", []string{"spec.bond.ports"}},
	"a bond of 17 ports":                   {replaced(bonded("802.3ad", ""), "[eth1]", "["+strings.Repeat("e, ", 17)+"]"), "", "", "", []string{"spec.bond.ports"}},
	"a bond of a port that no node has":    uplinkProblem(replaced(bonded("802.3ad", ""), "[eth1]", "[eth1, eth9]"), v1alpha1.ReasonNoEligibleNodes, "odd-1", "eth9"),
	"a bond of the NIC with the address":   uplinkProblem(replaced(bonded("802.3ad", ""), "[eth1]", "[eth0, eth1]"), v1alpha1.ReasonNoEligibleNodes, "odd-1", "eth0"),
	"a bond of a port of another's bridge": uplinkProblem(replaced(bonded("802.3ad", ""), "[eth1]", "[eth1, eth2]"), v1alpha1.ReasonNoEligibleNodes, "odd-1", "eth2", "theirs"),
	"a bond of the name of a NIC":          uplinkProblem(replaced(bonded("802.3ad", ""), "bond0", "eth2"), v1alpha1.ReasonNoEligibleNodes, "odd-1", "eth2"),
	"a trunk of 257 ranges":                {"", trunkOf(strings.Repeat("{min: 1, max: 2}, ", 257)), "", "", []string{"spec.trunk", "256"}},
	"a trunk of nothing":                   {"", trunkOf(""), "", "", []string{"spec.trunk"}},
	"a trunk from 0":                       {"", trunkOf("{min: 0, max: 5}"), "", "", []string{"spec.trunk[0].min"}},
	"a trunk to 4095":                      {"", trunkOf("{min: 1, max: 4095}"), "", "", []string{"spec.trunk[0].max"}},
	"a trunk of more than numbers":         {"", trunkOf("{min: 1, max: 4294967297}"), "", "", []string{"spec.trunk[0].max"}},
	"a trunk without an end":               {"", trunkOf("{min: 1}"), "", "", []string{"spec.trunk[0].max"}},
	"a trunk open to odd namespaces":       {anUplink, trunkOf("{min: 100, max: 110, allowedNamespaces: {selector: {matchExpressions: [{key: a, operator: Near}]}}}"), "HostNetwork", v1alpha1.ReasonInvalidSpec, []string{"spec.trunk[0].allowedNamespaces.selector", "Near"}},
	"virtual functions below zero":         {"", vfsOf("totalVFs: -1"), "", "", []string{"spec.sriov.totalVFs"}},
	"257 virtual functions":                {"", vfsOf("totalVFs: 257"), "", "", []string{"spec.sriov.totalVFs"}},
	"a resource without a domain":          {"", vfsOf("resourceName: fast"), "", "", []string{"spec.sriov.resourceName"}},
	"a resource with a line break":         {"", vfsOf(`resourceName: "a.b/c\nd"`), "", "", []string{"spec.sriov.resourceName"}},
	"a bridge of virtual functions":        {"", replaced(aNetwork, "provision", "sriov: {totalVFs: 4}, provision"), "", "", []string{"sriov needs type sriov"}},
	"a bridge with a resource of MACVTAPs": {"", replaced(aNetwork, "provision", "macvlan: {resourceName: a.b/c}, provision"), "", "", []string{"macvlan needs type macvlan"}},
	"a resource of MACVTAPs that is none":  {"", replaced(aNetwork, "provision", `type: macvlan, macvlan: {resourceName: "*/*"}, provision`), "", "", []string{"spec.macvlan.resourceName"}},
	"a trunk of MACVTAPs":                  {"", replaced(aNetwork, "provision", "type: macvlan, trunk: [{min: 1, max: 2}], provision"), "", "", []string{"trunk needs type bridge or ovs"}},
	"the neighbour's NIC as trunk":         {"", replaced(replaced(aNetwork, "physicalNetwork: NAME", "physicalNetwork: good"), "provision", "trunk: [{min: 100, max: 110}], provision"), "HostNetwork", v1alpha1.ReasonUplinkPortTaken, []string{"spec.trunk", "good", "older"}},
	"the neighbour's NIC below MACVTAPs":   {"", replaced(replaced(aNetwork, "physicalNetwork: NAME", "physicalNetwork: good"), "provision", "type: macvlan, provision"), "HostNetwork", v1alpha1.ReasonUplinkPortTaken, []string{"spec.vlan", "good", "older"}},

	// Networks that do not fit beside others.
	"the neighbour's bridge":  networkProblem(replaced(aNetwork, "br-NAME", "br-good"), v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name", "br-good", "another bridge name"),
	"the neighbour's segment": {"", replaced(aNetwork, "physicalNetwork: NAME", "physicalNetwork: good"), "HostNetwork", v1alpha1.ReasonSegmentTaken, []string{"spec.vlan", "good", "older"}},
	"an MTU above the uplink's": {replaced(anUplink, "eth1", "eth1, mtu: 1500"), replaced(aNetwork, "provision", "mtu: 9000, provision"), "HostNetwork",
		v1alpha1.ReasonInvalidSpec, []string{"spec.mtu", "9000", "1500"}},
	"a selector of namespaces that selects nothing": networkProblem(replaced(aNetwork, "provision", "allowedNamespaces: {selector: {matchExpressions: [{key: a, operator: Near}]}}, provision"),
		v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector"),
	"the uplink's own name for the bridge": networkProblem(replaced(aNetwork, "br-NAME", "eth1"), v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name", "eth1"),
}

// policyOf is an uplink that observes a policy.
func policyOf(name string) string {
	return replaced(anUplink, "eth1", "eth1, management: External, externalPolicy: "+name)
}

// bonded is an uplink that is a bond of eth1.
func bonded(mode, options string) string {
	return `{physicalNetwork: NAME, nodeSelector: {matchLabels: {role: odd}}, bond: {name: bond0, mode: ` + mode + `, ports: [eth1], options: {` + options + `}}}`
}

func bondProblem(mode, options string, words ...string) declaration {
	return uplinkProblem(bonded(mode, options), v1alpha1.ReasonInvalidSpec, words...)
}

func trunkOf(ranges string) string {
	return replaced(aNetwork, "provision", "trunk: ["+ranges+"], provision")
}

func vfsOf(sriov string) string {
	return replaced(aNetwork, "provision", "type: sriov, sriov: {"+sriov+"}, provision")
}

func labels(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("example.com/key-%d: v", i))
	}
	return strings.Join(out, ", ")
}

func TestEveryMalformedDeclarationIsRefusedOrReportedAndReachesNoHost(t *testing.T) {
	s := onStage(t)
	odd := world.Node("odd-1", 40)
	odd.Labels = map[string]string{"role": "odd"}
	odd.Existing = `{interfaces: [{name: theirs, type: linux-bridge, state: up, bridge: {port: [{name: eth2}]}}]}`
	if err := s.Lab.AddNode(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Lab.RemoveNode(context.Background(), odd.Name) })
	before := s.Lab.Host(odd.Name).Names()

	// One at a time: each has the node for itself.
	for i, name := range slices.Sorted(maps.Keys(declarations)) {
		t.Run(name, func(t *testing.T) {
			d, short := declarations[name], fmt.Sprintf("bad-%d", i)
			stored, err := s.declare(t, d, short)
			if d.about == "" {
				checkRefusal(t, err, d.words)
			} else if err != nil {
				t.Fatalf("is refused, and should be reported: %v", err)
			} else {
				eventually(t, func() error { return s.reports(stored[d.about], d.reason, d.words...) })
			}
			if now := s.Lab.Host(odd.Name).Names(); !slices.Equal(now, before) {
				t.Errorf("the node has interfaces %v, and had %v", now, before)
			}
			s.undisturbed(t)
			s.withdraw(t, stored)
		})
	}
}

// What engineers write into annotations is text that nobody checks.
func TestWhateverAnAnnotationSaysNoHostChanges(t *testing.T) {
	s := onStage(t)
	good := object(t, "HostUplink", "", fabric, "{}")
	if err := s.Admin.Get(t.Context(), client.ObjectKeyFromObject(good), good); err != nil {
		t.Fatal(err)
	}
	revision, _, _ := unstructured.NestedString(good.Object, "status", "revision")
	before := map[string][]string{}
	for _, node := range []string{"good-1", "good-2"} {
		before[node] = s.Lab.Host(node).Names()
	}
	junk := []string{"", " ", ",", ",,,*,", "no-such-node", "good-1,good-1", "../good-1", "GOOD-1", "null", "{}", "*?", strings.Repeat("good-1,", 20000), "good-1\x00",
		"\u202egood-1", "wukong-good-", "wukong-good-aaaaaaaaaa", "wukong-other-" + strings.TrimPrefix(revision, "wukong-good-"), " " + revision, revision}
	for _, annotation := range []string{v1alpha1.RetryAnnotation, v1alpha1.RollbackAnnotation, v1alpha1.AdoptAnnotation} {
		for i, value := range junk {
			t.Run(fmt.Sprintf("%s %d", annotation, i), func(t *testing.T) { s.annotate(t, good, annotation, value) })
		}
	}
	for node, names := range before {
		if now := s.Lab.Host(node).Names(); !slices.Equal(now, names) {
			t.Errorf("node %s has interfaces %v, and had %v", node, now, names)
		}
	}
	eventually(t, func() error { return s.ready(good) })
}

// annotate writes an annotation, waits until it was looked at, and takes it off.
func (s *stage) annotate(t *testing.T, o *unstructured.Unstructured, annotation, value string) {
	t.Helper()
	write := func(value any) {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotation: value}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Admin.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, patch)); err != nil {
			t.Fatal(err)
		}
	}
	write(value)
	asks := annotation == v1alpha1.RetryAnnotation || (annotation == v1alpha1.RollbackAnnotation && value != o.Object["status"].(map[string]any)["revision"])
	if asks { // it is answered, because there is nothing to be done
		eventually(t, func() error {
			if err := s.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			if said, still := o.GetAnnotations()[annotation]; still {
				return fmt.Errorf("the annotation is still there: %.80q", said)
			}
			return nil
		})
	}
	s.undisturbed(t)
	write(nil)
}

func checkRefusal(t *testing.T, err error, words []string) {
	t.Helper()
	if err == nil {
		t.Fatal("is accepted, and should be refused")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the refusal has no %q: %v", word, err)
		}
	}
}

// declare stores the objects of a declaration, by kind.
func (s *stage) declare(t *testing.T, d declaration, name string) (map[string]*unstructured.Unstructured, error) {
	t.Helper()
	good := &v1alpha1.HostUplink{}
	if err := s.Admin.Get(t.Context(), client.ObjectKey{Name: fabric}, good); err != nil {
		t.Fatal(err)
	}
	stored := map[string]*unstructured.Unstructured{}
	for kind, spec := range map[string]string{"HostUplink": d.uplink, "HostNetwork": d.network} {
		if spec == "" {
			continue
		}
		o := object(t, kind, "", name, replaced(spec, "NAME", name, "GOODPOLICY", good.Status.Revision))
		if err := s.Admin.Create(t.Context(), o); err != nil {
			s.withdraw(t, stored)
			return nil, err
		}
		stored[kind] = o
	}
	return stored, nil
}

// withdraw deletes objects and waits until they are gone: what is malformed must not be in anybody's way.
func (s *stage) withdraw(t *testing.T, stored map[string]*unstructured.Unstructured) {
	t.Helper()
	for _, o := range stored {
		if err := s.Admin.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	for _, o := range stored {
		eventually(t, func() error {
			err := s.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o)
			if err == nil {
				return fmt.Errorf("%s %s is not gone: finalizers %v", o.GetKind(), o.GetName(), o.GetFinalizers())
			}
			return client.IgnoreNotFound(err)
		})
	}
}
