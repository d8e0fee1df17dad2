package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

func service(t *testing.T, w *world.World, namespace, name string, spec corev1.ServiceSpec) *corev1.Service {
	t.Helper()
	spec.Ports = []corev1.ServicePort{{Port: 80}}
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
	create(t, w, s)
	return s
}

func TestAddressesThatTheClusterAssignedToServicesRefuse(t *testing.T) {
	w := theWorld(t)
	ns, theirs := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	segments(t, w, "assigned", map[string]string{"eth1": "assigned"}, ns)
	cluster := service(t, w, theirs, "secret-name", corev1.ServiceSpec{})
	balancer := service(t, w, theirs, "secret-balancer", corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer})
	balancer.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.40"}}
	if err := w.Admin.Status().Update(t.Context(), balancer); err != nil {
		t.Fatal(err)
	}
	onCluster := static(ns, "on-cluster-ip", "assigned", cluster.Spec.ClusterIP+"/24")
	onIngress := static(ns, "on-ingress", "assigned", "192.0.2.40/24")
	create(t, w, onCluster, onIngress)
	for _, wk := range []*v1alpha1.Wukong{onCluster, onIngress} {
		eventually(t, collides(w, wk, v1alpha1.ReasonAddressConflict))
		namesNothingOf(t, wk, theirs, "secret-name", "secret-balancer")
	}
	if err := w.Admin.Delete(t.Context(), balancer); err != nil {
		t.Fatal(err)
	}
	eventually(t, allocated(w, onIngress))
}

// namesNothingOf fails the test if a status has any of the words, which are names of a namespace and of objects in it.
func namesNothingOf(t *testing.T, wk *v1alpha1.Wukong, words ...string) {
	t.Helper()
	text := fmt.Sprintf("%+v", wk.Status)
	for _, word := range words {
		if strings.Contains(text, word) {
			t.Errorf("the status of %s/%s names %q of another namespace: %s", wk.Namespace, wk.Name, word, text)
		}
	}
}

// warned waits until a collision that only warns is readable on both sides, the Wukong having its address.
func warned(t *testing.T, w *world.World, wk *v1alpha1.Wukong, segment, kind string) *v1alpha1.AddressLease {
	t.Helper()
	eventually(t, allocated(w, wk))
	address, _, _ := strings.Cut(string(*wk.Spec.Networks[0].IPConfig.Address), "/")
	eventually(t, func() error {
		if err := conflictFree(w, wk)(); err != nil {
			return err
		}
		if message := messageOf(wk, v1alpha1.ConditionConflictFree); !strings.Contains(message, "warning: ") || !strings.Contains(message, kind) {
			return fmt.Errorf("ConflictFree says %q, which has no warning of %q", message, kind)
		}
		return nil
	})
	var l *v1alpha1.AddressLease
	eventually(t, func() error {
		var err error
		if l, err = lease(w, address, segment); err == nil && !strings.HasPrefix(l.Spec.Conflict, "warning: ") {
			err = fmt.Errorf("%s says %q", l.Name, l.Spec.Conflict)
		}
		return err
	})
	return l
}

