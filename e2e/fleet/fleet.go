package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// Fleet stands for the handlers of thousands of nodes.
type Fleet struct {
	// Admin is a client of the administrator.
	Admin client.WithWatch
	// Apply is how long a node works on one policy.
	Apply time.Duration
	// Uplink is the HostUplink whose label is followed.
	Uplink string
	// More is how many interfaces a node reports beside its two NICs and what was built.
	More int
	// Writes counts those of enactments.
	Writes atomic.Int64

	work  chan func(context.Context) error
	on    map[string]string // by node: the revision that its label names
	built sync.Map          // by policy: the interfaces that it builds
	wg    sync.WaitGroup

	mu     sync.Mutex
	failed error
}

// Workers is how many nodes do something at the same time.
const Workers = 8

// Start follows nodes from now on, until ctx ends.
func (f *Fleet) Start(ctx context.Context) error {
	f.work, f.on = make(chan func(context.Context) error, 1<<16), map[string]string{}
	nodes := &corev1.NodeList{}
	if err := f.Admin.List(ctx, nodes); err != nil {
		return err
	}
	follow, err := f.Admin.Watch(ctx, &corev1.NodeList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: nodes.ResourceVersion}})
	if err != nil {
		return err
	}
	f.wg.Go(func() {
		defer follow.Stop()
		for e := range follow.ResultChan() {
			switch o := e.Object.(type) {
			case *corev1.Node:
				if e.Type == watch.Modified {
					f.see(ctx, o)
				}
			default:
				f.fail(ctx, fmt.Errorf("the watch of nodes ended: %v", e.Object))
			}
		}
	})
	for range Workers {
		f.wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case step := <-f.work:
					f.fail(ctx, step(ctx))
				}
			}
		})
	}
	return nil
}

func (f *Fleet) fail(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = errors.Join(f.failed, err)
}

// Failure is what went wrong so far.
func (f *Fleet) Failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// see notes the revision of a node. Its handler drops what it reported about the earlier one.
func (f *Fleet) see(ctx context.Context, node *corev1.Node) {
	before, after := f.on[node.Name], node.Labels[v1alpha1.UplinkLabelPrefix+f.Uplink]
	if before == after {
		return
	}
	f.on[node.Name] = after
	policy := func(hash string) string { return "wukong-" + f.Uplink + "-" + hash }
	if before != "" {
		f.do(ctx, func(ctx context.Context) error {
			f.Writes.Add(1)
			return client.IgnoreNotFound(f.Admin.Delete(ctx, enactment(node, policy(before))))
		})
	}
	if after != "" {
		f.do(ctx, func(ctx context.Context) error { return f.begin(ctx, node, policy(after)) })
	}
}

func (f *Fleet) do(ctx context.Context, step func(context.Context) error) {
	select {
	case f.work <- step:
	case <-ctx.Done():
	}
}

// begin writes what a handler writes before it applies, and the rest when it has applied.
func (f *Fleet) begin(ctx context.Context, node *corev1.Node, policy string) error {
	e := enactment(node, policy)
	f.Writes.Add(1)
	if err := f.Admin.Create(ctx, e); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := f.note(ctx, e, "UUUUU", ""); err != nil {
		return err
	}
	if err := f.note(ctx, e, "UUTFF", "ConfigurationProgressing"); err != nil {
		return err
	}
	time.AfterFunc(f.Apply, func() {
		f.do(ctx, func(ctx context.Context) error {
			if err := f.note(ctx, e, "TFFFF", "SuccessfullyConfigured"); err != nil {
				return err
			}
			built, err := f.interfaces(ctx, policy)
			if err != nil {
				return err
			}
			return f.report(ctx, node.Name, node.Status.Addresses[0].Address, built...)
		})
	})
	return nil
}

// interfaces gives what a policy builds. Nodes report it as it was asked for.
func (f *Fleet) interfaces(ctx context.Context, policy string) ([]any, error) {
	if built, ok := f.built.Load(policy); ok {
		return built.([]any), nil
	}
	p := &nmstate.Policy{}
	if err := f.Admin.Get(ctx, client.ObjectKey{Name: policy}, p); err != nil {
		return nil, err
	}
	var state struct{ Interfaces []any }
	if err := yaml.Unmarshal(p.Spec.DesiredState.Raw, &state); err != nil {
		return nil, err
	}
	f.built.Store(policy, state.Interfaces)
	return state.Interfaces, nil
}

// note writes the conditions of an enactment, as letters in the order Available, Failing, Progressing, Pending, Aborted.
func (f *Fleet) note(ctx context.Context, e *unstructured.Unstructured, letters, reason string) error {
	var conditions []map[string]any
	for i, kind := range []string{"Available", "Failing", "Progressing", "Pending", "Aborted"} {
		status := map[byte]string{'T': "True", 'F': "False", 'U': "Unknown"}[letters[i]]
		now := metav1.Now()
		conditions = append(conditions, map[string]any{"type": kind, "status": status, "reason": reason, "lastHeartbeatTime": now, "lastTransitionTime": now})
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"policyGeneration": 1, "conditions": conditions}})
	if err != nil {
		return err
	}
	f.Writes.Add(1)
	e = e.DeepCopy() // the answer is read into it
	return f.Admin.Status().Patch(ctx, e, client.RawPatch("application/merge-patch+json", patch))
}

