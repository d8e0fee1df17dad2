package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// trunk shows a network of many VLANs over a bond that is built for it, on nodes that have an untagged network already.
func (d *demo) trunk(ctx context.Context) error {
	before := d.untagged()
	if err := d.apply(ctx, "uplink-bond.yaml", "trunk.yaml"); err != nil {
		return err
	}
	backup, err := d.wukong(ctx, "team-a/backup", isReady)
	if err != nil {
		return err
	}
	uplink, err := d.uplink(ctx, "storage", func(u *v1alpha1.HostUplink) error {
		return all(counts(u, 2, 0), problem(u, "node-c", v1alpha1.NodeLeftOut, ""))
	})
	if err != nil {
		return err
	}
	if err := d.showPolicy(ctx, uplink.Status.Revision); err != nil {
		return err
	}
	d.say("left out: node-c, %s", uplink.Status.Problems[0].Message)
	for _, node := range []string{"node-a", "node-b"} {
		host := d.Lab.Host(node)
		if !slices.Equal(host.Ports("bond0"), []string{"eth2", "eth3"}) || !slices.Equal(host.Ports("br-storage"), []string{"bond0"}) {
			return fmt.Errorf("%s has no br-storage over a bond0 of eth2 and eth3", node)
		}
	}
	d.say("Ready: team-a/backup has %s on segment %s, %s nodes have br-storage", backup.Status.Addresses,
		backup.Status.Networks[0].Segment, uplink.Status.NodesSummary)
	if err := d.refuseClosedVLAN(ctx); err != nil {
		return err
	}
	if !reflect.DeepEqual(before, d.untagged()) {
		return errors.New("eth1 or br-lab changed, which HostUplink storage has nothing to do with")
	}
	if _, err := d.wukong(ctx, "team-a/web", isReady); err != nil {
		return err
	}
	d.say("eth1 and br-lab of scenario 1 are as they were, and team-a/web is untouched")
	return nil
}

// untagged gives what the nodes have of the untagged network.
func (d *demo) untagged() []map[string]any {
	var out []map[string]any
	for _, node := range []string{"node-a", "node-b"} {
		for _, name := range []string{"eth1", "br-lab"} {
			i, _ := d.Lab.Host(node).Interface(name)
			out = append(out, i)
		}
	}
	return out
}

// refuseClosedVLAN has team-b ask for a VLAN that is open to team-a alone.
func (d *demo) refuseClosedVLAN(ctx context.Context) error {
	address, vlan := v1alpha1.CIDR("198.51.100.21/24"), int32(210)
	peek := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-b", Name: "peek"}, Spec: v1alpha1.WukongSpec{
		Networks: []v1alpha1.WukongNetwork{{Name: "storage", HostNetwork: "storage", VLANID: &vlan,
			IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &address}}}}}
	err := d.Admin.Create(ctx, peek)
	if err == nil {
		return errors.New("team-b/peek was let onto VLAN 210, which is open to team-a alone")
	}
	_, why, denied := strings.Cut(err.Error(), "denied request: ")
	if !denied || !strings.Contains(why, "not open to namespace team-b") {
		return err
	}
	d.say("refused by the API server: team-b/peek asks for VLAN 210: %s", why)
	return nil
}

// showPolicy tells what a revision builds, in one line for each interface.
func (d *demo) showPolicy(ctx context.Context, name string) error {
	policy := &nmstate.Policy{}
	if err := d.Admin.Get(ctx, client.ObjectKey{Name: name}, policy); err != nil {
		return err
	}
	state, err := nmstate.Parse(policy.Spec.DesiredState.Raw, nil)
	if err != nil {
		return err
	}
	d.say("the policy %s:", name)
	var lines []string
	for _, i := range state.Interfaces {
		lines = append(lines, fmt.Sprintf("%-10s  %s", i.Name, shape(i)))
	}
	d.print(indent(strings.Join(lines, "\n")))
	return nil
}

// shape is what matters of an entry of a desired state.
func shape(i nmstate.Interface) string {
	switch {
	case i.LinkAggregation != nil:
		return fmt.Sprintf("%s, %s of %s", i.Type, i.LinkAggregation.Mode, strings.Join(i.LinkAggregation.Port, " and "))
	case i.Bridge != nil && i.Bridge.Port != nil:
		var ports []string
		for _, p := range *i.Bridge.Port {
			ports = append(ports, fmt.Sprintf("%s, which carries VLANs %s", p.Name, tags(p.VLAN)))
		}
		return fmt.Sprintf("%s, port %s", i.Type, strings.Join(ports, "; "))
	default:
		return string(i.State) + ", without addresses"
	}
}

func tags(vlan *nmstate.PortVLAN) string {
	if vlan == nil {
		return "of every number"
	}
	var out []string
	for _, t := range vlan.TrunkTags {
		if t.Range != nil {
			out = append(out, fmt.Sprintf("%d-%d", t.Range.Min, t.Range.Max))
		} else if t.ID != nil {
			out = append(out, fmt.Sprint(*t.ID))
		}
	}
	return strings.Join(out, ", ")
}
