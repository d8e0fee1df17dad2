package estate

import (
	"fmt"
	"strings"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// Changes plays what happens to machines and hosts in the course of time. Hosts and Guests come before, and all is well after.
func (e *Estate) Changes() {
	e.t.Helper()
	e.changeAddresses()
	e.changeHosts()
	e.InSync()
}

// changeAddresses gives other addresses to a machine that was made here and to one that was not.
func (e *Estate) changeAddresses() {
	e.t.Helper()
	old := e.Secret("web")
	e.Apply(e.web("192.0.2.11/24") + e.legacy("192.0.2.41/24"))
	e.Eventually(func() string {
		if e.Secret("web") == old {
			return "web has no other Secret yet"
		}
		return e.lease("192.0.2.41", v1alpha1.LeaseAllocated)
	})
	e.must(e.Machines.Restart(e.ctx, e.key("web-vm")))
	e.guestHas("web-vm", "lan", "192.0.2.11/24")
	e.must(e.Machines.Restart(e.ctx, e.key("theirs")))
	e.guestHas("theirs", "lan", "192.0.2.41/24")
	e.InSync()
	e.Eventually(func() string { return e.gone(&corev1.Secret{}, e.key(old)) })
}

// changeHosts has a node drift and be repaired, an engineer ask for a retry, and a network change its settings.
func (e *Estate) changeHosts() {
	e.t.Helper()
	e.must(e.Lab.Change("node-b", "interfaces: [{name: br-lan, type: linux-bridge, state: up, mtu: 1300}]"))
	e.Eventually(func() string {
		if bridge, _ := e.Lab.Host("node-b").Interface("br-lan"); fmt.Sprint(bridge["mtu"]) != "1400" {
			return fmt.Sprintf("br-lan of node-b has mtu %v: it is not repaired", bridge["mtu"])
		}
		return ""
	})
	e.deletePolicy("office")
	retry := &v1alpha1.HostUplink{}
	retry.Name = "storage"
	e.must(e.Admin.Patch(e.ctx, retry, client.RawPatch(types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"node-a"}}}`, v1alpha1.RetryAnnotation))))
	e.Eventually(func() string {
		e.must(e.Admin.Get(e.ctx, types.NamespacedName{Name: "storage"}, retry))
		if retry.Annotations[v1alpha1.RetryAnnotation] != "" {
			return "the request for a retry is not answered"
		}
		return ""
	})
	storage := &v1alpha1.HostNetwork{}
	storage.Name = "storage"
	attachment := func() string {
		nad := &netattach.NetworkAttachmentDefinition{}
		e.must(e.Admin.Get(e.ctx, e.key("wukong210-storage"), nad))
		return nad.Spec.Config
	}
	before := attachment()
	e.must(e.Admin.Patch(e.ctx, storage, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"mtu":1400}}`))))
	e.Eventually(func() string {
		if attachment() == before {
			return "the attachment of storage does not follow its MTU"
		}
		return e.ready("storage", storage, &storage.Status.Conditions)
	})
}

// deletePolicy takes away the policy that nodes have for an uplink, and waits until it was made again.
func (e *Estate) deletePolicy(uplink string) {
	e.t.Helper()
	u := &v1alpha1.HostUplink{}
	e.must(e.Admin.Get(e.ctx, types.NamespacedName{Name: uplink}, u))
	p := &nmstate.Policy{}
	key := types.NamespacedName{Name: u.Status.Revision}
	e.must(e.Admin.Get(e.ctx, key, p))
	before := p.UID
	e.must(e.Admin.Delete(e.ctx, p))
	e.Eventually(func() string {
		if err := e.Admin.Get(e.ctx, key, p); err != nil || p.UID == before {
			return fmt.Sprintf("policy %s was not made again: %v", key.Name, err)
		}
		return e.ready(uplink, u, &u.Status.Conditions)
	})
}

// LoseLease deletes the lease of web's address, as a backup does that knows no leases. It belongs to a time without a controller.
func (e *Estate) LoseLease() {
	e.t.Helper()
	e.must(e.Admin.Delete(e.ctx, &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-192-0-2-11.lan"}}))
}

// Down deletes everything that was declared, and waits until nothing of it is left.
func (e *Estate) Down() {
	e.t.Helper()
	e.must(e.Admin.DeleteAllOf(e.ctx, &v1alpha1.Wukong{}, client.InNamespace(e.Namespace)))
	e.must(client.IgnoreNotFound(e.Admin.Delete(e.ctx, &kubevirtv1.VirtualMachine{ObjectMeta: named(e.key("theirs"))})))
	for uplink, networks := range uplinks {
		for _, name := range networks {
			e.must(e.Admin.Delete(e.ctx, &v1alpha1.HostNetwork{ObjectMeta: named(types.NamespacedName{Name: name})}))
		}
		e.must(e.Admin.Delete(e.ctx, &v1alpha1.HostUplink{ObjectMeta: named(types.NamespacedName{Name: uplink})}))
	}
	e.Eventually(e.remains)
}

// remains says what is left of what the controller made and of what asked for it.
func (e *Estate) remains() string {
	for kind, list := range map[string]client.ObjectList{"wukongs": &v1alpha1.WukongList{}, "host networks": &v1alpha1.HostNetworkList{},
		"host uplinks": &v1alpha1.HostUplinkList{}, "leases": &v1alpha1.AddressLeaseList{}, "attachments": &netattach.NetworkAttachmentDefinitionList{},
		"policies": &nmstate.PolicyList{}} {
		e.must(e.Admin.List(e.ctx, list))
		if n := left(list); n > 0 {
			return fmt.Sprintf("%d %s are left", n, kind)
		}
	}
	return ""
}

func (e *Estate) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: e.Namespace, Name: name}
}

// Secret is the name of the Secret that a Wukong's machine reads at its next start.
func (e *Estate) Secret(wukong string) string {
	e.t.Helper()
	w := &v1alpha1.Wukong{}
	e.must(e.Admin.Get(e.ctx, e.key(wukong), w))
	return w.Status.NetworkDataSecret
}

// gone says whether an object is still there.
func (e *Estate) gone(o client.Object, key types.NamespacedName) string {
	switch err := e.Admin.Get(e.ctx, key, o); {
	case apierrors.IsNotFound(err):
		return ""
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("%T %s is still there", o, key)
}

// lease says whether the lease of an address of lan is in another phase.
func (e *Estate) lease(address string, want v1alpha1.LeasePhase) string {
	l := &v1alpha1.AddressLease{}
	if err := e.Admin.Get(e.ctx, types.NamespacedName{Name: "ip-" + strings.ReplaceAll(address, ".", "-") + ".lan"}, l); err != nil {
		return err.Error()
	}
	if l.Spec.Phase != want {
		return fmt.Sprintf("the lease of %s is %s", address, l.Spec.Phase)
	}
	return ""
}

func named(key types.NamespacedName) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
}

// left counts what is in a list, without the policy that a pipeline applies.
func left(list client.ObjectList) int {
	n := 0
	_ = meta.EachListItem(list, func(o runtime.Object) error { // counting does not fail
		if o.(client.Object).GetName() != "from-git" {
			n++
		}
		return nil
	})
	return n
}
