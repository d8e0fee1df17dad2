package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

// patience is how long one step of a scenario may take.
const patience = 90 * time.Second

type demo struct {
	*narrator
	*world.World
	Machines *machines.Runner
}

// play runs the scenarios in order.
func (d *demo) play(ctx context.Context) error {
	for i, scenario := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"static IP: team-a/web asks for 192.0.2.10/24", d.staticIP},
		{"duplicate: team-b/cache asks for the same address", d.duplicate},
		{"pool: addresses that nobody has to name, and some that are kept", d.pool},
		{"collision: a node takes the address of team-a/web later", d.collision},
		{"trunk: many VLANs over a bond of two NICs, beside the untagged network", d.trunk},
		{"guest: a machine runs, gets another address, and drifts", d.guest},
		{"broken node: a VLAN network is rolled out while eth1 of node-b is broken", d.brokenNode},
		{"deletion: the machines and their networks go", d.deletion},
	} {
		d.print(fmt.Sprintf("\n%d  %s", i+1, scenario.title))
		if err := scenario.run(ctx); err != nil {
			return fmt.Errorf("scenario %d: %w", i+1, err)
		}
	}
	return nil
}

// addNodes adds two nodes of which eth1 to eth3 are free, and one that has a single NIC, by which the cluster reaches it.
func (d *demo) addNodes(ctx context.Context) error {
	primary := world.Node("node-c", 13)
	primary.NICs = []lab.NIC{{Name: "eth1", Addresses: primary.NICs[0].Addresses, Gateways: primary.NICs[0].Gateways}}
	a, b := world.Node("node-a", 11), world.Node("node-b", 12)
	a.NICs, b.NICs = append(a.NICs, lab.NIC{Name: "eth3"}), append(b.NICs, lab.NIC{Name: "eth3"})
	for _, spec := range []lab.NodeSpec{a, b, primary} {
		if err := d.Lab.AddNode(ctx, spec); err != nil {
			return err
		}
	}
	d.say("nodes node-a, node-b and node-c have joined; eth1 leads to the fabric, and is the only NIC of node-c")
	return nil
}

func (d *demo) staticIP(ctx context.Context) error {
	if err := d.apply(ctx, "namespaces.yaml", "hostuplink.yaml", "hostnetwork.yaml", "static-ip.yaml"); err != nil {
		return err
	}
	lease, err := d.leased(ctx, "192.0.2.10", "lab")
	if err != nil {
		return err
	}
	d.say("leased: %s holds 192.0.2.10 on segment lab for %s/%s", lease.Name, lease.Spec.Holder.Namespace, lease.Spec.Holder.Name)
	web, err := d.wukong(ctx, "team-a/web", isReady)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{}
	if err := d.Admin.Get(ctx, client.ObjectKey{Namespace: "team-a", Name: web.Status.NetworkDataSecret}, secret); err != nil {
		return err
	}
	d.say("network data delivered in Secret team-a/%s:", secret.Name)
	d.print(indent(string(secret.Data["networkdata"])))
	uplink, err := d.uplink(ctx, "workers", func(u *v1alpha1.HostUplink) error {
		return all(counts(u, 2, 0), problem(u, "node-c", v1alpha1.NodeLeftOut, ""))
	})
	if err != nil {
		return err
	}
	d.say("left out: node-c, %s", uplink.Status.Problems[0].Message)
	if _, built := d.Lab.Host("node-c").Interface("br-lab"); built || d.Lab.CutOffs("node-c") > 0 {
		return fmt.Errorf("node-c was touched although its primary NIC is the uplink")
	}
	for _, node := range []string{"node-a", "node-b"} {
		if !slices.Contains(d.Lab.Host(node).Ports("br-lab"), "eth1") {
			return fmt.Errorf("%s has no br-lab over eth1", node)
		}
	}
	d.say("Ready: team-a/web has %s, %s nodes have br-lab", web.Status.Addresses, uplink.Status.NodesSummary)
	return nil
}