func TestWhatTenantsWriteAboutAnAddressWarnsAndNeverBlocks(t *testing.T) {
	w := theWorld(t)
	ns, theirs := namespaceLabelled(t, w, nil), namespaceLabelled(t, w, nil)
	segments(t, w, "tenants", map[string]string{"eth1": "tenants"}, ns)

	s := service(t, w, theirs, "secret-service", corev1.ServiceSpec{ExternalIPs: []string{"192.0.2.50"}})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: theirs, Name: "secret-pod", Annotations: map[string]string{
		netattach.NetworkStatusAnnot: `[{"name": "cbr0", "ips": ["10.244.7.7"], "default": true}, {"name": "a/lab", "interface": "net1", "ips": ["192.0.2.51", "not an address"]}, 17]`}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}}}
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: theirs, Name: "secret-machine"}, Spec: kubevirtv1.VirtualMachineInstanceSpec{
		Networks: []kubevirtv1.Network{{Name: "lab", NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: "lab"}}}}}}
	create(t, w, pod, vmi)
	vmi.Status.Phase = kubevirtv1.Running
	vmi.Status.Interfaces = []kubevirtv1.VirtualMachineInstanceNetworkInterface{{Name: "lab", MAC: "02:00:00:00:52:01", IP: "192.0.2.52", IPs: []string{"192.0.2.52"}}}
	if err := w.Admin.Update(t.Context(), vmi); err != nil {
		t.Fatal(err)
	}

	onService, onPod := static(ns, "on-service", "tenants", "192.0.2.50/24"), static(ns, "on-pod", "tenants", "192.0.2.51/24")
	onMachine, onDefault := static(ns, "on-machine", "tenants", "192.0.2.52/24"), static(ns, "on-default", "tenants", "10.244.7.7/24")
	create(t, w, onService, onPod, onMachine, onDefault)
	for wk, want := range map[*v1alpha1.Wukong][2]string{
		onService: {"a Service elsewhere", "Service " + theirs + "/secret-service"},
		onPod:     {"a pod elsewhere", "Pod " + theirs + "/secret-pod"},
		onMachine: {"a machine elsewhere", "VirtualMachineInstance " + theirs + "/secret-machine"},
	} {
		l := warned(t, w, wk, "tenants", want[0])
		mentions(t, l.Spec.Conflict, want[1])
		namesNothingOf(t, wk, theirs, "secret-")
	}
	eventually(t, conflictFree(w, onDefault))
	if message := messageOf(onDefault, v1alpha1.ConditionConflictFree); strings.Contains(message, "warning") {
		t.Errorf("an address of the pod network warns: %s", message)
	}

	for wk, o := range map[*v1alpha1.Wukong]interface{ GetName() string }{onService: s, onPod: pod, onMachine: vmi} {
		var err error
		switch o := o.(type) {
		case *corev1.Service:
			err = w.Admin.Delete(t.Context(), o)
		case *corev1.Pod:
			err = w.Admin.Delete(t.Context(), o)
		case *kubevirtv1.VirtualMachineInstance:
			err = w.Admin.Delete(t.Context(), o)
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if err := conflictFree(w, wk)(); err != nil {
				return err
			}
			if message := messageOf(wk, v1alpha1.ConditionConflictFree); strings.Contains(message, "warning") {
				return fmt.Errorf("%s is gone and still warned of: %s", o.GetName(), message)
			}
			return nil
		})
	}
}

func TestAMachineThatAWukongServesDoesNotWarnAboutItself(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "itself", map[string]string{"eth1": "itself"}, ns)
	made := static(ns, "made", "itself", "192.0.2.60/24")
	made.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	foreign := static(ns, "foreign", "itself", "192.0.2.61/24")
	foreign.Spec.VirtualMachineName = "legacy"
	nic := kubevirtv1.VirtualMachineInstanceNetworkInterface{Name: "data", MAC: "02:00:00:00:60:01"}
	legacy := machineInstance(ns, "legacy", nic, "192.0.2.61")
	create(t, w, legacy) // it ran before anybody asked for its address
	create(t, w, made, foreign)
	eventually(t, allocated(w, made))
	eventually(t, allocated(w, foreign))
	nic.MAC = made.Status.Networks[0].MACAddress
	create(t, w, machineInstance(ns, made.Status.VMName, nic, "192.0.2.60"))
	for _, wk := range []*v1alpha1.Wukong{made, foreign} {
		eventually(t, func() error {
			if err := conflictFree(w, wk)(); err != nil {
				return err
			}
			if len(wk.Status.Networks[0].ObservedAddresses) == 0 && wk == made {
				return errWait
			}
			return nil
		})
	}
	quiet(t, w)
	for wk, address := range map[*v1alpha1.Wukong]string{made: "192.0.2.60", foreign: "192.0.2.61"} {
		if err := conflictFree(w, wk)(); err != nil {
			t.Error(err)
		}
		if message := messageOf(wk, v1alpha1.ConditionConflictFree); strings.Contains(message, "warning") {
			t.Errorf("%s: %s", wk.Name, message)
		}
		if l, err := lease(w, address, "itself"); err != nil || l.Spec.Conflict != "" {
			t.Errorf("%s: %v %s", wk.Name, err, l.Spec.Conflict)
		}
	}
	// Once nobody serves it, what it reports is that of any other machine.
	if err := w.Admin.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		l, err := lease(w, "192.0.2.61", "itself")
		if err == nil && l.Spec.Phase == v1alpha1.LeaseAllocated {
			err = errWait
		}
		return err
	})
}

// machineInstance is a machine that runs and reports addresses on one interface.
func machineInstance(namespace, name string, nic kubevirtv1.VirtualMachineInstanceNetworkInterface, addresses ...string) *kubevirtv1.VirtualMachineInstance {
	nic.IP, nic.IPs, nic.InfoSource = addresses[0], addresses, "domain, guest-agent"
	return &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: kubevirtv1.VirtualMachineInstanceSpec{Networks: []kubevirtv1.Network{
			{Name: nic.Name, NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: "any"}}}}},
		Status: kubevirtv1.VirtualMachineInstanceStatus{Phase: kubevirtv1.Running,
			Interfaces: []kubevirtv1.VirtualMachineInstanceNetworkInterface{nic}}}
}
