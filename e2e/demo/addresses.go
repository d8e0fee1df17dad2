package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// pool shows addresses from a pool: which one is taken, which ones are kept back, and that a reserved one comes back.
func (d *demo) pool(ctx context.Context) error {
	if err := d.apply(ctx, "pool.yaml"); err != nil {
		return err
	}
	first, err := d.wukong(ctx, "team-a/from-pool", isReady)
	if err != nil {
		return err
	}
	address := first.Status.Networks[0].IPAddress
	if address != "192.0.2.132" {
		return fmt.Errorf("team-a/from-pool got %s, and 192.0.2.128 to .131 alone are reserved", address)
	}
	d.say("taken: %s for team-a/from-pool, the first of pool lab; .128 to .131 are kept back for printers", address)
	if err := d.Admin.Create(ctx, drawing("team-b", "mail")); err != nil {
		return err
	}
	mail, err := d.wukong(ctx, "team-b/mail", isReady)
	if err != nil {
		return err
	}
	if got := mail.Status.Networks[0].IPAddress; got != "192.0.2.150" {
		return fmt.Errorf("team-b/mail got %s, and 192.0.2.150 waits for it", got)
	}
	d.say("taken: 192.0.2.150 for team-b/mail, for which AddressReservation mail kept it")
	if err := d.Admin.Delete(ctx, first); err != nil {
		return err
	}
	lease := "ip-192-0-2-132.lab"
	if err := d.until(ctx, func() error { return d.phase(ctx, lease, v1alpha1.LeaseReserved) }); err != nil {
		return err
	}
	d.say("kept: team-a/from-pool is deleted, and its address waits for it, because it said reserved: true")
	if err := d.apply(ctx, "pool.yaml"); err != nil {
		return err
	}
	again, err := d.wukong(ctx, "team-a/from-pool", func(w *v1alpha1.Wukong) error {
		if w.UID == first.UID {
			return errors.New("the deleted Wukong is still there")
		}
		return isReady(w)
	})
	if err != nil {
		return err
	}
	if got := again.Status.Networks[0].IPAddress; got != address {
		return fmt.Errorf("team-a/from-pool was made again and got %s, not %s", got, address)
	}
	pool := &v1alpha1.AddressPool{}
	if err := d.until(ctx, func() error {
		if err := d.Admin.Get(ctx, client.ObjectKey{Name: "lab"}, pool); err != nil {
			return err
		}
		if pool.Status.Allocated != 2 {
			return fmt.Errorf("AddressPool lab counts %d addresses as allocated, not 2", pool.Status.Allocated)
		}
		return nil
	}); err != nil {
		return err
	}
	d.say("back: team-a/from-pool is made again and has %s; AddressPool lab: %d of %s allocated, %s free",
		address, pool.Status.Allocated, pool.Status.Total, pool.Status.Free)
	return nil
}

// drawing is a Wukong that takes an address of pool lab.
func drawing(namespace, name string) *v1alpha1.Wukong {
	return &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.WukongSpec{
		Networks: []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, IPPool: "lab"}}}}}
}

// collision shows what happens when somebody gives a node an address that a machine has.
func (d *demo) collision(ctx context.Context) error {
	const on = `{interfaces: [{name: br-lab, type: linux-bridge, state: up, ipv4: {enabled: true, address: [{ip: 192.0.2.10, prefix-length: 24}]}}]}`
	const off = `{interfaces: [{name: br-lab, type: linux-bridge, state: up, ipv4: {enabled: false}}]}`
	if err := d.Lab.Change("node-b", on); err != nil {
		return err
	}
	d.say("somebody gives br-lab of node-b the address 192.0.2.10")
	web, err := d.wukong(ctx, "team-a/web", func(w *v1alpha1.Wukong) error { return conflictFree(w, metav1.ConditionFalse) })
	if err != nil {
		return err
	}
	if web.Status.Networks[0].IPAddress != "192.0.2.10" {
		return errors.New("team-a/web lost its address to a node")
	}
	d.say("reported: team-a/web keeps it: %s", message(web))
	lease := &v1alpha1.AddressLease{}
	if err := d.until(ctx, func() error {
		if err := d.Admin.Get(ctx, client.ObjectKey{Name: "ip-192-0-2-10.lab"}, lease); err != nil {
			return err
		}
		if lease.Spec.Conflict == "" {
			return errors.New("the lease of 192.0.2.10 says nothing of the collision")
		}
		return nil
	}); err != nil {
		return err
	}
	d.say("reported: AddressLease %s: %s", lease.Name, lease.Spec.Conflict)
	if err := d.Lab.Change("node-b", off); err != nil {
		return err
	}
	if _, err := d.wukong(ctx, "team-a/web", func(w *v1alpha1.Wukong) error {
		if err := conflictFree(w, metav1.ConditionTrue); err != nil {
			return err
		}
		return isReady(w)
	}); err != nil {
		return err
	}
	d.say("node-b gives it back: team-a/web is Ready again")
	return nil
}

func conflictFree(w *v1alpha1.Wukong, status metav1.ConditionStatus) error {
	c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionConflictFree)
	if c == nil || c.Status != status {
		return fmt.Errorf("Wukong %s/%s: ConflictFree is not %s: %s", w.Namespace, w.Name, status, message(w))
	}
	return nil
}
