package badinputs_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// declaration is an uplink, a network or both, and what is said about them. NAME in a spec stands for the name of both.
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

	// What is valid and not acted on yet.
	"somebody's policy":        uplinkProblem(replaced(anUplink, "eth1", "eth1, management: External"), v1alpha1.ReasonNotSupportedYet, "spec.management"),
	"a network without uplink": {"", aNetwork, "HostNetwork", v1alpha1.ReasonNoUplink, []string{"declare one"}},

	// Bonds and kinds of networks that cannot be.
	"an option of another mode of bonding": uplinkProblem(`{physicalNetwork: NAME, nodeSelector: {matchLabels: {role: odd}}, bond: {name: bond0, mode: active-backup, ports: [eth1], options: {lacp_rate: fast}}}`,
		v1alpha1.ReasonInvalidSpec, "spec.bond.options[lacp_rate]", "802.3ad", "active-backup"),
	"virtual functions of a bond": {`{physicalNetwork: NAME, nodeSelector: {matchLabels: {role: odd}}, bond: {name: bond0, mode: active-backup, ports: [eth1]}}`,
		replaced(aNetwork, "provision", "type: sriov, sriov: {totalVFs: 4}, provision"), "HostNetwork", v1alpha1.ReasonInvalidSpec, []string{"spec.sriov.totalVFs", "bond0"}},
	"a trunk of MACVTAPs":                {"", replaced(aNetwork, "provision", "type: macvlan, trunk: [{min: 1, max: 2}], provision"), "", "", []string{"trunk needs type bridge or ovs"}},
	"the neighbour's NIC as trunk":       {"", replaced(replaced(aNetwork, "physicalNetwork: NAME", "physicalNetwork: good"), "provision", "trunk: [{min: 100, max: 110}], provision"), "HostNetwork", v1alpha1.ReasonUplinkPortTaken, []string{"spec.trunk", "good", "older"}},
	"the neighbour's NIC below MACVTAPs": {"", replaced(replaced(aNetwork, "physicalNetwork: NAME", "physicalNetwork: good"), "provision", "type: macvlan, provision"), "HostNetwork", v1alpha1.ReasonUplinkPortTaken, []string{"spec.vlan", "good", "older"}},

	// Networks that do not fit beside others.
	"the neighbour's bridge":  networkProblem(replaced(aNetwork, "br-NAME", "br-good"), v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name", "br-good", "another bridge name"),
	"the neighbour's segment": {"", replaced(aNetwork, "physicalNetwork: NAME", "physicalNetwork: good"), "HostNetwork", v1alpha1.ReasonSegmentTaken, []string{"spec.vlan", "good", "older"}},
	"an MTU above the uplink's": {replaced(anUplink, "eth1", "eth1, mtu: 1500"), replaced(aNetwork, "provision", "mtu: 9000, provision"), "HostNetwork",
		v1alpha1.ReasonInvalidSpec, []string{"spec.mtu", "9000", "1500"}},
	"a selector of namespaces that selects nothing": networkProblem(replaced(aNetwork, "provision", "allowedNamespaces: {selector: {matchExpressions: [{key: a, operator: Near}]}}, provision"),
		v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector"),
	"the uplink's own name for the bridge": networkProblem(replaced(aNetwork, "br-NAME", "eth1"), v1alpha1.ReasonBridgeNameTaken, "spec.bridge.name", "eth1"),
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
	stored := map[string]*unstructured.Unstructured{}
	for kind, spec := range map[string]string{"HostUplink": d.uplink, "HostNetwork": d.network} {
		if spec == "" {
			continue
		}
		o := object(t, kind, "", name, strings.ReplaceAll(spec, "NAME", name))
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
