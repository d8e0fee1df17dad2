package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

func wukong(namespace, name, network, address string) string {
	return fmt.Sprintf(`
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: %s, name: %s}
spec:
  networks:
  - {name: data, type: bridge, hostNetwork: %s, ipConfig: {mode: static, address: %s}}
`, namespace, name, network, address)
}

func (s *stage) wukong(namespace, name string) *v1alpha1.Wukong {
	s.t.Helper()
	w := &v1alpha1.Wukong{}
	s.must(s.Admin.Get(s.ctx, types.NamespacedName{Namespace: namespace, Name: name}, w))
	return w
}

func TestOnDemandNetworkIsBuiltAtFirstUseAndTakenBackAfterItLingered(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	namespace := s.Cluster.Namespace(t)
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100", "linger: 4s"))
	s.patch(s.network("blue"), `{"spec":{"provision":"OnDemand"}}`)
	s.eventually(func() string {
		n := s.network("blue")
		if n.Status.ObservedGeneration != n.Generation || n.Status.Provisioned {
			return "blue is still provisioned"
		}
		return ""
	})
	s.networkIs("blue", yes, v1alpha1.ReasonNotInUse, "")
	s.apply(wukong(namespace, "web", "blue", "192.0.2.5/24"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	if n := s.network("blue"); n.Status.Users != 1 || n.Status.UsedBy[0] != namespace+"/web" || n.Status.LastUsed != nil {
		t.Errorf("users: %d %v, last used %v", n.Status.Users, n.Status.UsedBy, n.Status.LastUsed)
	}

	s.must(s.Admin.Delete(s.ctx, s.wukong(namespace, "web")))
	s.eventually(func() string {
		if n := s.network("blue"); n.Status.Users != 0 || n.Status.LastUsed == nil || !n.Status.Provisioned {
			return fmt.Sprintf("users %d, last used %v, provisioned %v", n.Status.Users, n.Status.LastUsed, n.Status.Provisioned)
		}
		return ""
	})
	if !s.has("node-a", "br-blue") {
		t.Error("the bridge went before linger was over")
	}
	s.networkIs("blue", yes, v1alpha1.ReasonNotInUse, "")
	if s.has("node-a", "br-blue") || s.has("node-a", "eth1.100") {
		t.Error("NotInUse is Ready while the bridge is still there")
	}
}

func TestNetworkInUseIsNotDeletedUntilItsLastUserIsGone(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	namespace := s.Cluster.Namespace(t)
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100") + wukong(namespace, "web", "blue", "192.0.2.5/24"))
	nad := types.NamespacedName{Namespace: namespace, Name: "wukong-blue"}
	s.eventually(func() string {
		if err := s.Admin.Get(s.ctx, nad, &netattach.NetworkAttachmentDefinition{}); err != nil {
			return err.Error()
		}
		return ""
	})
	s.must(s.Admin.Delete(s.ctx, s.network("blue")))
	s.networkIs("blue", no, v1alpha1.ReasonInUse, "1 use it, such as "+namespace+"/web")
	s.quiet()
	if !s.has("node-a", "br-blue") {
		t.Error("the bridge of a network in use was taken away")
	}
	s.must(s.Admin.Delete(s.ctx, s.wukong(namespace, "web")))
	s.gone(&v1alpha1.HostNetwork{}, "blue")
	if s.has("node-a", "br-blue") {
		t.Error("the bridge is left")
	}
	if err := s.Admin.Get(s.ctx, nad, &netattach.NetworkAttachmentDefinition{}); !apierrors.IsNotFound(err) {
		t.Errorf("the attachment is left: %v", err)
	}
}

// None of the bad edits disturbs what runs.
func TestNetworkInUseThatCannotBeBuiltAnyMoreStaysOnHosts(t *testing.T) {
	s := newStage(t, 1, lab.Options{})
	s.apply(uplink("up", "eth1", "mtu: 1500") + network("blue", "vlan: 100"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.apply(network("blue", "vlan: 100", "mtu: 9000"))
	s.uplinkIs("up", no, v1alpha1.ReasonInvalidSpec, "blue")
	s.networkIs("blue", no, v1alpha1.ReasonInvalidSpec, "9000")
	s.quiet()
	if !s.has("node-a", "br-blue") {
		t.Error("the bridge was taken away")
	}
	s.apply(network("blue", "vlan: 100", "mtu: 1400"))
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")
}

func TestBudgetSpansAllUplinks(t *testing.T) {
	s := newStage(t, 5, lab.Options{})
	for i := range 5 {
		s.must(s.Lab.Hang(nodeName(i)))
	}
	one := "rollout: {canary: 0, maxUnavailable: 1}"
	s.apply(uplink("up", "eth1", one) + network("blue", "vlan: 100"))
	s.eventually(func() string {
		if n := s.moved("up"); n != 1 {
			return fmt.Sprintf("%d nodes were moved, want 1", n)
		}
		return ""
	})
	other := func(manifest string) string {
		return strings.ReplaceAll(manifest, "physicalNetwork: lab", "physicalNetwork: storage")
	}
	s.apply(other(uplink("second", "eth2", one) + network("green", "vlan: 200")))
	s.uplinkIs("second", no, v1alpha1.ReasonNodeNetworkProgressing, "0/5")
	s.quiet()
	if n := s.moved("second"); n != 0 {
		t.Errorf("%d nodes were moved for the second uplink while the first fills the budget", n)
	}
	for i := range 5 {
		s.must(s.Lab.Repair(nodeName(i)))
	}
	s.networkIs("green", yes, v1alpha1.ReasonApplied, "5/5")
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "5/5")
}

func TestNothingWorksWithoutNmstateAndEverythingOnceItIsInstalled(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Nmstate}})
	admin, err := client.NewWithWatch(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{World: &world.World{Cluster: c, Admin: admin, Requests: &world.Recorder{}}, t: t, ctx: t.Context(), cfg: controllers.DefaultConfig()}
	root, err := world.Repository()
	s.must(err)
	for _, file := range []string{"manager/namespace.yaml", "rbac/service_account.yaml", "rbac/role.yaml", "rbac/role_binding.yaml"} {
		manifest, err := os.ReadFile(filepath.Join(root, "config", file))
		s.must(err)
		s.apply(string(manifest))
	}
	s.run()
	defer s.halt()
	s.apply(uplink("up", "eth1") + network("blue", "vlan: 100") + uplink("leaving", "eth2"))
	s.uplinkIs("up", no, v1alpha1.ReasonNmstateMissing, "install it")
	s.networkIs("blue", no, v1alpha1.ReasonNmstateMissing, "install it")
	s.must(s.Admin.Delete(s.ctx, s.uplink("leaving")))
	s.gone(&v1alpha1.HostUplink{}, "leaving")

	s.must(c.Install(s.ctx, cluster.Nmstate))
	s.Lab, err = lab.New(c.AdminConfig(), lab.Options{})
	s.must(err)
	s.must(s.Lab.Start(s.ctx))
	s.join("node-a")
	s.networkIs("blue", yes, v1alpha1.ReasonApplied, "1/1")
	s.uplinkIs("up", yes, v1alpha1.ReasonApplied, "1/1")

	for _, name := range []string{"nodenetworkconfigurationpolicies", "nodenetworkconfigurationenactments", "nodenetworkstates"} {
		s.must(s.Admin.Delete(s.ctx, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name + ".nmstate.io"}}))
	}
	s.uplinkIs("up", no, v1alpha1.ReasonNmstateMissing, "install it")
	s.networkIs("blue", no, v1alpha1.ReasonNmstateMissing, "install it")
}
