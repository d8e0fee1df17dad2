package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// shop is the machine of the scenario about guests.
var shop = types.NamespacedName{Namespace: "team-a", Name: "shop-vm"}

// guest shows what the guest of a machine is told, what it really has, and what the status says about both.
func (d *demo) guest(ctx context.Context) error {
	address, network := v1alpha1.CIDR("192.0.2.30/24"), v1alpha1.Address("192.0.2.1")
	w := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: "shop"}, Spec: v1alpha1.WukongSpec{
		Disks:    []v1alpha1.Disk{{Name: "root", Size: "10Gi", Boot: true}},
		Networks: []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &address, Gateway: &network}}}}}
	if err := d.Admin.Create(ctx, w); err != nil {
		return err
	}
	ready, err := d.inSync(ctx, "192.0.2.30/24")
	if err != nil {
		return err
	}
	told, _ := d.Machines.Guest(shop)
	d.say("VirtualMachine team-a/shop-vm runs on %s, which has its network; its guest has read:", ready.Status.NodeName)
	d.print(indent(told.NetworkData))
	d.say("in sync: the guest has 192.0.2.30, and its agent says so")
	for _, step := range []func(context.Context) error{d.changedAddress, d.driftedGuest} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// changedAddress gives the machine another address, which its guest has after a restart.
func (d *demo) changedAddress(ctx context.Context) error {
	patch := client.RawPatch(types.JSONPatchType, []byte(`[{"op": "replace", "path": "/spec/networks/0/ipConfig/address", "value": "192.0.2.31/24"}]`))
	w := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: shop.Namespace, Name: "shop"}}
	if err := d.Admin.Patch(ctx, w, patch); err != nil {
		return err
	}
	d.say("team-a/shop asks for 192.0.2.31/24 instead")
	waiting, err := d.wukong(ctx, "team-a/shop", func(w *v1alpha1.Wukong) error {
		c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionReady)
		if c.ObservedGeneration != w.Generation || c.Reason != v1alpha1.ReasonRestartRequired || len(w.Status.PendingRestart) == 0 {
			return fmt.Errorf("no restart is asked for: %s", message(w))
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.say("reported: %s: %s", v1alpha1.ReasonRestartRequired, strings.Join(waiting.Status.PendingRestart, "; "))
	if err := d.until(ctx, func() error {
		return all(d.phase(ctx, "ip-192-0-2-30.lab", v1alpha1.LeaseReleasing), d.phase(ctx, "ip-192-0-2-31.lab", v1alpha1.LeaseAllocated))
	}); err != nil {
		return err
	}
	if err := d.guestHas("192.0.2.30/24"); err != nil {
		return err
	}
	d.say("held: the guest still has 192.0.2.30, so nobody else gets it; 192.0.2.31 is leased as well")
	if err := d.Machines.Restart(ctx, shop); err != nil {
		return err
	}
	d.say("virtctl restart shop-vm")
	if _, err := d.inSync(ctx, "192.0.2.31/24"); err != nil {
		return err
	}
	if err := d.until(ctx, func() error {
		if d.phase(ctx, "ip-192-0-2-30.lab", v1alpha1.LeaseReleased) == nil {
			return nil
		}
		return d.phase(ctx, "ip-192-0-2-30.lab", v1alpha1.LeaseCooling)
	}); err != nil {
		return err
	}
	d.say("in sync: the guest has 192.0.2.31, and 192.0.2.30 is given up")
	return nil
}

// driftedGuest has somebody change the address inside the guest.
func (d *demo) driftedGuest(ctx context.Context) error {
	d.Machines.Drift(shop, "lan", netip.MustParsePrefix("192.0.2.77/24"))
	d.say("somebody gives net0 in the guest the address 192.0.2.77 instead")
	drifted, err := d.wukong(ctx, "team-a/shop", func(w *v1alpha1.Wukong) error {
		if c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionGuestInSync); c.Status != metav1.ConditionFalse {
			return fmt.Errorf("GuestInSync is %s: %s", c.Status, c.Message)
		}
		return isReady(w)
	})
	if err != nil {
		return err
	}
	n := drifted.Status.Networks[0]
	if n.Addresses[0].Guest != v1alpha1.GuestAddressMissing || len(n.UnexpectedAddresses) != 1 || n.UnexpectedAddresses[0] != "192.0.2.77" {
		return fmt.Errorf("the status does not say which address is missing and which one is unexpected: %+v", n)
	}
	c := meta.FindStatusCondition(drifted.Status.Conditions, v1alpha1.ConditionGuestInSync)
	d.say("reported: GuestInSync is False: %s: %s", c.Reason, c.Message)
	if err := d.Admin.Get(ctx, client.ObjectKey{Name: "ip-192-0-2-77.lab"}, &v1alpha1.AddressLease{}); client.IgnoreNotFound(err) != nil || err == nil {
		return errors.Join(errors.New("what a guest says made a lease"), err)
	}
	d.Machines.Mend(shop)
	if _, err := d.inSync(ctx, "192.0.2.31/24"); err != nil {
		return err
	}
	d.say("the guest has its address again, and is in sync; what it says never takes an address from anybody")
	return nil
}

// inSync waits until the guest of the machine has an address, and the status says so.
func (d *demo) inSync(ctx context.Context, address string) (*v1alpha1.Wukong, error) {
	return d.wukong(ctx, "team-a/shop", func(w *v1alpha1.Wukong) error {
		if c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionGuestInSync); c == nil || c.Status != metav1.ConditionTrue {
			return fmt.Errorf("the guest of team-a/shop is not in sync: %+v", c)
		}
		return all(isReady(w), d.guestHas(address))
	})
}

// guestHas compares what the guest really has.
func (d *demo) guestHas(address string) error {
	guest, _ := d.Machines.Guest(shop)
	if has := guest.NIC("lan").Addresses; len(has) != 1 || has[0].String() != address {
		return fmt.Errorf("the guest of team-a/shop has %v, not %s", has, address)
	}
	return nil
}
