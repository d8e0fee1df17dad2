package controllers_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Invariant 6: what the controller did not create it never changes or deletes. It cannot read Secrets; the policies of admission
// can.
func TestASecretOfSomebodyElseIsNotOverwritten(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "secret", 0, 0, ns)
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web-net"}, StringData: map[string]string{"userdata": "theirs"}}
	wk := static(ns, "web", network.Name, "192.0.2.10/24")
	wk.Spec.VirtualMachineName = "theirs"
	mac := v1alpha1.MACAddress("02:00:00:00:15:01")
	wk.Spec.Networks[0].MACAddress = &mac
	create(t, w, theirs, theirMachine(ns, "theirs", ""), wk)
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionFalse, v1alpha1.ReasonNameTaken))
	now := &corev1.Secret{}
	if err := w.Admin.Get(t.Context(), client.ObjectKeyFromObject(theirs), now); err != nil || now.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("somebody else's Secret was changed: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	eventually(t, condition(w, wk, v1alpha1.ConditionGuestNetworkReady, metav1.ConditionTrue, ""))
}