func enactment(node *corev1.Node, policy string) *unstructured.Unstructured {
	e := unnamed("NodeNetworkConfigurationEnactment")
	e.SetName(node.Name + "." + policy)
	e.SetLabels(map[string]string{"nmstate.io/policy": policy, "nmstate.io/node": node.Name})
	e.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}})
	return e
}

func unnamed(kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("nmstate.io/v1beta1")
	u.SetKind(kind)
	return u
}

// Join makes nodes with their reports, from an index to below another.
func (f *Fleet) Join(ctx context.Context, from, below int) error {
	var wg sync.WaitGroup
	indexes := make(chan int)
	for range 2 * Workers {
		wg.Go(func() {
			for i := range indexes {
				f.fail(ctx, f.join(ctx, i))
			}
		})
	}
	for i := from; i < below; i++ {
		indexes <- i
	}
	close(indexes)
	wg.Wait()
	return f.Failure()
}

// join makes a node with its report: eth0 is its primary NIC, eth1 is free.
func (f *Fleet) join(ctx context.Context, index int) error {
	name, address := fmt.Sprintf(nodeName, index), fmt.Sprintf("203.%d.%d.%d", index/40000, index/200%200, index%200+1)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	if err := f.Admin.Create(ctx, node); err != nil {
		return err
	}
	state := unnamed("NodeNetworkState")
	state.SetName(name)
	if err := f.Admin.Create(ctx, state); err != nil {
		return err
	}
	return f.report(ctx, name, address)
}

// report writes what a node reports: its two NICs, and what was built.
func (f *Fleet) report(ctx context.Context, name, address string, built ...any) error {
	nic := func(name, mac string, ipv4 map[string]any) map[string]any {
		return map[string]any{"name": name, "type": "ethernet", "state": "up", "mtu": 1500, "max-mtu": 9000,
			"mac-address": mac, "ipv4": ipv4, "ipv6": map[string]any{"enabled": false}}
	}
	var index int
	if _, err := fmt.Sscanf(name, nodeName, &index); err != nil {
		return err
	}
	mac := func(nic int) string { return fmt.Sprintf("52:54:00:%02X:%02X:%02X", nic, index>>8, index&255) }
	routes := []any{map[string]any{"destination": "0.0.0.0/0", "next-hop-interface": "eth0", "next-hop-address": "203.0.0.254", "metric": 100, "table-id": 254}}
	interfaces := append([]any{
		nic("eth0", mac(0), map[string]any{"enabled": true, "dhcp": false, "address": []any{map[string]any{"ip": address, "prefix-length": 8}}}),
		nic("eth1", mac(1), map[string]any{"enabled": false}),
	}, built...)
	interfaces = append(interfaces, more(f.More, index)...)
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"lastSuccessfulUpdateTime": metav1.Now(), "currentState": map[string]any{
		"interfaces": interfaces, "routes": map[string]any{"config": routes, "running": routes}}}})
	if err != nil {
		return err
	}
	state := unnamed("NodeNetworkState")
	state.SetName(name)
	return f.Admin.Status().Patch(ctx, state, client.RawPatch("application/merge-patch+json", patch))
}

// more are interfaces of the size that real reports have, with what hardware offers: about a kilobyte each.
func more(count, index int) []any {
	features := map[string]any{}
	for _, feature := range []string{"esp-hw-offload", "esp-tx-csum-hw-offload", "fcoe-mtu", "highdma", "hw-tc-offload", "l2-fwd-offload", "loopback",
		"macsec-hw-offload", "rx-all", "rx-checksum", "rx-fcs", "rx-gro", "rx-gro-hw", "rx-gro-list", "rx-hashing", "rx-lro", "rx-ntuple-filter",
		"rx-udp-gro-forwarding", "rx-vlan-filter", "rx-vlan-hw-parse", "tls-hw-record", "tx-checksum-ip-generic", "tx-generic-segmentation",
		"tx-gre-segmentation", "tx-nocache-copy", "tx-scatter-gather", "tx-tcp-ecn-segmentation", "tx-tcp-segmentation", "tx-vlan-hw-insert"} {
		features[feature] = false
	}
	var out []any
	for i := range count {
		out = append(out, map[string]any{"name": fmt.Sprintf("ens%d", i), "type": "ethernet", "state": "down", "mtu": 1500, "max-mtu": 9000, "min-mtu": 68,
			"mac-address": fmt.Sprintf("52:54:01:%02X:%02X:%02X", i, index>>8, index&255), "permanent-mac-address": fmt.Sprintf("52:54:01:%02X:%02X:%02X", i, index>>8, index&255),
			"accept-all-mac-addresses": false, "driver": "virtio_net", "ethtool": map[string]any{"feature": features},
			"ipv4": map[string]any{"enabled": false}, "ipv6": map[string]any{"enabled": false}, "lldp": map[string]any{"enabled": false}})
	}
	return out
}

// nodeName is the form of the nodes' names.
const nodeName = "node-%05d"
