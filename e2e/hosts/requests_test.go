package hosts

import (
	"fmt"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestANodeThatAnEngineerNamesIsTriedAgainAtOnce(t *testing.T) {
	s := newStage(t, 2, lab.Options{Attempts: 1})
	s.halt()
	s.cfg.RetryAfter = time.Hour
	s.run()
	s.must(s.Lab.Fail("node-b", lab.Fault{Error: "VerificationError: Verification failure: br-blue.interface.mtu desire '1500', current '1400'"}))
	s.apply(uplink("up", "eth1", atOnce) + network("blue", "vlan: 100"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-b: ")
	s.must(s.Lab.Repair("node-b"))
	s.patch(s.uplink("up"), `{"metadata":{"annotations":{"vm.novasphere.dev/retry":"node-b"}}}`)
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "2/2")
	s.eventually(func() string {
		if asked, still := s.uplink("up").Annotations[v1alpha1.RetryAnnotation]; still {
			return fmt.Sprintf("the annotation is still there: %q", asked)
		}
		return ""
	})
}

func TestARefusedRevisionIsRolledBackUntilAnotherOneIsDeclared(t *testing.T) {
	s := newStage(t, 3, lab.Options{Attempts: 1})
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "3/3")
	good := s.uplink("up").Status.Revision
	s.eventually(func() string {
		if got := s.uplink("up").Status.LastGoodRevision; got != good {
			return fmt.Sprintf("last good revision: %q, want %q", got, good)
		}
		return ""
	})

	s.must(s.Lab.Fail("node-a", lab.Fault{Error: "VerificationError: Verification failure: br-green.interface.mtu desire '1500', current '1400'"}))
	s.apply(network("green", "vlan: 200"))
	s.uplinkIs("up", no, v1alpha1.ReasonNodeNetworkDegraded, "node-a: ")
	s.must(s.Lab.Repair("node-a"))
	refused := s.uplink("up").Status.Revision
	if refused == good {
		t.Fatalf("the revision with green is that without it: %s", good)
	}
	s.patch(s.uplink("up"), fmt.Sprintf(`{"metadata":{"annotations":{"vm.novasphere.dev/rollback":%q}}}`, refused))
	s.uplinkIs("up", no, v1alpha1.ReasonRolledBack, "3/3 nodes configured with the last good revision; "+refused+" was refused")
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "3/3")
	s.networkIs("green", no, v1alpha1.ReasonRolledBack, "HostUplink up")
	for i := range 3 {
		if s.has(nodeName(i), "br-green") || !s.has(nodeName(i), "br-blue") {
			t.Errorf("%s must have br-blue alone", nodeName(i))
		}
	}

	s.apply(network("green", "vlan: 200", "mtu: 1400"))
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "3/3")
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "3/3")
	s.eventually(func() string {
		if asked, still := s.uplink("up").Annotations[v1alpha1.RollbackAnnotation]; still {
			return fmt.Sprintf("the annotation is still there: %q", asked)
		}
		return ""
	})
}

// A cluster that loses the definitions loses the objects with them. Nobody meant to cut machines off by that.
func TestDeletedDefinitionsLeaveHostsAsTheyAre(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	w, err := world.Start(t.Context(), c, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{World: w, t: t, ctx: t.Context(), cfg: controllers.DefaultConfig()}
	s.join("node-a")
	s.run()
	defer s.halt()
	s.apply(uplink("up", "eth1", atOnce) + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.apply(network("green", "vlan: 200"))
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "1/1")
	forget := func(kinds string) {
		s.must(client.IgnoreNotFound(s.Admin.Delete(s.ctx, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: kinds + ".vm.novasphere.dev"}})))
	}

	t.Log("the definition of Wukong stays for as long as somebody holds a Wukong")
	held := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "held", Finalizers: []string{"example.com/hold"}}}
	s.must(s.Admin.Create(s.ctx, held))
	forget("wukongs")
	s.must(s.Admin.Delete(s.ctx, s.network("green")))
	s.uplinkIs("up", no, v1alpha1.ReasonDefinitionsRemoved, "apply them again (config/crd)")
	if !s.has("node-a", "br-green") {
		t.Error("br-green was taken away")
	}
	s.patch(held, `{"metadata":{"finalizers":null}}`)

	t.Log("all definitions go")
	for _, kinds := range []string{"hostnetworks", "hostuplinks", "wukongs"} {
		forget(kinds)
	}
	s.eventually(func() string {
		for _, list := range []string{"hostnetworks", "hostuplinks"} {
			if out, err := s.Cluster.Kubectl(s.ctx, "get", "crd", list+".vm.novasphere.dev", "-o", "name"); err == nil {
				return fmt.Sprintf("still there: %s", out)
			}
		}
		return ""
	})
	time.Sleep(2 * time.Second) // whatever was to be taken back would be by then
	if !s.has("node-a", "br-blue") || len(s.policies()) != 1 {
		t.Errorf("br-blue on the host: %v; %d policies, want it and 1", s.has("node-a", "br-blue"), len(s.policies()))
	}
}
