package policies

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/nmstate"
)

// platform is what stands: a network that is open to the team and built, one that is built for others, and one that nobody uses,
// so that whoever got to use it would change every node.
const platform = `
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: fort}, spec: {
  physicalNetwork: fort, interface: eth1, nodeSelector: {}, rollout: {canary: 0, maxUnavailable: "100%%"}}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: plain}, spec: {
  physicalNetwork: fort, vlan: 100, provision: Always, linger: 0s, allowedNamespaces: {names: [%s]}}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: vault}, spec: {
  physicalNetwork: fort, vlan: 200, provision: Always, linger: 0s, aliases: {bridgeNames: [br-gold]}}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: idle}, spec: {
  physicalNetwork: fort, vlan: 300, linger: 0s, default: true, aliases: {bridgeNames: [br-sleep], interfaces: [sleep0]}}}
`

// hosts is everything that hosts are told: each policy but for what nodes report there, and what moves nodes.
func hosts(t *testing.T, w *world.World) map[string]string {
	t.Helper()
	out := map[string]string{}
	policies := &nmstate.PolicyList{}
	if err := w.Admin.List(t.Context(), policies); err != nil {
		t.Fatal(err)
	}
	for _, p := range policies.Items {
		text, err := json.Marshal([]any{p.UID, p.Generation, p.Labels, p.Annotations, p.Spec})
		if err != nil {
			t.Fatal(err)
		}
		out["policy "+p.Name] = string(text)
	}
	list := &corev1.NodeList{}
	if err := w.Admin.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for _, n := range list.Items {
		text, err := json.Marshal([]any{n.Labels, n.Annotations, n.Spec})
		if err != nil {
			t.Fatal(err)
		}
		out["node "+n.Name] = string(text)
	}
	return out
}

// built starts a controller and nodes, and waits until every node has both networks and nothing is written any more.
func built(t *testing.T, w *world.World, team string) {
	t.Helper()
	for i, name := range []string{"fort-a", "fort-b"} {
		if err := w.Lab.AddNode(t.Context(), world.Node(name, byte(40+i))); err != nil {
			t.Fatal(err)
		}
	}
	cfg := controllers.DefaultConfig()
	cfg.Sweep, cfg.Cooldown = 500*time.Millisecond, time.Second
	stop, err := w.RunController(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the controller: %v", err)
		}
		for _, name := range []string{"fort-a", "fort-b"} {
			_ = w.Lab.RemoveNode(context.Background(), name)
		}
	})
	if err := w.Cluster.Apply(t.Context(), fmt.Appendf(nil, platform, team)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		for _, name := range []string{"fort-a", "fort-b"} {
			node := &corev1.Node{}
			if err := w.Admin.Get(t.Context(), client.ObjectKey{Name: name}, node); err != nil {
				return err
			}
			for _, network := range []string{"plain", "vault"} {
				if node.Labels[v1alpha1.NetworkLabelPrefix+network] == "" {
					return fmt.Errorf("node %s has no %s: %v", name, network, node.Labels)
				}
			}
		}
		return nil
	})
	quiet(t, w)
}

// quiet waits until the controller writes nothing any more.
func quiet(t *testing.T, w *world.World) {
	t.Helper()
	eventually(t, func() error {
		w.Requests.Reset()
		time.Sleep(1500 * time.Millisecond)
		if writes := w.Requests.Writes(); len(writes) > 0 {
			return fmt.Errorf("the controller still writes: %v", writes)
		}
		return nil
	})
}

// words are texts that a tenant may try: names of what it must not reach, and text that would be something else in YAML, JSON,
// templates, captures, shells and paths.
var words = []string{
	"vault", "idle", "br-vault", "br-idle", "br-gold", "br-sleep", "sleep0", "eth0", "eth1", "eth1.200", "wukong-vault", "wukong-idle",
	"fort", "wukong-fort-aaaaaaaaaa", "VAULT", "vault ", "vault\u0000", "vault\n", "v\u0430ult", "\u202etluav", "..", "../vault", "*", ".*", "%s", "",
	"{{ capture.default-gw.interfaces.0.name }}", "{{ .Values.x }}", "${HOSTNAME}", "$(reboot)", "`reboot`", "a'; DROP TABLE x; --",
	"eth1\n    ipv4: {enabled: true, address: [{ip: 192.0.2.66, prefix-length: 24}]}", `eth1","type":"dummy","x":"`, "plain,vault", "plain|idle",
	"]}\n---\napiVersion: nmstate.io/v1\nkind: NodeNetworkConfigurationPolicy\nmetadata: {name: x}", strings.Repeat("A", 253),
}

