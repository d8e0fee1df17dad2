package controllers_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestWhatTheClusterLacksIsSaidAndItsComingIsNoticedWithoutARestart(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Nmstate, cluster.KubeVirt, cluster.Multus}})
	w, err := world.Prepare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := w.RunController(t.Context(), fast())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the controller: %v", err)
		}
	})
	ns := namespaceLabelled(t, w, nil)
	uplink := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "late"}, Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "late", Interface: "eth1"}}
	network := &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "late"}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "late",
		AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: []string{ns}}}}
	wk := static(ns, "web", "late", "192.0.2.10/24")
	wk.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	create(t, w, uplink, network, wk)
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonMultusMissing))
	eventually(t, condition(w, wk, v1alpha1.ConditionNodeNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNmstateMissing))
	if !strings.Contains(messageOf(wk, v1alpha1.ConditionGuestNetworkReady), "network data is in Secret "+wk.Status.NetworkDataSecret) {
		t.Errorf("the status does not say where the network data is: %s", summary(wk.Status.Conditions))
	}
	secret := &corev1.Secret{}
	if err := w.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: wk.Status.NetworkDataSecret}, secret); err != nil || !strings.Contains(string(secret.Data["networkdata"]), "192.0.2.10/24") {
		t.Errorf("the Secret without Multus and KubeVirt: %v", err)
	}
	w.Requests.Reset()
	touch(t, w, network)
	quiet(t, w)
	for _, write := range w.Requests.Writes() {
		if write.Resource == "secrets" {
			t.Errorf("the Secret is written again: %v", write)
		}
	}
	if wk.Status.Addresses != "192.0.2.10/24" {
		t.Errorf("the address is not leased without nmstate, KubeVirt and Multus: %q", wk.Status.Addresses)
	}

	if err := c.Install(t.Context(), cluster.Multus); err != nil {
		t.Fatal(err)
	}
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonKubeVirtMissing))
	if err := c.Install(t.Context(), cluster.Nmstate, cluster.KubeVirt); err != nil {
		t.Fatal(err)
	}
	if err := w.StartLab(t.Context(), lab.Options{}); err != nil {
		t.Fatal(err)
	}
	defer w.Lab.Stop()
	labNodes(t, w, "late", 10, 1)
	eventually(t, condition(w, wk, v1alpha1.ConditionNodeNetworkReady, metav1.ConditionTrue, ""))
	eventually(t, ready(w, wk, metav1.ConditionFalse, v1alpha1.ReasonMachinePending))
}
