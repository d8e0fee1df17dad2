package estate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/e2e/world"
)

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 2 * time.Minute

// Estate is the world with its machines. Its methods fail the test.
type Estate struct {
	*world.World
	Machines *machines.Runner
	// Namespace is where the Wukongs are.
	Namespace string

	t   testing.TB
	ctx context.Context
}

// Quick are settings by which nothing waits for long.
func Quick() controllers.Config {
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.Retention, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = time.Second, 3*time.Second, 3*time.Second, 10*time.Second, 200*time.Millisecond
	return cfg
}

// New prepares a cluster with two nodes and a namespace. No controller runs and nothing is declared yet. It needs nmstatectl,
// which resolves the captures of the preserved uplink.
func New(t testing.TB, c *cluster.Cluster) *Estate {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	w, err := world.Start(ctx, c, lab.Options{Capture: lab.Captures(parts.NmstatectlForTest(t)), Release: lab.After087})
	e := &Estate{World: w, t: t, ctx: ctx, Namespace: "estate"}
	e.must(err)
	t.Cleanup(w.Lab.Stop)
	for _, name := range []string{"node-a", "node-b"} {
		e.must(w.Lab.AddNode(ctx, node(name)))
	}
	e.Machines, err = machines.New(c.AdminConfig(), machines.Options{})
	e.must(err)
	e.must(e.Machines.Run(ctx))
	t.Cleanup(e.Machines.Halt)
	t.Cleanup(e.dump)
	e.Apply("{apiVersion: v1, kind: Namespace, metadata: {name: " + e.Namespace + "}}")
	return e
}

// node lives on eth0, has eth1 for itself, eth2 and eth3 for a bond, and eth4.
func node(name string) lab.NodeSpec {
	spec := world.Node(name, name[len(name)-1])
	spec.NICs = append(spec.NICs, lab.NIC{Name: "eth3"}, lab.NIC{Name: "eth4"})
	return spec
}

func (e *Estate) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// Apply applies manifests as an administrator.
func (e *Estate) Apply(manifests string) {
	e.t.Helper()
	e.must(e.Cluster.Apply(e.ctx, []byte(manifests)))
}

// Eventually waits until what returns an empty text; the last text says what was still wrong.
func (e *Estate) Eventually(what func() string) {
	e.t.Helper()
	world.Eventually(e.t, patience, world.Saying(what))
}

// dump logs what a failed test left behind.
func (e *Estate) dump() {
	if !e.t.Failed() {
		return
	}
	for _, args := range [][]string{{"get", "hostuplinks,hostnetworks,nncp,nnce,addressleases,wukongs,virtualmachines,virtualmachineinstances", "-A", "-o", "wide"},
		{"get", "nodes", "-o", "custom-columns=NAME:.metadata.name,LABELS:.metadata.labels,ANNOTATIONS:.metadata.annotations"}} {
		out, err := e.Cluster.Kubectl(context.Background(), args...)
		e.t.Logf("kubectl %v: %v\n%s", args, err, out)
	}
}

// atOnce lets all nodes change at the same time.
const atOnce = "rollout: {canary: 0, maxUnavailable: 100%}"

// pipeline is what a pipeline applies for the uplink that is left to it.
const pipeline = `
---
apiVersion: nmstate.io/v1
kind: NodeNetworkConfigurationPolicy
metadata: {name: from-git}
spec:
  nodeSelector: {kubernetes.io/os: linux}
  maxUnavailable: 2
  desiredState:
    interfaces:
    - {name: eth4.500, type: vlan, state: up, vlan: {base-iface: eth4, id: 500}, ipv4: {enabled: false}, ipv6: {enabled: false}}
    - name: br-git
      type: linux-bridge
      state: up
      ipv4: {enabled: false}
      ipv6: {enabled: false}
      bridge: {options: {stp: {enabled: false}}, port: [{name: eth4.500, vlan: {}}]}
`

const pool = `
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: AddressPool
metadata: {name: lan}
spec:
  segment: {physicalNetwork: lan}
  subnet: 192.0.2.0/24
  ranges: [192.0.2.128/26]
  allowedNamespaces: {selector: {}}
  cooldown: 1s
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: AddressReservation
metadata: {name: printers}
spec:
  segment: {physicalNetwork: lan}
  addresses: [192.0.2.128-192.0.2.131]
  reason: printers
`

// uplinks are the names of what Hosts declares, with the networks of each.
var uplinks = map[string][]string{"lan": {"lan", "lan-100", "taps", "fast"}, "storage": {"storage"}, "office": {"office"}, "git": {"git"}}

// Hosts declares uplinks, networks and a pool, and waits until the nodes have all of it.
func (e *Estate) Hosts() {
	e.t.Helper()
	bonded := strings.Replace(world.HostUplink("storage", "storage", "eth2", "nodeSelector: {}", atOnce), "interface: eth2",
		"bond: {name: bond0, mode: 802.3ad, ports: [eth2, eth3], options: {miimon: \"100\"}}", 1)
	e.Apply(strings.Join([]string{
		world.HostUplink("lan", "lan", "eth1", "nodeSelector: {}", atOnce),
		world.HostNetwork("lan", "lan", "provision: Always", "mtu: 1400", "repairDrift: true"),
		world.HostNetwork("lan-100", "lan", "vlan: 100"),
		world.HostNetwork("taps", "lan", "type: macvlan", "vlan: 300", "provision: Always"),
		world.HostNetwork("fast", "lan", "type: ovs", "vlan: 400", "provision: Always"),
		bonded,
		world.HostNetwork("storage", "storage", "trunk: [{min: 200, max: 219}]", "provision: Always"),
		world.HostUplink("office", "office", "eth0", "nodeSelector: {}", "protect: Preserve", atOnce),
		world.HostNetwork("office", "office", "provision: Always"),
		world.HostUplink("git", "git", "eth4", "nodeSelector: {}", "management: External", "externalPolicy: from-git"),
		world.HostNetwork("git", "git", "vlan: 500", "provision: Always"),
		pool, pipeline,
	}, ""))
	e.Eventually(func() string {
		for name, networks := range uplinks {
			u := &v1alpha1.HostUplink{}
			if wrong := e.ready(name, u, &u.Status.Conditions); wrong != "" {
				return wrong
			}
			for _, name := range networks {
				n := &v1alpha1.HostNetwork{}
				if wrong := e.ready(name, n, &n.Status.Conditions); wrong != "" {
					return wrong
				}
			}
		}
		return ""
	})
}

