package policies

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// Policies about the controller.
const (
	revisions    = "controller-revisions"
	nodes        = "controller-nodes"
	declarations = "controller-declarations"
	secrets      = "controller-secrets"
	ownNADs      = "controller-attachments"
	machines     = "controller-machines"
)

// revision gives the policy of a state as the controller makes it.
func revision(t *testing.T, state nmstate.State) *unstructured.Unstructured {
	t.Helper()
	r := &render.Revision{Uplink: "confined", Hash: state.Hash(), Name: render.PolicyName("confined", state.Hash()), State: state, Raw: state.Marshal(), Networks: []string{"lan"}}
	text, err := json.Marshal(r.Policy(&v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "confined", UID: "1-2-3"}}))
	if err != nil {
		t.Fatal(err)
	}
	return object(t, string(text))
}

// golden gives, by file, what revisions say: desired states, and policies with what they capture.
func golden(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	out := map[string]*unstructured.Unstructured{}
	for _, pattern := range []string{"states/*.json", "preserve/*.policy.json"} {
		paths, err := filepath.Glob("../../nmstate/testdata/" + pattern)
		if err != nil || len(paths) < 8 {
			t.Fatalf("%v %v", paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spec := string(text)
			if strings.HasPrefix(pattern, "states") {
				spec = `{"desiredState":` + spec + `}`
			}
			out[filepath.Base(path)] = withSpec(t, spec)
		}
	}
	return out
}

// shapes are further desired states that revisions have or will have, beside those that are golden.
var shapes = map[string]string{
	"a trunk with a native VLAN":         `interfaces: [{name: br0, type: linux-bridge, state: up, ipv4: {enabled: false}, bridge: {port: [{name: eth1, vlan: {mode: trunk, tag: 5, enable-native: true, trunk-tags: [{id: 7}, {id-range: {min: 100, max: 199}}]}}]}}]`,
	"an entry without a type":            `interfaces: [{name: eth1, state: up, mtu: 9000, ipv4: {enabled: false}, ipv6: {enabled: false}}]`,
	"a bond":                             `interfaces: [{name: bond0, type: bond, state: up, link-aggregation: {mode: 802.3ad, options: {miimon: "100", lacp_rate: fast, xmit_hash_policy: layer3+4}, port: [eth1, eth2]}}]`,
	"a bridge of Open vSwitch":           `interfaces: [{name: br0, type: ovs-bridge, state: up, bridge: {options: {stp: {enabled: false}}, port: [{name: eth1, vlan: {mode: access, tag: 100}}]}}]`,
	"virtual functions":                  `interfaces: [{name: eth1, type: ethernet, state: up, ethernet: {sr-iov: {total-vfs: 8}}}]`,
	"a bridge of Open vSwitch that goes": `interfaces: [{name: br0, type: ovs-bridge, state: absent}, {name: eth1, state: up, ipv4: {enabled: false}}]`,
}

// preserved is a revision that moves the node's addresses by captures.
const preserved = `
capture:
  uplink: interfaces.name=="eth0"
  routes: routes.running.next-hop-interface=="eth0"
  moved: capture.routes | routes.config.next-hop-interface:="br-lan"
  dns: dns-resolver.running.server!=""
desiredState:
  interfaces:
  - {name: eth0, type: ethernet, state: up, ipv4: {enabled: false}, ipv6: {enabled: false}}
  - name: br-lan
    type: linux-bridge
    state: up
    mac-address: "{{ capture.uplink.interfaces.0.mac-address }}"
    ipv4: "{{ capture.uplink.interfaces.0.ipv4 }}"
    ipv6: "{{ capture.uplink.interfaces.0.ipv6 }}"
    bridge: {options: {stp: {enabled: false}}, port: [{name: eth0, vlan: {}}]}
  routes: {config: "{{ capture.moved.routes.running }}"}
  dns-resolver: {config: {server: "{{ capture.dns.dns-resolver.running.server }}", search: "{{ capture.dns.dns-resolver.running.search }}"}}
`

// withSpec gives a policy as the controller makes it, with fields of its spec replaced.
func withSpec(t *testing.T, spec string) *unstructured.Unstructured {
	t.Helper()
	fields := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		t.Fatalf("%v in\n%s", err, spec)
	}
	p := revision(t, nmstate.State{})
	for key, value := range fields {
		if key == "desiredState" || key == "capture" {
			p.Object["spec"].(map[string]any)[key] = integers(value)
		}
	}
	return p
}

