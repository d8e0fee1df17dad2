package rollouts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// driver stands for the handlers of thousands of nodes: it writes the enactments that they would write, with a small pool of
// workers and one watch. Unlike the lab it has no hosts, knows no failure, and leaves the policies' own status alone.
type driver struct {
	admin client.WithWatch
	// apply is how long a node works on one policy.
	apply time.Duration
	// uplink is the HostUplink whose label is followed.
	uplink string

	work   chan func(context.Context) error
	on     map[string]string // by node: the revision that its label names
	built  sync.Map          // by policy: the interfaces that it builds
	writes atomic.Int64      // of enactments
	wg     sync.WaitGroup

	mu     sync.Mutex
	failed error
}

const driverWorkers = 8

// start follows nodes from now on, until ctx ends.
func (d *driver) start(ctx context.Context) error {
	d.work, d.on = make(chan func(context.Context) error, 1<<16), map[string]string{}
	nodes := &corev1.NodeList{}
	if err := d.admin.List(ctx, nodes); err != nil {
		return err
	}
	follow, err := d.admin.Watch(ctx, &corev1.NodeList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: nodes.ResourceVersion}})
	if err != nil {
		return err
	}
	d.wg.Go(func() {
		defer follow.Stop()
		for e := range follow.ResultChan() {
			switch o := e.Object.(type) {
			case *corev1.Node:
				if e.Type == watch.Modified {
					d.see(ctx, o)
				}
			default:
				d.fail(ctx, fmt.Errorf("the watch of nodes ended: %v", e.Object))
			}
		}
	})
	for range driverWorkers {
		d.wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case step := <-d.work:
					d.fail(ctx, step(ctx))
				}
			}
		})
	}
	return nil
}

func (d *driver) fail(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = errors.Join(d.failed, err)
}

func (d *driver) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// see notes the revision of a node. Its handler drops what it reported about the earlier one.
func (d *driver) see(ctx context.Context, node *corev1.Node) {
	before, after := d.on[node.Name], node.Labels[v1alpha1.UplinkLabelPrefix+d.uplink]
	if before == after {
		return
	}
	d.on[node.Name] = after
	policy := func(hash string) string { return "wukong-" + d.uplink + "-" + hash }
	if before != "" {
		d.do(ctx, func(ctx context.Context) error {
			d.writes.Add(1)
			return client.IgnoreNotFound(d.admin.Delete(ctx, enactment(node, policy(before))))
		})
	}
	if after != "" {
		d.do(ctx, func(ctx context.Context) error { return d.begin(ctx, node, policy(after)) })
	}
}

func (d *driver) do(ctx context.Context, step func(context.Context) error) {
	select {
	case d.work <- step:
	case <-ctx.Done():
	}
}

// begin writes what a handler writes before it applies, and the rest when it has applied.
func (d *driver) begin(ctx context.Context, node *corev1.Node, policy string) error {
	e := enactment(node, policy)
	d.writes.Add(1)
	if err := d.admin.Create(ctx, e); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := d.note(ctx, e, "UUUUU", ""); err != nil {
		return err
	}
	if err := d.note(ctx, e, "UUTFF", "ConfigurationProgressing"); err != nil {
		return err
	}
	time.AfterFunc(d.apply, func() {
		d.do(ctx, func(ctx context.Context) error {
			if err := d.note(ctx, e, "TFFFF", "SuccessfullyConfigured"); err != nil {
				return err
			}
			built, err := d.interfaces(ctx, policy)
			if err != nil {
				return err
			}
			return d.report(ctx, node.Name, node.Status.Addresses[0].Address, built...)
		})
	})
	return nil
}

// interfaces gives what a policy builds. Nodes report it as it was asked for.
func (d *driver) interfaces(ctx context.Context, policy string) ([]any, error) {
	if built, ok := d.built.Load(policy); ok {
		return built.([]any), nil
	}
	p := &nmstatev1.NodeNetworkConfigurationPolicy{}
	if err := d.admin.Get(ctx, client.ObjectKey{Name: policy}, p); err != nil {
		return nil, err
	}
	var state struct{ Interfaces []any }
	if err := yaml.Unmarshal(p.Spec.DesiredState.Raw, &state); err != nil {
		return nil, err
	}
	d.built.Store(policy, state.Interfaces)
	return state.Interfaces, nil
}

// note writes the conditions of an enactment, as letters in the order Available, Failing, Progressing, Pending, Aborted.
func (d *driver) note(ctx context.Context, e *unstructured.Unstructured, letters, reason string) error {
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
	d.writes.Add(1)
	e = e.DeepCopy() // the answer is read into it
	return d.admin.Status().Patch(ctx, e, client.RawPatch("application/merge-patch+json", patch))
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

// join makes a node with its report: eth0 is its primary NIC, eth1 is free.
func (d *driver) join(ctx context.Context, index int) error {
	name, address := fmt.Sprintf(nodeName, index), fmt.Sprintf("203.%d.%d.%d", index/40000, index/200%200, index%200+1)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	if err := d.admin.Create(ctx, node); err != nil {
		return err
	}
	state := unnamed("NodeNetworkState")
	state.SetName(name)
	if err := d.admin.Create(ctx, state); err != nil {
		return err
	}
	return d.report(ctx, name, address)
}

// report writes what a node reports: its two NICs, and what was built.
func (d *driver) report(ctx context.Context, name, address string, built ...any) error {
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
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"lastSuccessfulUpdateTime": metav1.Now(), "currentState": map[string]any{
		"interfaces": interfaces, "routes": map[string]any{"config": routes, "running": routes}}}})
	if err != nil {
		return err
	}
	state := unnamed("NodeNetworkState")
	state.SetName(name)
	return d.admin.Status().Patch(ctx, state, client.RawPatch("application/merge-patch+json", patch))
}

// nodeName is the form of the nodes' names.
const nodeName = "node-%05d"
