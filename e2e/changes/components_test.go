package changes

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestAMachineIsMadeOnceMultusAndKubeVirtAreInstalledLater(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.KubeVirt, cluster.Multus}})
	w, err := world.Start(t.Context(), c, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{World: w, cancel: func() {}}
	r := &trial{stage: s, t: t, ctx: t.Context(), namespace: c.Namespace(t)}
	t.Cleanup(r.dump)
	r.must(w.Lab.AddNode(t.Context(), world.Node("node-a", 'a')))
	r.must(s.start())
	defer func() { r.must(s.halt()) }()
	r.apply("%s", world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}")+world.HostNetwork("lan", "lan"))
	r.machine("web", network("lan", "lan", "192.0.2.10/24"))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMultusMissing)
	r.is("web", v1alpha1.ConditionNodeNetworkReady, metav1.ConditionTrue, "")
	r.leased("192.0.2.10", v1alpha1.LeaseAllocated)
	r.must(c.Install(t.Context(), cluster.Multus))
	r.is("web", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonKubeVirtMissing)

	r.must(c.Install(t.Context(), cluster.KubeVirt))
	s.Machines, err = machines.New(c.AdminConfig(), machines.Options{})
	r.must(err)
	r.must(s.Machines.Run(t.Context()))
	defer s.Machines.Halt()
	r.inSync("web")
	r.guestHas("web-vm", "lan", "192.0.2.10/24")
}