// integers gives a value with whole numbers in place of the floating ones that a reader of JSON makes.
func integers(value any) any {
	switch v := value.(type) {
	case float64:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = integers(v[k])
		}
	}
	return value
}

func withState(t *testing.T, state string) *unstructured.Unstructured {
	t.Helper()
	return withSpec(t, "desiredState: {"+state+"}")
}

func TestTheControllerMayWriteWhatItRenders(t *testing.T) {
	w := theWorld(t)
	c := controller(t, w)
	eventually(t, func() error { return refused(try(t, c, withState(t, "routes: {}")), revisions) })
	for name, p := range golden(t) {
		if err := try(t, c, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, state := range shapes {
		if err := try(t, c, withState(t, state)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := try(t, c, withSpec(t, preserved)); err != nil {
		t.Errorf("preserved: %v", err)
	}
	var large nmstate.State
	for i := range 256 {
		base, name := 1+i, fmt.Sprintf("bridge-no-%d", i)
		tags := []nmstate.TrunkTag{}
		for j := range 16 {
			tags = append(tags, nmstate.TrunkTag{Range: &nmstate.VLANRange{Min: 100 * (j + 1), Max: 100*(j+1) + 50}})
		}
		large.Interfaces = append(large.Interfaces,
			nmstate.Interface{Name: fmt.Sprintf("enp130s0f0.%d", base), Type: nmstate.VLANType, State: nmstate.Up, IPv4: &nmstate.IP{}, IPv6: &nmstate.IP{},
				VLAN: &nmstate.VLAN{BaseIface: "enp130s0f0", ID: base}},
			nmstate.Interface{Name: name, Type: nmstate.LinuxBridge, State: nmstate.Up, IPv4: &nmstate.IP{}, IPv6: &nmstate.IP{}, Bridge: &nmstate.Bridge{
				Options: &nmstate.BridgeOptions{STP: &nmstate.STP{}},
				Port:    &[]nmstate.BridgePort{{Name: fmt.Sprintf("enp130s0f0.%d", base), VLAN: &nmstate.PortVLAN{Mode: "trunk", TrunkTags: tags}}}}})
	}
	if err := try(t, c, revision(t, large)); err != nil {
		t.Errorf("the largest revision: %v", err)
	}
}

func TestTheControllerCannotWriteMoreOfHostsThanItRenders(t *testing.T) {
	w := theWorld(t)
	c := controller(t, w)
	eventually(t, func() error { return refused(try(t, c, withState(t, "routes: {}")), revisions) })
	const up = "name: eth1, type: ethernet, state: up"
	for name, state := range map[string]string{
		"no interfaces":                            `dns-resolver: {config: {server: [192.0.2.1]}}`,
		"routes":                                   `interfaces: [], routes: {config: [{destination: 0.0.0.0/0, next-hop-address: 192.0.2.1, next-hop-interface: eth0}]}`,
		"a template of routes without capture":     `interfaces: [], routes: {config: "{{ capture.a.routes.running }}"}`,
		"DNS servers":                              `interfaces: [], dns-resolver: {config: {server: [192.0.2.1]}}`,
		"rules of routing":                         `interfaces: [], route-rules: {config: []}`,
		"a host name":                              `interfaces: [], hostname: {config: x}`,
		"the database of Open vSwitch":             `interfaces: [], ovs-db: {external_ids: {a: b}}`,
		"mappings of OVN":                          `interfaces: [], ovn: {bridge-mappings: []}`,
		"interfaces that are no list":              `interfaces: {a: {name: eth1}}`,
		"interfaces that are a text":               `interfaces: "{{ capture.a.interfaces }}"`,
		"an entry that is a text":                  `interfaces: ["eth1"]`,
		"an entry without a name":                  `interfaces: [{type: ethernet, state: up}]`,
		"an entry without a state":                 `interfaces: [{name: eth1, type: ethernet}]`,
		"a NIC that goes":                          `interfaces: [{name: eth1, type: ethernet, state: absent}]`,
		"a NIC without a type that goes":           `interfaces: [{name: eth1, state: absent}]`,
		"a NIC that goes down":                     `interfaces: [{name: eth1, type: ethernet, state: down}]`,
		"a name that is too long":                  `interfaces: [{name: abcdefghijklmnop, type: ethernet, state: up}]`,
		"a name with a slash":                      `interfaces: [{name: a/b, type: ethernet, state: up}]`,
		"a name that is a template":                `interfaces: [{name: "{{ capture.a.interfaces.0.name }}", type: ethernet, state: up}]`,
		"an address":                               `interfaces: [{` + up + `, ipv4: {enabled: true, address: [{ip: 192.0.2.1, prefix-length: 24}]}}]`,
		"an address on a family that is off":       `interfaces: [{` + up + `, ipv4: {enabled: false, address: [{ip: 192.0.2.1, prefix-length: 24}]}}]`,
		"DHCP":                                     `interfaces: [{` + up + `, ipv6: {enabled: true, dhcp: true}}]`,
		"an address by a template without capture": `interfaces: [{` + up + `, ipv4: "{{ capture.a.interfaces.0.ipv4 }}"}]`,
		"a MAC address":                            `interfaces: [{` + up + `, mac-address: "52:54:00:00:00:01"}]`,
		"a MAC address of another interface":       `interfaces: [{` + up + `, copy-mac-from: eth0}]`,
		"an MTU that is too small":                 `interfaces: [{` + up + `, mtu: 40}]`,
		"an MTU that is a text":                    `interfaces: [{` + up + `, mtu: "1500"}]`,
		"a dummy":                                  `interfaces: [{name: d0, type: dummy, state: up}]`,
		"a VXLAN":                                  `interfaces: [{name: v0, type: vxlan, state: up, vxlan: {base-iface: eth0, id: 1, remote: 192.0.2.1}}]`,
		"a tunnel of IPsec":                        `interfaces: [{name: i0, type: ipsec, state: up, libreswan: {right: 192.0.2.1}}]`,
		"a veth":                                   `interfaces: [{name: v0, type: veth, state: up, veth: {peer: v1}}]`,
		"802.1X":                                   `interfaces: [{` + up + `, 802.1x: {identity: x}}]`,
		"offloads":                                 `interfaces: [{` + up + `, ethtool: {feature: {}}}]`,
		"LLDP":                                     `interfaces: [{` + up + `, lldp: {enabled: true}}]`,
		"a controller of the NIC":                  `interfaces: [{` + up + `, controller: br-x}]`,
		"a promiscuous NIC":                        `interfaces: [{` + up + `, accept-all-mac-addresses: true}]`,
		"a dispatch script":                        `interfaces: [{` + up + `, dispatch: {post-activation: "rm -rf /"}}]`,
		"single virtual functions":                 `interfaces: [{` + up + `, ethernet: {sr-iov: {total-vfs: 2, vfs: [{id: 0, trust: true}]}}}]`,
		"the speed of a NIC":                       `interfaces: [{` + up + `, ethernet: {speed: 10, duplex: half, auto-negotiation: false}}]`,
		"virtual functions of a bond":              `interfaces: [{name: b0, type: bond, state: up, ethernet: {sr-iov: {total-vfs: 2}}}]`,
		"a VLAN of QinQ":                           `interfaces: [{name: eth1.5, type: vlan, state: up, vlan: {base-iface: eth1, id: 5, protocol: 802.1ad}}]`,
		"a VLAN without a number":                  `interfaces: [{name: eth1.5, type: vlan, state: up, vlan: {base-iface: eth1}}]`,
		"a VLAN of 0":                              `interfaces: [{name: eth1.5, type: vlan, state: up, vlan: {base-iface: eth1, id: 0}}]`,
		"a VLAN section of a bridge":               `interfaces: [{name: br0, type: linux-bridge, state: up, vlan: {base-iface: eth1, id: 5}}]`,
		"other options of a bridge":                `interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {options: {mac-ageing-time: 0}}}]`,
		"more of a spanning tree":                  `interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {options: {stp: {enabled: true, priority: 0}}}}]`,
		"more of a port":                           `interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1, stp-hairpin-mode: true}]}}]`,
		"a port that is a text":                    `interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [eth1]}}]`,
		"ports that are a template":                `interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: "{{ capture.a.b }}"}}]`,
		"an unknown mode of a port":                `interfaces: [{name: br0, type: linux-bridge, state: up, bridge: {port: [{name: eth1, vlan: {mode: any}}]}}]`,
		"a bridge section of a NIC":                `interfaces: [{` + up + `, bridge: {port: []}}]`,
		"an option of a bond with a command":       `interfaces: [{name: b0, type: bond, state: up, link-aggregation: {mode: x, options: {miimon: "1; reboot"}, port: [eth1]}}]`,
		"ports of a bond that are a template":      `interfaces: [{name: b0, type: bond, state: up, link-aggregation: {mode: x, port: "{{ capture.a.b }}"}}]`,
	} {
		if err := refused(try(t, c, withState(t, state)), revisions); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, how := range map[string][2]string{
		"an address beside the template":     {`"{{ capture.uplink.interfaces.0.ipv4 }}"`, `"{{ capture.uplink.interfaces.0.ipv4 }} 192.0.2.1"`},
		"a capture that replaces an address": {`interfaces.name=="eth0"`, `interfaces.ipv4.address.0.ip:="192.0.2.1"`},
		"a capture that replaces a gateway":  {`:="br-lan"`, `:="br-lan" | routes.config.next-hop-address:="192.0.2.1"`},
		"routes that are written":            {`{config: "{{ capture.moved.routes.running }}"}`, `{config: [{destination: 0.0.0.0/0}]}`},
		"a DNS server that is written":       {`{server: "{{ capture.dns.dns-resolver.running.server }}"`, `{server: "192.0.2.1"`},
		"rules beside the routes":            {`{config: "{{ capture.moved.routes.running }}"}`, `{running: "{{ capture.moved.routes.running }}"}`},
	} {
		if text := strings.ReplaceAll(preserved, how[0], how[1]); text == preserved {
			t.Errorf("%s: nothing was changed", name)
		} else if err := refused(try(t, c, withSpec(t, text)), revisions); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheControllerCannotWritePoliciesUnderOtherNamesNorForOtherNodes(t *testing.T) {
	w := theWorld(t)
	c := controller(t, w)
	eventually(t, func() error { return refused(try(t, c, withState(t, "routes: {}")), revisions) })
	good := golden(t)["vlan.json"]
	set := func(value any, path ...string) func(*unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) {
			if value == nil {
				unstructured.RemoveNestedField(o.Object, path...)
			} else if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, change := range map[string]func(*unstructured.Unstructured){
		"another name":                    set("node-network", "metadata", "name"),
		"a name of another revision":      set("wukong-confined-aaaaaaaaaa", "metadata", "name"),
		"a name of another uplink":        set("wukong-other-"+strings.TrimPrefix(good.GetName(), "wukong-confined-"), "metadata", "name"),
		"no labels":                       set(nil, "metadata", "labels"),
		"the label of another uplink":     set("other", "metadata", "labels", v1alpha1.UplinkLabel),
		"managed by somebody else":        set("helm", "metadata", "labels", v1alpha1.ManagedByLabel),
		"no owner":                        set(nil, "metadata", "annotations"),
		"a finalizer":                     set([]any{"example.com/a"}, "metadata", "finalizers"),
		"every node":                      set(nil, "spec", "nodeSelector"),
		"no label of nodes":               set(map[string]any{}, "spec", "nodeSelector"),
		"nodes by another label":          set(map[string]any{"kubernetes.io/hostname": "a"}, "spec", "nodeSelector"),
		"nodes by a label more":           set("a", "spec", "nodeSelector", "kubernetes.io/hostname"),
		"another number of nodes":         set(int64(1), "spec", "maxUnavailable"),
		"a number of nodes in percent":    set("50%", "spec", "maxUnavailable"),
		"nothing said about their number": set(nil, "spec", "maxUnavailable"),
		"no desired state":                set(nil, "spec", "desiredState"),
	} {
		o := good.DeepCopy()
		change(o)
		if err := refused(try(t, c, o), revisions); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	foreign := good.DeepCopy()
	foreign.SetName("wukong-like")
	foreign.SetLabels(map[string]string{"app": "theirs"})
	ours := good.DeepCopy()
	store(t, w, foreign, ours)
	if err := refused(c.Delete(t.Context(), foreign, client.DryRunAll), revisions); err != nil {
		t.Errorf("deletion of another's policy: %v", err)
	}
	if err := c.Delete(t.Context(), ours, client.DryRunAll); err != nil {
		t.Errorf("deletion of its own policy: %v", err)
	}
	// The lab's nmstate refuses edits while a policy is new, too: only labels are changed.
	edited := ours.DeepCopy()
	edited.SetLabels(nil)
	if err := refused(c.Update(t.Context(), edited, client.DryRunAll), revisions); err != nil {
		t.Errorf("an edit: %v", err)
	}
	free := withState(t, "routes: {}")
	free.SetName("free")
	if err := try(t, w.Admin, free); err != nil {
		t.Errorf("the rules are for the controller alone: %v", err)
	}
}

func TestTheControllerChangesNothingOfANodeButItsOwnMarks(t *testing.T) {
	w := theWorld(t)
	c := controller(t, w)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "confined", Labels: map[string]string{"zone": "a", v1alpha1.UplinkLabelPrefix + "old": "abcdefghij"},
		Annotations: map[string]string{"note": "a", v1alpha1.SinceAnnotationPrefix + "old": "2026-01-01T00:00:00Z"}}}
	store(t, w, node)
	patch := func(text string) error {
		return c.Patch(t.Context(), node.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(text)), client.DryRunAll)
	}
	eventually(t, func() error { return refused(patch(`{"spec":{"unschedulable":true}}`), nodes) })
	for name, text := range map[string]string{
		"the marks of a revision": `{"metadata":{"labels":{"uplink.vm.novasphere.dev/up":"abcdefghij","network.vm.novasphere.dev/lan":"true"},"annotations":{"applied.uplink.vm.novasphere.dev/up":"abcdefghij","renew.uplink.vm.novasphere.dev/up":"x","since.uplink.vm.novasphere.dev/up":"x","repaired.uplink.vm.novasphere.dev/up":"x"}}}`,
		"marks that go":           `{"metadata":{"labels":{"uplink.vm.novasphere.dev/old":null},"annotations":{"since.uplink.vm.novasphere.dev/old":null}}}`,
	} {
		if err := patch(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"another label":                 `{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":""}}}`,
		"a label that is changed":       `{"metadata":{"labels":{"zone":"b"}}}`,
		"a label that goes":             `{"metadata":{"labels":{"zone":null}}}`,
		"a label like ours":             `{"metadata":{"labels":{"x.uplink.vm.novasphere.dev/a":"b"}}}`,
		"a mark that is no revision":    `{"metadata":{"labels":{"uplink.vm.novasphere.dev/up":"x"}}}`,
		"a network that is not true":    `{"metadata":{"labels":{"network.vm.novasphere.dev/lan":"false"}}}`,
		"another annotation":            `{"metadata":{"annotations":{"a":"b"}}}`,
		"an annotation that is changed": `{"metadata":{"annotations":{"note":"b"}}}`,
		"an annotation that goes":       `{"metadata":{"annotations":{"note":null}}}`,
		"a taint":                       `{"spec":{"taints":[{"key":"a","effect":"NoExecute"}]}}`,
		"a finalizer":                   `{"metadata":{"finalizers":["example.com/a"]}}`,
		"an owner":                      `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"a","uid":"1"}]}}`,
	} {
		if err := refused(patch(text), nodes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := refused(c.Status().Patch(t.Context(), node.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"status":{"capacity":{"a":"1"}}}`)), &client.SubResourcePatchOptions{PatchOptions: client.PatchOptions{DryRun: []string{"All"}}}), nodes); err != nil {
		t.Errorf("the status: %v", err)
	}
	if err := refused(c.Delete(t.Context(), node.DeepCopy(), client.DryRunAll), nodes); err != nil {
		t.Errorf("deletion: %v", err)
	}
	if err := refused(try(t, c, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "new"}}), nodes); err != nil {
		t.Errorf("creation: %v", err)
	}
}

func TestTheControllerWritesNoObjectsButItsOwn(t *testing.T) {
	w := theWorld(t)
	c := controller(t, w)
	ns := namespaceWith(t, w, nil)
	const mine = `labels: {app.kubernetes.io/managed-by: wukong-network, vm.novasphere.dev/wukong: web}, ownerReferences: [{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, name: web, uid: "1", controller: true}]`
	meta := func(name, more string) string {
		return "metadata: {namespace: " + ns + ", name: " + name + ", " + more + "}"
	}
	network := hostNetwork("confined", named(ns))
	theirs := attachment(ns, "theirs", `{}`)
	theirSecret := object(t, "{apiVersion: v1, kind: Secret, "+meta("theirs", "labels: {a: b}")+"}")
	theirVM := object(t, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, "+meta("theirs", "labels: {a: b}")+", spec: {template: {spec: {domain: {devices: {}}}}}}")
	owner := object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, "+meta("web", "labels: {}")+", spec: {}}")
	store(t, w, owner)
	owned := strings.ReplaceAll(mine, `uid: "1"`, fmt.Sprintf("uid: %q", owner.GetUID())) // else they are garbage
	former := object(t, "{apiVersion: v1, kind: Secret, "+meta("web-net-former", owned)+", immutable: true}")
	present := object(t, "{apiVersion: v1, kind: Secret, "+meta("web-net-present", owned)+"}")
	theirImmutable := object(t, "{apiVersion: v1, kind: Secret, "+meta("their-immutable", "labels: {a: b}")+", immutable: true}")
	store(t, w, &network, theirs, theirSecret, theirVM, former, present, theirImmutable)
	good := map[string]string{
		"a Secret":      "{apiVersion: v1, kind: Secret, type: Opaque, " + meta("web-net", mine) + ", stringData: {userdata: a, networkdata: b}}",
		"a machine":     "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, " + meta("web-vm", mine) + ", spec: {template: {spec: {domain: {devices: {}}, volumes: [{name: a, dataVolume: {name: a}}, {name: b, cloudInitNoCloud: {}}]}}}}",
		"an attachment": "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, " + meta("wukong-lan", `labels: {app.kubernetes.io/managed-by: wukong-network, vm.novasphere.dev/host-network: lan}, annotations: {vm.novasphere.dev/owner-uid: "1"}`) + ", spec: {config: '{}'}}",
	}
	// The API server takes up each policy by itself.
	eventually(t, func() error { return refused(try(t, c, attachment(ns, "x", `{}`)), ownNADs) })
	eventually(t, func() error {
		return refused(try(t, c, object(t, "{apiVersion: v1, kind: Secret, "+meta("x", "labels: {}")+"}")), secrets)
	})
	eventually(t, func() error {
		return refused(try(t, c, object(t, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, "+meta("x", "labels: {}")+", spec: {template: {spec: {domain: {devices: {}}}}}}")), machines)
	})
	for name, text := range good {
		if err := try(t, c, object(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tc := range map[string]struct{ policy, text string }{
		"a Secret without marks":            {secrets, "{apiVersion: v1, kind: Secret, " + meta("x", "labels: {}") + "}"},
		"a token of another account":        {secrets, "{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, " + meta("x", mine+`, annotations: {kubernetes.io/service-account.name: default}`) + "}"},
		"a Secret with other keys":          {secrets, "{apiVersion: v1, kind: Secret, " + meta("x", mine) + ", stringData: {tls.key: a}}"},
		"a machine without an owner":        {machines, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, " + meta("x", "labels: {}") + ", spec: {template: {spec: {domain: {devices: {}}}}}}"},
		"a machine with a disk of the host": {machines, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, " + meta("x", mine) + ", spec: {template: {spec: {domain: {devices: {}}, volumes: [{name: a, hostDisk: {path: /x, type: Disk}}]}}}}"},
		"a machine with a Secret of others": {machines, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, " + meta("x", mine) + ", spec: {template: {spec: {domain: {devices: {}}, volumes: [{name: a, secret: {secretName: x}}]}}}}"},
		"an attachment without an owner":    {ownNADs, "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, " + meta("wukong-lan", `labels: {app.kubernetes.io/managed-by: wukong-network, vm.novasphere.dev/host-network: lan}`) + ", spec: {config: '{}'}}"},
		"an attachment of another name":     {ownNADs, "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, " + meta("lan", `labels: {app.kubernetes.io/managed-by: wukong-network, vm.novasphere.dev/host-network: lan}, annotations: {vm.novasphere.dev/owner-uid: "1"}`) + ", spec: {config: '{}'}}"},
		"a HostNetwork":                     {declarations, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: x}, spec: {physicalNetwork: x}}"},
		"a HostUplink":                      {declarations, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: x}, spec: {physicalNetwork: x, interface: eth0, nodeSelector: {}}}"},
		"a Wukong":                          {declarations, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, " + meta("x", "labels: {}") + ", spec: {}}"},
	} {
		if err := refused(try(t, c, object(t, tc.text)), tc.policy); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	merge := func(o client.Object, text string) error {
		return c.Patch(t.Context(), o.DeepCopyObject().(client.Object), client.RawPatch("application/merge-patch+json", []byte(text)), client.DryRunAll)
	}
	const adopt = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"wukong-network","vm.novasphere.dev/wukong":"web","vm.novasphere.dev/host-network":"lan"},"annotations":{"vm.novasphere.dev/owner-uid":"1"},"ownerReferences":[{"apiVersion":"vm.novasphere.dev/v1alpha1","kind":"Wukong","name":"web","uid":"1","controller":true}]}}`
	for name, tc := range map[string]struct {
		policy string
		err    error
	}{
		"it takes an attachment of others":   {ownNADs, merge(theirs, adopt)},
		"it deletes an attachment of others": {ownNADs, c.Delete(t.Context(), theirs, client.DryRunAll)},
		"it takes a Secret of others":        {secrets, merge(theirSecret, adopt)},
		"it deletes a Secret of others":      {secrets, c.Delete(t.Context(), theirImmutable, client.DryRunAll)},
		"it deletes a Secret that changes":   {secrets, c.Delete(t.Context(), present, client.DryRunAll)},
		"it takes a machine of others":       {machines, merge(theirVM, adopt)},
		"it deletes a machine":               {machines, c.Delete(t.Context(), theirVM, client.DryRunAll)},
		"it opens a HostNetwork":             {declarations, merge(&network, `{"spec":{"allowedNamespaces":{"selector":{}}}}`)},
		"it labels a HostNetwork":            {declarations, merge(&network, `{"metadata":{"labels":{"vm.novasphere.dev/shared-aliases":""}}}`)},
		"it deletes a HostNetwork":           {declarations, c.Delete(t.Context(), &network, client.DryRunAll)},
	} {
		if err := refused(tc.err, tc.policy); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Delete(t.Context(), former, client.DryRunAll); err != nil {
		t.Errorf("it deletes a Secret of an earlier request: %v", err)
	}
	if err := merge(&network, `{"metadata":{"finalizers":["vm.novasphere.dev/hosts"]}}`); err != nil {
		t.Errorf("it holds a HostNetwork by its finalizer: %v", err)
	}
}
