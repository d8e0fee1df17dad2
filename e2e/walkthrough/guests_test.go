package walkthrough

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/lab"
)

// TestMachinesAreLookedAfterAsThePagesShow makes the machines of the page about guests, and goes on with them.
func TestMachinesAreLookedAfterAsThePagesShow(t *testing.T) {
	r := newReader(t)
	r.install()
	r.prepares("kubectl apply -f config/samples/namespaces.yaml -f config/samples/hostuplink.yaml -f config/samples/hostnetwork.yaml")
	r.reads("docs/guests.md")
	r.tries("docs/guests-commands.md")

	r.prepares("kubectl wait hostnetwork/lab hostuplink/workers --for=jsonpath={.status.nodesSummary}=3/3 --timeout=2m", "kubectl apply -f config/samples/pool.yaml")
	r.readsAlong("docs/troubleshooting.md", func(commands string) {
		if strings.Contains(commands, "pendingRestart") {
			r.prepares(readdressed("192.0.2.16"), "kubectl wait wukong/web -n team-a --for=jsonpath={.status.pendingRestart} --timeout=2m")
		}
	})
	r.prepares(readdressed("192.0.2.10"))
	r.tries("docs/troubleshooting.md", "guest show VM", "guest show web-vm -n team-a", "guest verify VM", "guest verify web-vm -n team-a",
		"vmi VM", "vmi web-vm -n team-a", "POOL", "lab", "<hostnetwork>", "lab", "UPLINK NODE", "workers node-a")
	r.tries("docs/concepts.md")

	r.prepares("mkdir platform", "cp config/samples/hostuplink.yaml config/samples/hostnetwork.yaml platform/")
	backup := r.opens("docs/backup.md")
	r.follows(backup)
	r.prepares("kubectl delete wukongs --all -A", "kubectl delete addressleases --all")
	r.follows(backup)

	r.prepares(`kubectl patch wukong web dual -n team-a --type=json -p '[{"op": "add", "path": "/spec/networks/0/ipConfig/reserved", "value": true}]'`,
		"kubectl delete wukong web dual -n team-a",
		"kubectl wait addresslease/ip-192-0-2-10.lab addresslease/ip-192-0-2-11.lab --for=jsonpath={.spec.phase}=Reserved --timeout=2m")
	r.reads("docs/limits.md")
}

// readdressed is the command that gives web another address.
func readdressed(address string) string {
	return `kubectl patch wukong web -n team-a --type=json -p '[{"op": "replace", "path": "/spec/networks/0/ipConfig/address", "value": "` + address + `/24"}]'`
}

func TestAddressesThatMachinesHaveAlreadyAreImportedAsThePageShows(t *testing.T) {
	r := newReaderOf(t, lab.Options{})
	r.prepares("kubectl apply --server-side -k config/crd", "kubectl wait crd/wukongs.vm.novasphere.dev --for=condition=Established",
		"kubectl apply -f "+testdata("adoption.yaml"),
		"kubectl apply --server-side --force-conflicts --subresource=status -f "+testdata("adoption-status.yaml"),
		`printf 'address,name,namespace\n192.0.2.10,db,team-a\n192.0.2.40,printer,\n192.0.2.50,copier,\n' > sheet.csv`)
	vms := &kubevirtv1.VirtualMachineList{}
	must(t, r.Admin.List(t.Context(), vms))
	for i := range vms.Items {
		vm, vmi := &vms.Items[i], &kubevirtv1.VirtualMachineInstance{}
		must(t, r.Admin.Get(t.Context(), client.ObjectKeyFromObject(vm), vmi))
		vmi.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(vm, kubevirtv1.VirtualMachineGroupVersionKind)}
		must(t, r.Admin.Update(t.Context(), vmi))
	}
	r.reads("docs/adoption.md")
	r.tries("docs/adoption.md")
}