// ready says what a Ready condition of the current generation lacks.
func (e *Estate) ready(name string, o client.Object, conditions *[]metav1.Condition) string {
	if err := e.Admin.Get(e.ctx, types.NamespacedName{Name: name}, o); err != nil {
		return err.Error()
	}
	c := meta.FindStatusCondition(*conditions, v1alpha1.ConditionReady)
	if c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration != o.GetGeneration() {
		return fmt.Sprintf("%T %s: Ready is %+v of generation %d", o, name, c, o.GetGeneration())
	}
	return ""
}

// static asks for an address on a network.
func static(name, hostNetwork, address string) string {
	return fmt.Sprintf("{name: %s, hostNetwork: %s, ipConfig: {mode: static, address: %q}}", name, hostNetwork, address)
}

// wukong is the manifest of a Wukong; body are lines of its spec.
func (e *Estate) wukong(name string, networks []string, body ...string) string {
	return fmt.Sprintf(`
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: %s, name: %s}
spec:
  networks: [%s]
  %s
`, e.Namespace, name, strings.Join(networks, ", "), strings.Join(body, "\n  "))
}

// machine are the lines of a spec that ask for a machine.
var machine = []string{"cpu: 1", "memory: 1Gi", "disks: [{name: root, size: 1Gi, boot: true}]"}

// guests are the machines whose guests report their addresses, by Wukong.
var guests = map[string]string{"web": "web-vm", "pooled": "pooled-vm", "backup": "backup-vm", "desk": "desk-vm", "legacy": "theirs"}

// Guests asks for machines, and waits until their guests have what was asked for.
func (e *Estate) Guests() {
	e.t.Helper()
	e.Apply(strings.Join([]string{
		e.web("192.0.2.10/24"),
		e.wukong("pooled", []string{"{name: lan, hostNetwork: lan, ipConfig: {mode: static, ipPool: lan}}"}, machine...),
		e.wukong("backup", []string{"{name: storage, hostNetwork: storage, vlanId: 210, ipConfig: {mode: static, address: 198.51.100.20/24}}"}, machine...),
		e.wukong("desk", []string{static("office", "office", "198.51.100.30/24")}, machine...),
		e.wukong("prepared", []string{static("git", "git", "198.51.100.40/24")}),
		e.legacy("192.0.2.40/24"),
		world.Machine(e.Namespace, "theirs", "02:aa:00:00:00:40", "legacy-net"),
	}, ""))
	e.InSync()
}

// Machine is the manifest of a Wukong that asks for a machine on lan.
func (e *Estate) Machine(name, address string) string {
	return e.wukong(name, []string{static("lan", "lan", address)}, machine...)
}

// web has two networks. Its address on the first one is changed in the course of events.
func (e *Estate) web(address string) string {
	return e.wukong("web", []string{static("lan", "lan", address), static("back", "lan-100", "198.51.100.10/24")}, machine...)
}

// legacy serves the machine of somebody else.
func (e *Estate) legacy(address string) string {
	return e.wukong("legacy", []string{static("lan", "lan", address)}, "virtualMachineName: theirs")
}

// InSync waits until every Wukong is Ready, and every guest reports what it was told.
func (e *Estate) InSync() {
	e.t.Helper()
	e.Eventually(func() string {
		list := &v1alpha1.WukongList{}
		if err := e.Admin.List(e.ctx, list, client.InNamespace(e.Namespace)); err != nil {
			return err.Error()
		}
		for _, w := range list.Items {
			wanted := []string{v1alpha1.ConditionReady}
			if guests[w.Name] != "" {
				wanted = append(wanted, v1alpha1.ConditionGuestInSync)
			}
			for _, typ := range wanted {
				if c := meta.FindStatusCondition(w.Status.Conditions, typ); c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration != w.Generation {
					return fmt.Sprintf("%s: %s is %+v of generation %d", w.Name, typ, c, w.Generation)
				}
			}
		}
		return ""
	})
}

// guestHas waits until the guest of a machine has exactly one address on an interface.
func (e *Estate) guestHas(machine, nic, want string) {
	e.t.Helper()
	e.Eventually(func() string {
		guest, _ := e.Machines.Guest(types.NamespacedName{Namespace: e.Namespace, Name: machine})
		if has := guest.NIC(nic).Addresses; !slices.Equal(has, []netip.Prefix{netip.MustParsePrefix(want)}) {
			return fmt.Sprintf("the guest of %s has %v on %s, want %s", machine, has, nic, want)
		}
		return ""
	})
}

// Quiet waits until a count, such as of the controller's requests, has not grown for a second.
func (e *Estate) Quiet(count func() int) {
	e.t.Helper()
	e.Eventually(func() string {
		before := count()
		time.Sleep(time.Second)
		if n := count() - before; n > 0 {
			return fmt.Sprintf("the controller does not rest: %d requests in a second", n)
		}
		return ""
	})
}