// hostileWukongs gives specs with each of the words in each field that selects, and in those that are texts.
func hostileWukongs() []map[string]any {
	var out []map[string]any
	add := func(spec map[string]any, network map[string]any) {
		network["ipConfig"] = map[string]any{"mode": "dhcp"}
		if _, ok := network["name"]; !ok {
			network["name"] = "lan"
		}
		spec["networks"] = []any{network}
		out = append(out, spec)
	}
	for _, word := range words {
		for _, field := range []string{"hostNetwork", "nadName", "bridgeName", "physicalInterface", "name"} {
			add(map[string]any{}, map[string]any{field: word})
		}
		add(map[string]any{"osImage": word, "memory": word, "virtualMachineName": word}, map[string]any{"hostNetwork": "plain"})
		add(map[string]any{"restoreFromSnapshot": word, "sshKeySecret": word}, map[string]any{"hostNetwork": "plain", "nodeIP": word})
		add(map[string]any{"highAvailability": map[string]any{"nodeSelector": map[string]any{"uplink.vm.novasphere.dev/fort": word}},
			"disks": []any{map[string]any{"name": "a", "size": "1Gi", "image": "docker://" + word}},
			"gpus":  []any{map[string]any{"name": word, "deviceName": word}}}, map[string]any{"hostNetwork": "plain"})
	}
	for _, id := range []int64{200, 300, 0, 1, 4094, 4095} {
		add(map[string]any{}, map[string]any{"vlanId": id})
		add(map[string]any{}, map[string]any{"vlanId": id, "physicalInterface": "eth1"})
		add(map[string]any{}, map[string]any{"vlanId": id, "hostNetwork": "plain"})
	}
	for _, kind := range []string{"bridge", "ovs", "macvlan", "sriov"} {
		add(map[string]any{}, map[string]any{"type": kind})
	}
	return out
}

// Invariant 8: nothing a tenant writes can reach a host.
func TestNothingThatATenantWritesReachesAHost(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	team := tenant(t, w, ns)
	built(t, w, ns)
	t.Cleanup(func() { takeDown(t, w, ns) })
	before := hosts(t, w)
	if len(before) < 3 {
		t.Fatalf("too little stands: %v", before)
	}
	accepted := 0
	for i, spec := range hostileWukongs() {
		o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Wukong"))
		o.SetNamespace(ns)
		o.SetName(fmt.Sprintf("hostile-%d", i))
		o.SetLabels(map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedBy, v1alpha1.UplinkLabel: "fort", v1alpha1.HostNetworkLabel: "idle"})
		o.SetAnnotations(map[string]string{v1alpha1.OwnerUIDAnnotation: "1-2-3", v1alpha1.NetworksAnnotation: "idle", v1alpha1.AbandonAnnotation: "*",
			v1alpha1.RetryAnnotation: "*", v1alpha1.RollbackAnnotation: "wukong-fort-aaaaaaaaaa"})
		err := team.Create(t.Context(), o)
		if err == nil {
			accepted++
		} else if !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) && !apierrors.IsBadRequest(err) {
			t.Errorf("%v: %v", spec, err)
		}
	}
	if accepted < 100 {
		t.Errorf("only %d Wukongs got past the API server: the controller sees too little", accepted)
	}
	for name, err := range forbidden(t, team, ns) {
		if !apierrors.IsForbidden(err) {
			t.Errorf("a tenant %s: %v", name, err)
		}
	}
	eventually(t, func() error { return lookedAt(t, w, ns) })
	quiet(t, w)
	if diff := gocmp.Diff(before, hosts(t, w)); diff != "" {
		t.Errorf("hosts are told something else (-before +after):\n%s", diff)
	}
	for _, node := range []string{"fort-a", "fort-b"} {
		if _, ok := w.Lab.Host(node).Interface("br-idle"); ok {
			t.Errorf("node %s has the bridge of a network that nobody may use", node)
		}
	}
}

