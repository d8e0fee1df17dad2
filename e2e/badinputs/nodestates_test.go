package badinputs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// report is the status of a NodeNetworkState of a node without a handler, and what follows from it.
type report struct {
	// status is in YAML. JSON that YAML would change stands in raw.
	status string
	raw    string
	// refused: the schema of nmstate does not store it.
	refused bool
	// leftOut is the reason for which the node is not touched; empty where it passes and is moved to the revision.
	leftOut string
	// blocks are addresses that the report keeps from Wukongs; frees are those that it mentions and does not.
	blocks, frees []string
}

const eth1Up = `{name: eth1, type: ethernet, state: up}`

// reports (N-01 to N-09): whatever a node says, its neighbours are none the worse for it.
var reports = map[string]report{
	"nothing":                    {leftOut: v1alpha1.ReasonNodeStateMissing},
	"an empty status":            {status: `{}`, leftOut: v1alpha1.ReasonNodeStateMissing},
	"an empty state":             {status: `{currentState: {}}`, leftOut: v1alpha1.ReasonNodeStateMissing},
	"null":                       {status: `{currentState: null}`, leftOut: v1alpha1.ReasonNodeStateMissing},
	"a text":                     {status: `{currentState: "eth1 is fine"}`, refused: true},
	"a list":                     {status: `{currentState: [eth1]}`, refused: true},
	"interfaces that are a text": {status: `{currentState: {interfaces: eth1}}`, leftOut: v1alpha1.ReasonNodeStateMissing},
	"interfaces that are a map":  {status: `{currentState: {interfaces: {eth1: up}}}`, leftOut: v1alpha1.ReasonNodeStateMissing},
	"interfaces of every type": {status: `{currentState: {interfaces: [null, 5, "eth1", [], {}, {name: null}, {name: {a: b}}, {name: ""}, {name: "a b"}, {name: "../x"}]}}`,
		leftOut: v1alpha1.ReasonNodeStateMissing},
	"names that arrive as numbers": {raw: `{"currentState":{"interfaces":[{"name":60e+02,"type":"ethernet","state":"up"},{"name":42e1},{"name":0},{"name":1101010},
		{"name":"eth1","type":"ethernet","state":"up"}]}}`},
	"a good interface among bad ones": {status: `{currentState: {interfaces: [5, {name: [x]}, ` + eth1Up + `, {name: eth1, type: ethernet, state: down}]}}`},
	"fields of other types": {status: `{currentState: {interfaces: [{name: eth1, type: ethernet, state: up, mtu: huge, mac-address: 5, ipv4: yes, ipv6: [], bridge: {port: 7}, vlan: up}],
		routes: {running: {destination: 0.0.0.0/0}, config: [7, {destination: 5}]}, dns-resolver: {running: {server: 8.8.8.8}}}}`},
	"unknown types and states": {status: `{currentState: {interfaces: [{name: eth1, type: quantum, state: entangled}]}}`, leftOut: v1alpha1.ReasonUplinkDown},
	"an interface that is down": {status: `{currentState: {interfaces: [{name: eth1, type: ethernet, state: down},
		{name: eth5, type: ethernet, state: down, ipv4: {enabled: true, address: [{ip: 192.0.2.180, prefix-length: 24}]}}]}}`,
		leftOut: v1alpha1.ReasonUplinkDown, blocks: []string{"192.0.2.180/24"}},
	"an interface that is absent": {status: `{currentState: {interfaces: [` + eth1Up + `,
		{name: eth5, type: ethernet, state: absent, ipv4: {address: [{ip: 192.0.2.181, prefix-length: 24}]}}]}}`, frees: []string{"192.0.2.181/24"}},
	"an interface that nobody manages": {status: `{currentState: {interfaces: [` + eth1Up + `,
		{name: eth5, type: ethernet, state: ignore, ipv6: {address: [{ip: "2001:db8::182", prefix-length: 64}]}}]}}`, blocks: []string{"2001:db8::182/64"}},
	"an address in odd spelling": {status: `{currentState: {interfaces: [` + eth1Up + `,
		{name: eth5, type: ethernet, state: up, ipv6: {address: [{ip: "2001:0DB8:0:0::183", prefix-length: "64"}]}}]}}`, blocks: []string{"2001:db8::183/64"}},
	"addresses that are none": {status: `{currentState: {interfaces: [{name: eth1, type: ethernet, state: up, ipv4: {address: [{ip: 192.0.2.184}, {ip: 192.0.2.184, prefix-length: 33},
		{ip: 192.0.2.184/24, prefix-length: 24}, {ip: 0192.0.2.184, prefix-length: 24}, 192.0.2.184, null]}}]}}`, frees: []string{"192.0.2.184/24"}},
	"addresses in other places": {status: `{currentState: {interfaces: [{name: eth1, type: ethernet, state: up, description: 192.0.2.185/24,
		lldp: {enabled: true, neighbors: [[{type: 8, management-addresses: [{address: 192.0.2.185}]}]]}}],
		routes: {config: [{destination: 192.0.2.185/32, next-hop-address: 192.0.2.185, next-hop-interface: eth1}]},
		dns-resolver: {running: {search: [192.0.2.185]}}}}`, frees: []string{"192.0.2.185/24"}},
	"a DNS server that the node uses": {status: `{currentState: {interfaces: [` + eth1Up + `], dns-resolver: {config: {server: [192.0.2.187]}, running: {server: [192.0.2.186, "", null]}}}}`,
		blocks: []string{"192.0.2.186/24", "192.0.2.187/24"}},
	"LLDP with 64 KB and control characters": {status: `{currentState: {interfaces: [{name: eth1, type: ethernet, state: up, lldp: {enabled: true, neighbors: [[{type: 5, system-name: "\u001b[2J\u0000` +
		strings.Repeat("x", 64<<10) + `"}]]}}]}}`},
	"a time of yesterday":  {status: `{lastSuccessfulUpdateTime: "2020-01-01T00:00:00Z", currentState: {interfaces: [` + eth1Up + `]}}`},
	"a time of tomorrow":   {status: `{lastSuccessfulUpdateTime: "2999-01-01T00:00:00Z", currentState: {interfaces: [` + eth1Up + `]}}`},
	"a time that is none":  {status: `{lastSuccessfulUpdateTime: "2026-01-31t12:00:00z", currentState: {interfaces: [` + eth1Up + `]}}`},
	"conditions of no use": {status: `{conditions: [{type: Available, status: Perhaps}, {type: "", status: ""}], currentState: {interfaces: [` + eth1Up + `]}}`},
	"10,000 interfaces":    {status: `{currentState: {interfaces: [` + eth1Up + manyInterfaces(10000) + `]}}`, leftOut: nmstate.RefusedNodeStateIncomplete},
	"20,000 addresses": {status: `{currentState: {interfaces: [{name: eth1, type: ethernet, state: up, ipv6: {address: [` + manyAddresses(20000) + `]}}]}}`,
		leftOut: nmstate.RefusedNodeStateIncomplete},
	"a deep nest": {status: `{currentState: {interfaces: [` + eth1Up + `], other: ` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}`},
}

func manyInterfaces(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, ", {name: dummy%d, type: dummy, state: up}", i)
	}
	return out.String()
}

func manyAddresses(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `{ip: "2001:db8:9::%x", prefix-length: 64}, `, i+1)
	}
	return out.String()
}

func TestWhateverANodeReportsOnlyThatNodeIsAffected(t *testing.T) {
	s := onStage(t)
	// Paused, the uplink judges nodes and moves none, so that the judgement alone is seen.
	uplink := object(t, "HostUplink", "", "reports", `{physicalNetwork: reports, interface: eth1, nodeSelector: {matchLabels: {role: reporter}}, paused: true}`)
	network := object(t, "HostNetwork", "", "reports", `{physicalNetwork: reports, provision: Always}`)
	for _, o := range []*unstructured.Unstructured{uplink, network} {
		if err := s.Admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	names := slices.Sorted(maps.Keys(reports))
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			s.report(t, fmt.Sprintf("reporter-%02d", i), reports[name])
			s.undisturbed(t)
		})
	}
	s.withdraw(t, map[string]*unstructured.Unstructured{"HostUplink": uplink, "HostNetwork": network})
	s.undisturbed(t)
}

// report makes a node say something, and checks what follows.
func (s *stage) report(t *testing.T, name string, r report) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"role": "reporter"}}}
	if err := s.Admin.Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Admin.Delete(context.Background(), node) })
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if err := s.Admin.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	if err := s.publish(t, name, r); r.refused {
		if err == nil {
			t.Fatal("is stored, and the schema should refuse it")
		}
		return
	} else if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return s.judged(name, r.leftOut) })
	for i, address := range append(slices.Clone(r.blocks), r.frees...) {
		o := object(t, "Wukong", oddSpace, fmt.Sprintf("%s-%d", name, i), static(address))
		if err := s.Admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if i < len(r.blocks) {
				return s.reports(o, v1alpha1.ReasonAddressConflict, name)
			}
			return s.ready(o)
		})
		if err := s.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// publish stores a NodeNetworkState as a handler does: the object first, then its status.
func (s *stage) publish(t *testing.T, name string, r report) error {
	t.Helper()
	nns := &unstructured.Unstructured{}
	nns.SetGroupVersionKind(nmstate.GroupVersion.WithKind("NodeNetworkState"))
	nns.SetName(name)
	if err := s.Admin.Create(t.Context(), nns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Admin.Delete(context.Background(), nns) })
	if r.status == "" && r.raw == "" {
		return nil
	}
	raw := []byte(r.raw)
	if r.raw == "" {
		var err error
		if raw, err = yaml.YAMLToJSON([]byte(r.status)); err != nil {
			t.Fatal(err)
		}
	}
	patch := slices.Concat([]byte(`{"status":`), raw, []byte(`}`))
	if !json.Valid(patch) {
		t.Fatalf("not JSON: %.200s", patch)
	}
	return s.Admin.Status().Patch(t.Context(), nns, client.RawPatch("application/merge-patch+json", patch))
}

// judged says what keeps the HostUplink from leaving the node out for the reason, or, without one, from taking it.
func (s *stage) judged(node, reason string) error {
	u := &v1alpha1.HostUplink{}
	if err := s.Admin.Get(context.Background(), client.ObjectKey{Name: "reports"}, u); err != nil {
		return err
	}
	for _, p := range u.Status.Problems {
		if p.Node != node {
			continue
		}
		if p.Reason == reason && p.Progress == v1alpha1.NodeLeftOut && len(p.Message) <= 512 {
			return nil
		}
		return fmt.Errorf("%s is %s for %s: %s", node, p.Progress, p.Reason, p.Message)
	}
	if n := u.Status.Nodes; reason == "" && n.Matching == 1 && n.Waiting == 1 {
		return nil
	}
	return fmt.Errorf("the status does not speak of %s: %+v", node, u.Status.Nodes)
}
