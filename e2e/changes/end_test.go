package changes

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

func TestTheAddressOfADeletedWukongStaysUntilItsLauncherPodIsGone(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.30/24")
	r.Machines.Hold(key)
	r.must(r.Admin.Delete(r.ctx, r.wukong("web")))
	r.eventually(func() string {
		return r.gone(&v1alpha1.Wukong{}, types.NamespacedName{Namespace: r.namespace, Name: "web"})
	})
	r.leased("192.0.2.30", v1alpha1.LeaseReleasing)
	r.eventually(func() string {
		if vmi := r.instance(key); vmi == nil || vmi.DeletionTimestamp.IsZero() {
			return "the instance was not deleted"
		}
		return ""
	})
	r.staysLeased("192.0.2.30")

	t.Log("an administrator takes the finalizers off, and the pod on its silent node is all that is left")
	for _, o := range []client.Object{&kubevirtv1.VirtualMachineInstance{}, &kubevirtv1.VirtualMachine{}} {
		o.SetNamespace(key.Namespace)
		o.SetName(key.Name)
		err := r.Admin.Patch(r.ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		r.must(client.IgnoreNotFound(err))
	}
	r.eventually(func() string {
		return r.gone(&kubevirtv1.VirtualMachine{}, key) + r.gone(&kubevirtv1.VirtualMachineInstance{}, key)
	})
	r.staysLeased("192.0.2.30")
	if pods := r.pods(key); len(pods) != 1 {
		t.Fatalf("%d launcher pods are left", len(pods))
	}
	r.Machines.LetGo(key)
	r.freed("192.0.2.30")
	if pods := r.pods(key); len(pods) > 0 {
		t.Errorf("the address was freed while %s is there", pods[0].Name)
	}
}

func TestAWukongThatIsMadeAgainWaitsForItsFormerMachineAndGetsItsAddressBack(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.32/24")
	former := r.instance(key).UID
	r.Machines.Hold(key)
	r.must(r.Admin.Delete(r.ctx, r.wukong("web")))
	r.eventually(func() string {
		vm := &kubevirtv1.VirtualMachine{}
		if err := r.Admin.Get(r.ctx, key, vm); err != nil || vm.DeletionTimestamp.IsZero() {
			return "the machine is not being deleted"
		}
		return ""
	})
	r.machine("web", network("lan", "lan", "192.0.2.32/24"))
	r.is("web", v1alpha1.ConditionAddressesAllocated, metav1.ConditionTrue, "")
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMachinePending)
	if w := r.wukong("web"); w.Status.Phase == v1alpha1.PhaseError {
		t.Errorf("it waits for what comes by itself, and the phase is %s", w.Status.Phase)
	}
	r.Machines.LetGo(key)
	r.guestHas("web-vm", "lan", "192.0.2.32/24")
	r.inSync("web")
	if r.instance(key).UID == former {
		t.Error("the former instance runs")
	}
}

func TestAWukongThatIsReplacedAtOnceHasAMachineThatStarts(t *testing.T) {
	r := newTrial(t)
	r.running("web", "192.0.2.33/24")
	for range 3 {
		before := r.wukong("web")
		r.must(r.Admin.Delete(r.ctx, before))
		again := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: before.Namespace, Name: before.Name}, Spec: before.Spec}
		r.must(r.Admin.Create(r.ctx, again))
		r.eventually(func() string {
			vm := &kubevirtv1.VirtualMachine{}
			if err := r.Admin.Get(r.ctx, r.vm("web"), vm); err != nil || !metav1.IsControlledBy(vm, again) {
				return "the machine was not made again"
			}
			return ""
		})
		r.guestHas("web-vm", "lan", "192.0.2.33/24")
		r.inSync("web")
	}
}

func TestASecretOfAFormerWukongThatGoesLateIsMadeAgain(t *testing.T) {
	r := newTrial(t)
	r.running("web", "192.0.2.34/24")
	before := r.wukong("web")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: before.Status.NetworkDataSecret}}
	r.must(r.Admin.Patch(r.ctx, secret, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.com/backup"]}}`))))
	r.must(r.Admin.Delete(r.ctx, before))
	r.eventually(func() string {
		if r.must(r.Admin.Get(r.ctx, client.ObjectKeyFromObject(secret), secret)); secret.DeletionTimestamp.IsZero() {
			return "garbage collection did not take the Secret"
		}
		return ""
	})
	r.machine("web", network("lan", "lan", "192.0.2.34/24"))
	r.is("web", v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonGuestNetworkPending)
	r.must(r.Admin.Patch(r.ctx, secret, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
	r.guestHas("web-vm", "lan", "192.0.2.34/24")
	r.inSync("web")
}

func TestANamespaceWithMachinesGoesAlsoWhileTheControllerIsDown(t *testing.T) {
	r := newTrial(t)
	key := r.running("web", "192.0.2.31/24")
	r.must(r.halt())
	t.Cleanup(func() { r.must(r.start()) })
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}
	r.must(r.Admin.Delete(r.ctx, namespace))
	r.eventually(func() string { return r.gone(namespace, types.NamespacedName{Name: r.namespace}) })
	if got := r.phase("192.0.2.31"); got != v1alpha1.LeaseAllocated {
		t.Errorf("without a controller the lease became %q", got)
	}
	r.must(r.start())
	r.freed("192.0.2.31")
	if r.instance(key) != nil {
		t.Error("the instance is left")
	}
}
