package upgrades

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/estate"
	"novasphere.dev/wukong-network/e2e/manager"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/nmstate"
)

// edit changes a source file for another release.
type edit struct{ file, from, to string }

// otherwise is a line that only the other release puts into documents.
const otherwise = "# of another release"

// rendersOtherwise is a release whose documents for guests, and whose machines, are other bytes for the same request.
var rendersOtherwise = []edit{
	{"render/userdata.go", `return "#cloud-config\n" + string(text), err`, `return "#cloud-config\n# of another release\n" + string(text), err`},
	{"render/netdata.go", "out, err := yamlOf(c)\n\treturn string(out), err", "out, err := yamlOf(c)\n\treturn \"# of another release\\n\" + string(out), err"},
	{"render/machine.go", "labels := maps.Clone(p.meta.Labels)", "labels := maps.Clone(p.meta.Labels)\n\tlabels[\"example.com/release\"] = \"another\""},
}

// forgetsRequests is a release that takes every request for another one than before, as none may be.
var forgetsRequests = []edit{
	{"render/wukong.go", "RequestHash: requestHash(req, nics, opts.ClusterName)", `RequestHash: "x" + requestHash(req, nics, opts.ClusterName)`},
}

// release builds the controller with changes.
func release(t *testing.T, edits []edit) string {
	t.Helper()
	root, err := world.Repository()
	must(t, err)
	overlay := manager.Overlay{}
	for _, e := range edits {
		text, err := os.ReadFile(filepath.Join(root, e.file))
		must(t, err)
		if strings.Count(string(text), e.from) != 1 {
			t.Fatalf("%s does not have this once, so another release has to be made otherwise: %s", e.file, e.from)
		}
		overlay[e.file] = strings.Replace(string(text), e.from, e.to, 1)
	}
	binary, err := manager.Build(t.Context(), t.TempDir(), overlay)
	must(t, err)
	return binary
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is the world in which controllers are replaced.
type site struct {
	*estate.Estate
	t *testing.T
	// before are the objects, with their resource versions, when mark requests had been made. Nothing is to change from then on.
	before map[string]string
	mark   int
	// looked is how many there were when the leader had last been found to rest.
	looked int
}

// TestAnUpgradeOfTheRunningControllerWritesNothing replaces two replicas, one after the other, by those of a release that renders otherwise.
// WUKONG_UPGRADE_FROM names the binary of an earlier release that builds the world, instead of one of this tree.
func TestAnUpgradeOfTheRunningControllerWritesNothing(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	from, to := os.Getenv("WUKONG_UPGRADE_FROM"), release(t, rendersOtherwise)
	if from == "" {
		from = release(t, nil)
	}
	s := &site{Estate: estate.New(t, cluster.ForTest(t, cluster.Options{Audit: true})), t: t}
	a := s.start(from, "old-a")
	s.leads("")
	b := s.start(from, "old-b")
	s.Hosts()
	s.Guests()
	s.Quiet(s.requests)
	s.before, s.mark, s.looked = s.objects(), s.requests(), s.requests()
	if len(s.before) < 40 {
		t.Errorf("%d objects are looked at: that cannot be all", len(s.before))
	}

	t.Log("one replica after the other is replaced, the one that leads last")
	c := s.start(to, "new-c")
	s.stop(b)
	s.handsOver(a)
	t.Log("the leader hands over to its equal")
	d := s.start(to, "new-d")
	s.handsOver(c)
	t.Log("all are stopped, and one is started")
	s.stop(d)
	e := s.start(to, "new-e")
	s.leads("")
	s.settles()
	s.Apply(s.Machine("later", "192.0.2.60/24"))
	s.InSync()
	secret := &corev1.Secret{}
	must(t, s.Admin.Get(t.Context(), types.NamespacedName{Namespace: s.Namespace, Name: s.Secret("later")}, secret))
	if !strings.Contains(string(secret.Data["networkdata"]), otherwise) || !strings.Contains(string(secret.Data["userdata"]), otherwise) {
		t.Errorf("the other release renders as this one does: %s", secret.Data)
	}
	s.stop(e)

	t.Log("a release that forgets requests is seen")
	f := s.start(release(t, forgetsRequests), "forgetful")
	s.Eventually(func() string {
		if diff := cmp.Diff(s.before, s.objects()); !strings.Contains(diff, "VirtualMachine") {
			return "no machine was written"
		}
		return ""
	})
	s.stop(f)
}

func (s *site) start(binary, name string) *manager.Process {
	s.t.Helper()
	p, err := manager.Start(s.t.Context(), s.Cluster, binary, manager.Options{Name: name})
	must(s.t, err)
	s.Eventually(func() string {
		if !p.Ready() {
			return name + " is not ready: " + p.Log()
		}
		return ""
	})
	return p
}

func (s *site) stop(p *manager.Process) {
	s.t.Helper()
	if err := p.Stop(); err != nil {
		s.t.Errorf("%v; its log:\n%s", err, p.Log())
	}
}

// leads waits until another replica than the one of an identity leads, and gives its identity.
func (s *site) leads(not string) (identity string) {
	s.t.Helper()
	s.Eventually(func() string {
		lease := &coordinationv1.Lease{}
		key := types.NamespacedName{Namespace: world.Namespace, Name: "wukong-network.vm.novasphere.dev"}
		if err := s.Admin.Get(s.t.Context(), key, lease); err != nil {
			return err.Error()
		}
		if identity = ""; lease.Spec.HolderIdentity != nil {
			identity = *lease.Spec.HolderIdentity
		}
		if identity == "" || identity == not {
			return fmt.Sprintf("%q leads, want another one than %q", identity, not)
		}
		return ""
	})
	return identity
}

// handsOver stops the leader, and looks at what the next one does.
func (s *site) handsOver(p *manager.Process) {
	s.t.Helper()
	now := s.leads("")
	s.stop(p)
	s.leads(now)
	s.settles()
}

// settles waits until the leader has looked at everything, and checks that it has written nothing.
func (s *site) settles() {
	s.t.Helper()
	s.Eventually(func() string {
		if !slices.ContainsFunc(s.since(s.looked), func(r cluster.Request) bool { return r.Verb == "list" && r.Resource == "wukongs" }) {
			return "the leader has not read the Wukongs"
		}
		return ""
	})
	s.Quiet(s.requests)
	s.looked = s.requests()
	for _, r := range s.since(s.mark) {
		aboutItself := r.Resource == "leases" || (r.Resource == "events" && r.Namespace == world.Namespace)
		if !aboutItself && !slices.Contains([]string{"get", "list", "watch"}, r.Verb) {
			s.t.Errorf("the upgrade wrote: %s", r)
		}
	}
	if diff := cmp.Diff(s.before, s.objects()); diff != "" {
		s.t.Errorf("objects changed (-before +after):\n%s", diff)
	}
}

// since gives the requests of the controller after the first ones, without those by which replicas take turns.
func (s *site) since(first int) []cluster.Request {
	s.t.Helper()
	all, err := s.Cluster.Requests()
	must(s.t, err)
	all = slices.DeleteFunc(all, func(r cluster.Request) bool { return r.Resource == "leases" })
	return all[first:]
}

func (s *site) requests() int { return len(s.since(0)) }

// objects gives what the controller made or can change, with resource versions.
func (s *site) objects() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, list := range []client.ObjectList{&v1alpha1.WukongList{}, &v1alpha1.AddressLeaseList{}, &v1alpha1.AddressPoolList{}, &v1alpha1.AddressReservationList{},
		&v1alpha1.HostNetworkList{}, &v1alpha1.HostUplinkList{}, &nmstate.PolicyList{}, &netattach.NetworkAttachmentDefinitionList{},
		&kubevirtv1.VirtualMachineList{}, &corev1.SecretList{}, &corev1.NodeList{}} {
		must(s.t, s.Admin.List(context.Background(), list))
		must(s.t, meta.EachListItem(list, func(o runtime.Object) error {
			obj := o.(client.Object)
			out[strings.TrimPrefix(fmt.Sprintf("%T ", o), "*")+client.ObjectKeyFromObject(obj).String()] = obj.GetResourceVersion()
			return nil
		}))
	}
	return out
}