func (d *demo) duplicate(ctx context.Context) error {
	address := v1alpha1.CIDR("192.0.2.10/24")
	cache := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-b", Name: "cache"}, Spec: v1alpha1.WukongSpec{
		Networks: []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &address}}}}}
	if err := d.Admin.Create(ctx, cache); err != nil {
		return err
	}
	refused, err := d.wukong(ctx, "team-b/cache", func(w *v1alpha1.Wukong) error { return isStalled(w, v1alpha1.ReasonAddressInUse) })
	if err != nil {
		return err
	}
	d.say("refused: %s", message(refused))
	if _, err := d.wukong(ctx, "team-a/web", isReady); err != nil {
		return err
	}
	d.say("team-a/web is untouched")
	return d.Admin.Delete(ctx, cache)
}

func (d *demo) brokenNode(ctx context.Context) error {
	if err := d.Lab.Fail("node-b", lab.Fault{Gone: "eth1"}); err != nil {
		return err
	}
	if err := d.apply(ctx, "several-gateways.yaml"); err != nil {
		return err
	}
	uplink, err := d.uplink(ctx, "workers", func(u *v1alpha1.HostUplink) error {
		return problem(u, "node-b", v1alpha1.NodeFailing, "eth1")
	})
	if err != nil {
		return err
	}
	d.say("reported: HostUplink workers: %s", conditionMessage(uplink.Status.Conditions))
	if _, err := d.wukong(ctx, "team-a/router", isReady); err != nil {
		return err
	}
	d.say("team-a/router is Ready all the same: node-a has its networks, and machines require a node that has them")
	d.say("node-b is repaired")
	if err := d.Lab.Repair("node-b"); err != nil {
		return err
	}
	if uplink, err = d.uplink(ctx, "workers", func(u *v1alpha1.HostUplink) error { return counts(u, 2, 0) }); err != nil {
		return err
	}
	d.say("Ready: %s nodes have revision %s", uplink.Status.NodesSummary, uplink.Status.Revision)
	return nil
}

func (d *demo) deletion(ctx context.Context) error {
	for _, key := range []client.ObjectKey{{Namespace: "team-a", Name: "web"}, {Namespace: "team-a", Name: "router"},
		{Namespace: "team-a", Name: "from-pool"}, {Namespace: "team-b", Name: "mail"}, {Namespace: "team-a", Name: "backup"},
		{Namespace: "team-a", Name: "shop"}} {
		if err := d.Admin.Delete(ctx, &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}); err != nil {
			return err
		}
	}
	for _, lease := range []string{"ip-192-0-2-10.lab", "ip-192-0-2-31.lab"} {
		if err := d.until(ctx, func() error { return d.phase(ctx, lease, v1alpha1.LeaseReleased) }); err != nil {
			return err
		}
	}
	if _, runs := d.Machines.Guest(shop); runs {
		return errors.New("192.0.2.31 was released while its guest runs")
	}
	d.say("released: nobody can use 192.0.2.10 and 192.0.2.31 any more; their leases stay as records")
	for _, name := range []string{"lab", "lab-100", "storage"} {
		if err := d.Admin.Delete(ctx, &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	for _, name := range []string{"lab", "storage"} {
		if err := d.until(ctx, func() error {
			err := d.Admin.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.HostNetwork{})
			if err == nil {
				return fmt.Errorf("HostNetwork %s is still there", name)
			}
			return client.IgnoreNotFound(err)
		}); err != nil {
			return err
		}
	}
	for _, node := range []string{"node-a", "node-b"} {
		for _, name := range []string{"br-lab", "br-lab-100", "eth1.100", "br-storage", "bond0"} {
			if _, built := d.Lab.Host(node).Interface(name); built {
				return fmt.Errorf("%s still has %s", node, name)
			}
		}
		for _, name := range []string{"eth1", "eth2", "eth3"} {
			if nic, _ := d.Lab.Host(node).Interface(name); nic["state"] != "up" || nic["controller"] != nil {
				return fmt.Errorf("%s of %s is not up and free: %v", name, node, nic)
			}
		}
	}
	d.say("gone: br-lab, br-lab-100, eth1.100, br-storage and bond0 from node-a and node-b; eth1, eth2 and eth3 are up and free")
	return nil
}