// forbidden tries what reaches hosts more directly.
func forbidden(t *testing.T, team client.Client, ns string) map[string]error {
	t.Helper()
	merge := func(o client.Object, text string) error {
		return team.Patch(t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(text)))
	}
	meta := func(kind, name string) *unstructured.Unstructured {
		return object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: "+kind+", metadata: {name: "+name+"}}")
	}
	status := object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {namespace: "+ns+", name: hostile-0}}")
	return map[string]error{
		"writes a policy":                 team.Create(t.Context(), object(t, "{apiVersion: nmstate.io/v1, kind: NodeNetworkConfigurationPolicy, metadata: {name: x}, spec: {desiredState: {interfaces: []}}}")),
		"labels a node":                   merge(object(t, "{apiVersion: v1, kind: Node, metadata: {name: fort-a}}"), `{"metadata":{"labels":{"uplink.vm.novasphere.dev/fort":"aaaaaaaaaa"}}}`),
		"opens a network":                 merge(meta("HostNetwork", "vault"), `{"spec":{"allowedNamespaces":{"selector":{}}}}`),
		"declares an uplink":              team.Create(t.Context(), object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: x}, spec: {physicalNetwork: x, interface: eth0, nodeSelector: {}}}")),
		"takes a lease":                   team.Create(t.Context(), object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: AddressLease, metadata: {name: ip-192-0-2-1.fort.100}, spec: {}}")),
		"makes itself a pool":             team.Create(t.Context(), object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: AddressPool, metadata: {name: x}, spec: {}}")),
		"switches a policy off":           team.Delete(t.Context(), object(t, "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: wukong-network-tenant-networks}}")),
		"opens its namespace by a label":  merge(object(t, "{apiVersion: v1, kind: Namespace, metadata: {name: "+ns+"}}"), `{"metadata":{"labels":{"team":"vault"}}}`),
		"forges a status":                 team.Status().Patch(t.Context(), status, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"networks":[{"name":"lan","hostNetwork":"idle"}]}}`))),
		"attaches to a bridge":            team.Create(t.Context(), attachment(ns, "around", `{"type":"bridge","bridge":"br-vault"}`)),
		"attaches to a bridge by its old": team.Create(t.Context(), attachment(ns, "hostile-0-lan-nad", `{"type":"bridge","bridge":"br-idle"}`)),
		"attaches to an uplink":           team.Create(t.Context(), attachment(ns, "around", `{"type":"macvlan","master":"eth1.200"}`)),
		"selects a network by name":       team.Create(t.Context(), wukong(ns, v1alpha1.WukongNetwork{Name: "lan", HostNetwork: "vault"})),
	}
}

// lookedAt says which Wukong the controller has not looked at.
func lookedAt(t *testing.T, w *world.World, ns string) error {
	t.Helper()
	list := &v1alpha1.WukongList{}
	if err := w.Admin.List(t.Context(), list, client.InNamespace(ns)); err != nil {
		return err
	}
	for _, wk := range list.Items {
		if wk.Status.ObservedGeneration != wk.Generation || len(wk.Status.Conditions) == 0 {
			return fmt.Errorf("Wukong %s was not looked at", wk.Name)
		}
	}
	return nil
}

// takeDown deletes what the test declared while the controller still runs, and waits until hosts have given it back.
func takeDown(t *testing.T, w *world.World, ns string) {
	t.Helper()
	ctx := context.Background()
	if err := w.Admin.DeleteAllOf(ctx, &v1alpha1.Wukong{}, client.InNamespace(ns)); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"plain", "vault", "idle"} {
		o := hostNetwork(name, nil)
		_ = w.Admin.Delete(ctx, &o)
	}
	o := &v1alpha1.HostUplink{}
	o.Name = "fort"
	_ = w.Admin.Delete(ctx, o)
	eventually(t, func() error {
		err := w.Admin.Get(ctx, client.ObjectKey{Name: "fort"}, o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("HostUplink fort is still there: %w", cmp.Or(err, errors.New("it waits for nodes")))
	})
}
