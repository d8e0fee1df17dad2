package scale

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/world"
)

const (
	networks   = 20
	namespaces = 20
	// workers is how many objects are written at the same time.
	workers = 16
	// moreNICs makes the report of a node as large as real ones are.
	moreNICs = 30
)

// each does something for every number from one to below another, several at a time, and gives the first error.
func each(ctx context.Context, from, below int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range numbers {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := from; i < below && ctx.Err() == nil; i++ {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	return context.Cause(ctx)
}

// declare makes the uplink, its networks, each with a pool, and the namespaces.
func declare(t *testing.T, w *world.World) {
	t.Helper()
	var out strings.Builder
	out.WriteString(world.HostUplink("up", "fabric", "eth1", "nodeSelector: {}", "rollout: {canary: 0, maxUnavailable: 100%}"))
	for i := range networks {
		out.WriteString(world.HostNetwork(networkName(i), "fabric", fmt.Sprintf("vlan: %d", 100+i), "provision: Always"))
		fmt.Fprintf(&out, `
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: AddressPool
metadata: {name: %s}
spec:
  segment: {physicalNetwork: fabric, vlan: %d}
  subnet: 10.%d.0.0/16
  gateway: 10.%d.0.1
  allowedNamespaces: {selector: {}}
`, networkName(i), 100+i, i, i)
	}
	for i := range namespaces {
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", namespaceName(i))
	}
	must(t, w.Cluster.Apply(t.Context(), []byte(out.String())))
}

func networkName(i int) string { return fmt.Sprintf("net-%d", i%networks) }

func namespaceName(i int) string { return fmt.Sprintf("team-%d", i%namespaces) }

// key names the Wukong of a number.
func key(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: namespaceName(i / networks), Name: fmt.Sprintf("web-%d", i)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// runs makes of the machine of a Wukong what KubeVirt makes of it: an instance whose guest reports its address, and a launcher pod.
// It says whether the machine was there.
func runs(ctx context.Context, c client.Client, i, nodes int) (bool, error) {
	vm := &kubevirtv1.VirtualMachine{}
	name := types.NamespacedName{Namespace: key(i).Namespace, Name: key(i).Name + "-vm"}
	if err := c.Get(ctx, name, vm); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	wk := address(ctx, c, i)
	if wk == "" {
		return false, nil
	}
	node := fmt.Sprintf("node-%05d", i%nodes)
	yes := true
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name, Labels: vm.Spec.Template.ObjectMeta.Labels,
		Annotations:     vm.Spec.Template.ObjectMeta.Annotations,
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachine", Name: vm.Name, UID: vm.UID, Controller: &yes, BlockOwnerDeletion: &yes}}},
		Spec: vm.Spec.Template.Spec}
	if err := c.Create(ctx, vmi); err != nil {
		return false, err
	}
	mac := vm.Spec.Template.Spec.Domain.Devices.Interfaces[0].MacAddress
	vmi.Status = kubevirtv1.VirtualMachineInstanceStatus{Phase: kubevirtv1.Running, NodeName: node,
		Conditions: []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionTrue},
			{Type: kubevirtv1.VirtualMachineInstanceAgentConnected, Status: corev1.ConditionTrue}},
		Interfaces: []kubevirtv1.VirtualMachineInstanceNetworkInterface{{Name: vm.Spec.Template.Spec.Networks[0].Name, MAC: mac, IP: wk, IPs: []string{wk, "fe80::1"},
			InterfaceName: "net0", InfoSource: "domain, guest-agent, multus-status"}}}
	if err := c.Update(ctx, vmi); err != nil {
		return false, err
	}
	vm.Status.Created, vm.Status.Ready, vm.Status.PrintableStatus = true, true, kubevirtv1.VirtualMachineStatusRunning
	vm.Status.Conditions = []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineReady, Status: corev1.ConditionTrue}}
	if err := c.Status().Update(ctx, vm); err != nil {
		return false, err
	}
	return true, c.Create(ctx, launcher(vmi, node))
}

// launcher is the pod of an instance.
func launcher(vmi *kubevirtv1.VirtualMachineInstance, node string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: vmi.Namespace, Name: "virt-launcher-" + vmi.Name,
		Labels:      map[string]string{kubevirtv1.AppLabel: "virt-launcher", kubevirtv1.CreatedByLabel: string(vmi.UID), kubevirtv1.DeprecatedVirtualMachineNameLabel: vmi.Name},
		Annotations: map[string]string{"k8s.v1.cni.cncf.io/network-status": `[{"name":"default","ips":["10.244.0.1"],"default":true},{"name":"wukong","interface":"pod0"}]`}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "compute", Image: "virt-launcher"}}}}
}