// apply applies files of config/samples.
func (d *demo) apply(ctx context.Context, files ...string) error {
	root, err := world.Repository()
	if err != nil {
		return err
	}
	for _, file := range files {
		manifest, err := os.ReadFile(filepath.Join(root, "config", "samples", file))
		if err != nil {
			return err
		}
		if err := d.Cluster.Apply(ctx, manifest); err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
		d.say("kubectl apply -f config/samples/%s", file)
	}
	return nil
}

// until repeats check until it is content.
func (d *demo) until(ctx context.Context, check func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %w", patience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d *demo) leased(ctx context.Context, address, segment string) (*v1alpha1.AddressLease, error) {
	name := "ip-" + strings.ReplaceAll(netip.MustParseAddr(address).String(), ".", "-") + "." + segment
	if err := d.until(ctx, func() error { return d.phase(ctx, name, v1alpha1.LeaseAllocated) }); err != nil {
		return nil, err
	}
	lease := &v1alpha1.AddressLease{}
	return lease, d.Admin.Get(ctx, client.ObjectKey{Name: name}, lease)
}

func (d *demo) phase(ctx context.Context, name string, phase v1alpha1.LeasePhase) error {
	lease := &v1alpha1.AddressLease{}
	if err := d.Admin.Get(ctx, client.ObjectKey{Name: name}, lease); err != nil {
		return err
	}
	if lease.Spec.Phase != phase {
		return fmt.Errorf("lease %s is %s, not %s", name, lease.Spec.Phase, phase)
	}
	return nil
}

func (d *demo) wukong(ctx context.Context, name string, check func(*v1alpha1.Wukong) error) (*v1alpha1.Wukong, error) {
	namespace, name, _ := strings.Cut(name, "/")
	w := &v1alpha1.Wukong{}
	return w, d.until(ctx, func() error {
		if err := d.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, w); err != nil {
			return err
		}
		return check(w)
	})
}

func (d *demo) uplink(ctx context.Context, name string, check func(*v1alpha1.HostUplink) error) (*v1alpha1.HostUplink, error) {
	u := &v1alpha1.HostUplink{}
	return u, d.until(ctx, func() error {
		if err := d.Admin.Get(ctx, client.ObjectKey{Name: name}, u); err != nil {
			return err
		}
		if u.Status.ObservedGeneration != u.Generation {
			return fmt.Errorf("HostUplink %s is not looked at yet", name)
		}
		return check(u)
	})
}

func isReady(w *v1alpha1.Wukong) error {
	c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration != w.Generation {
		return fmt.Errorf("Wukong %s/%s is not Ready: %s", w.Namespace, w.Name, message(w))
	}
	return nil
}

func isStalled(w *v1alpha1.Wukong, reason string) error {
	c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != reason {
		return fmt.Errorf("Wukong %s/%s is not Stalled for %s: %s", w.Namespace, w.Name, reason, message(w))
	}
	return nil
}

func message(w *v1alpha1.Wukong) string { return conditionMessage(w.Status.Conditions) }

func conditionMessage(conditions []metav1.Condition) string {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if c == nil {
		return "no status yet"
	}
	return c.Reason + ": " + c.Message
}

func counts(u *v1alpha1.HostUplink, applied, failing int32) error {
	if n := u.Status.Nodes; n.Applied != applied || n.Failing != failing || n.Applying+n.Waiting > 0 {
		return fmt.Errorf("HostUplink %s: %+v, %s", u.Name, n, conditionMessage(u.Status.Conditions))
	}
	return nil
}

func problem(u *v1alpha1.HostUplink, node string, progress v1alpha1.NodeProgress, mentions string) error {
	for _, p := range u.Status.Problems {
		if p.Node == node && p.Progress == progress && strings.Contains(p.Message, mentions) {
			return nil
		}
	}
	return fmt.Errorf("HostUplink %s does not say that %s is %s: %+v", u.Name, node, progress, u.Status.Problems)
}

func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func indent(text string) string {
	return "          " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n          ")
}
