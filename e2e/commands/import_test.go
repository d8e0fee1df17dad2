package commands_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// TestImportScripts runs the program on a cluster that has addresses already and no controller. Scripts begin with the rights
// that config/rbac ships for importers; somebody else is reader.
func TestImportScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	inhabit(t, c)
	play{folder: "testdata/import/script", begin: "importer", accounts: []string{"importer", "reader"}}.run(t, c)
}

// inhabit puts the objects of testdata/import into the cluster, with instances that belong to their VirtualMachines, and the
// status that NovaSphere's operator wrote.
func inhabit(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	roles(t, c, "reader_role.yaml", "importer_role.yaml")
	if err := c.ApplyFolder(t.Context(), "testdata/import/objects"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), "apply", "--server-side", "--force-conflicts", "--subresource=status", "-f", "testdata/import/status/wukongs.yaml"); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	machines := &kubevirtv1.VirtualMachineList{}
	if err := admin.List(t.Context(), machines); err != nil {
		t.Fatal(err)
	}
	for i := range machines.Items {
		vm := &machines.Items[i]
		vmi := &kubevirtv1.VirtualMachineInstance{}
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vmi); err != nil {
			t.Fatal(err)
		}
		vmi.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(vm, kubevirtv1.VirtualMachineGroupVersionKind)}
		if err := admin.Update(t.Context(), vmi); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsImportedIsLeasedByTheController imports before the controller has ever run, and again afterwards.
func TestWhatIsImportedIsLeasedByTheController(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	w, err := world.Prepare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	inhabit(t, c)
	binary := build(t)
	sheet := filepath.Join(t.TempDir(), "sheet.csv")
	if err := os.WriteFile(sheet, []byte("address,name,namespace\n192.0.2.12,mail,team-a\n192.0.2.13,printer,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runImport := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), binary, append([]string{"import", "--from", sheet, "--segment", "storage=lab.7"}, args...)...)
		command.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
		out, err := command.CombinedOutput()
		return string(out), err
	}
	// db is served when somebody says which subnet its second address is in.
	storage := &v1alpha1.AddressPool{}
	storage.Name = "storage"
	vlan := v1alpha1.VLANID(7)
	storage.Spec = v1alpha1.AddressPoolSpec{Segment: v1alpha1.Segment{PhysicalNetwork: "lab", VLAN: &vlan}, Subnet: "198.51.100.0/24"}
	network := &v1alpha1.HostNetwork{}
	network.Name = "storage"
	network.Spec = v1alpha1.HostNetworkSpec{PhysicalNetwork: "lab", VLAN: &vlan, AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: []string{"team-a"}}}
	for _, o := range []client.Object{storage, network} {
		if err := w.Admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := runImport("--create"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Whoever asks for any address comes after all of that.
	if err := c.Apply(t.Context(), []byte(`
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {name: any, namespace: team-b}
spec: {networks: [{name: lan, ipConfig: {mode: static, ipPool: office}}]}
`)); err != nil {
		t.Fatal(err)
	}
	stop, err := w.RunController(context.Background(), controllers.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := c.Kubectl(context.Background(), "get", "wkip,wkpool,wukongs", "-A", "-o", "wide")
			t.Logf("what there is:\n%s", out)
		}
		if err := stop(); err != nil {
			t.Errorf("the controller: %v", err)
		}
	})
	for lease, want := range map[string]v1alpha1.LeaseHolder{
		"ip-192-0-2-10.lab":      {Namespace: "team-a", Name: "db", Network: "lan", VirtualMachine: "db"},
		"ip-198-51-100-10.lab.7": {Namespace: "team-a", Name: "db", Network: "storage", VirtualMachine: "db"},
		"ip-192-0-2-11.lab":      {Namespace: "team-a", Name: "old", Network: "lan"},
		"ip-192-0-2-12.lab":      {Namespace: "team-a", Name: "mail", Network: "lan", VirtualMachine: "mail"},
		"ip-192-0-2-14.lab":      {Namespace: "team-b", Name: "any", Network: "lan"},
	} {
		l := &v1alpha1.AddressLease{}
		eventually(t, func() error { return w.Admin.Get(t.Context(), client.ObjectKey{Name: lease}, l) })
		h := l.Spec.Holder
		if h == nil {
			t.Errorf("%s has no holder", lease)
			continue
		}
		got := v1alpha1.LeaseHolder{Namespace: h.Namespace, Name: h.Name, Network: h.Network, VirtualMachine: h.VirtualMachine}
		if got != want || l.Spec.Phase != v1alpha1.LeaseAllocated {
			t.Errorf("%s is %s for %+v, want %+v", lease, l.Spec.Phase, got, want)
		}
	}
	out, err := runImport("--create")
	if err != nil || !strings.Contains(out, "note: nothing to do: every address that was found is leased, asked for or kept back") {
		t.Errorf("the second import: %v: %s", err, out)
	}
	for _, lease := range []string{"ip-192-0-2-10.lab", "ip-192-0-2-11.lab", "ip-192-0-2-12.lab", "ip-198-51-100-10.lab.7", "ip-192-0-2-14.lab"} {
		if !strings.Contains(out, "leased: AddressLease "+lease) {
			t.Errorf("the second import does not know %s: %s", lease, out)
		}
	}
}
