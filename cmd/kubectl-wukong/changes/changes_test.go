package changes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

const password = "correct-horse"

// cluster has a network, and a Wukong with a machine that runs.
func cluster() hosts.World {
	var w hosts.World
	stand, networks := render.StandIn("eth1")
	stand.UID = "u-1"
	networks[0].Status.ObservedGeneration, networks[0].Status.Provisioned = 1, true
	w.HostUplinks, w.HostNetworks = []v1alpha1.HostUplink{stand}, networks
	w.Wukongs = []v1alpha1.Wukong{web("192.0.2.10/24")}
	w.Instances = []kubevirtv1.VirtualMachineInstance{{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web-vm"},
		Status: kubevirtv1.VirtualMachineInstanceStatus{Phase: kubevirtv1.Running, NodeName: "node-a"}}}
	return w
}

func web(address v1alpha1.CIDR) v1alpha1.Wukong {
	return v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web"}, Spec: v1alpha1.WukongSpec{
		CPU: 1, Memory: "1Gi", Disks: []v1alpha1.Disk{{Name: "root", Size: "1Gi", StorageClassName: "fast"}},
		CloudInitUser: &v1alpha1.CloudInitUser{Name: "ops", Password: password},
		Networks:      []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: &v1alpha1.IPConfig{Mode: "static", Address: &address}}}}}
}

func compare(t *testing.T, given render.Input, prune bool) *Changes {
	t.Helper()
	world := cluster()
	c, err := Compare(Input{Before: world, After: world.Overlay(hosts.World{Input: given}, prune)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kinds gives what is written as "operation kind name".
func kinds(c *Changes) []string {
	var out []string
	for _, w := range c.Written {
		out = append(out, string(w.Operation)+" "+w.Kind)
	}
	return out
}

func TestNothingChangesWhereTheManifestsSayWhatThereIs(t *testing.T) {
	if c := compare(t, render.Input{Wukongs: []v1alpha1.Wukong{web("192.0.2.10/24")}}, false); c.Any() {
		t.Errorf("%+v", c)
	}
}

func TestAChangedPasswordIsToldAndNotShown(t *testing.T) {
	w := web("192.0.2.10/24")
	w.Spec.CloudInitUser.Password = "battery-staple"
	c := compare(t, render.Input{Wukongs: []v1alpha1.Wukong{w}}, false)
	if diff := cmp.Diff([]string{"Change Secret", "Change VirtualMachine"}, kinds(c)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !c.Written[0].HiddenValues || c.Written[0].Replaces == "" {
		t.Errorf("%+v", c.Written[0])
	}
	var out strings.Builder
	if err := c.Write(&out, style.Style{}); err != nil || strings.Contains(out.String(), password) || strings.Contains(out.String(), "battery-staple") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestWhatAWukongHasThatIsHeldBackIsNotDeleted(t *testing.T) {
	w := web("192.0.2.10/24")
	w.Spec.Networks[0].HostNetwork = "nowhere"
	c := compare(t, render.Input{Wukongs: []v1alpha1.Wukong{w}}, false)
	if len(c.Written) > 0 || len(c.Machines) > 0 {
		t.Errorf("%v, %+v", kinds(c), c.Machines)
	}
	if len(c.Findings) != 1 || c.Findings[0].Reason != v1alpha1.ReasonHostNetworkNotFound || !c.Any() {
		t.Errorf("%+v", c.Findings)
	}
}

func TestWithPruneWhatTheManifestsLackGoes(t *testing.T) {
	other := web("192.0.2.20/24")
	other.Name = "other"
	given := render.Input{Wukongs: []v1alpha1.Wukong{other}}
	if c := compare(t, given, false); len(c.Declared) != 1 || c.Declared[0].Operation != Create {
		t.Errorf("%+v", c.Declared)
	}
	// The files of a team have no HostUplink: those of the platform stay.
	c := compare(t, given, true)
	want := []Declared{{Kind: "Wukong", Namespace: "team-a", Name: "other", Operation: Create}, {Kind: "Wukong", Namespace: "team-a", Name: "web", Operation: Delete}}
	if diff := cmp.Diff(want, c.Declared); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Machine{{Namespace: "team-a", Name: "web-vm", Deleted: true}}, c.Machines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPruneIsAboutTheKindsAndNamespacesThatTheManifestsHave(t *testing.T) {
	pool := func(name string) v1alpha1.AddressPool {
		return v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	reservation := func(name string) v1alpha1.AddressReservation {
		return v1alpha1.AddressReservation{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	world := cluster()
	elsewhere := web("192.0.2.30/24")
	elsewhere.Namespace = "team-b"
	world.Wukongs = append(world.Wukongs, elsewhere)
	world.AddressPools = []v1alpha1.AddressPool{pool("office"), pool("old")}
	world.AddressReservations = []v1alpha1.AddressReservation{reservation("gateway"), reservation("printer")}
	stand, networks := render.StandIn("eth1")
	for name, c := range map[string]struct {
		given render.Input
		gone  []string
	}{
		"no objects, so nothing goes":  {render.Input{}, nil},
		"one of two pools":             {render.Input{AddressPools: world.AddressPools[:1]}, []string{"AddressPool old"}},
		"one of two reservations":      {render.Input{AddressReservations: world.AddressReservations[1:]}, []string{"AddressReservation gateway"}},
		"one of two networks":          {render.Input{HostNetworks: networks[:1], HostUplinks: []v1alpha1.HostUplink{stand}}, []string{"HostNetwork " + networks[1].Name}},
		"all Wukongs of one namespace": {render.Input{Wukongs: []v1alpha1.Wukong{elsewhere}}, nil},
		"a manifest that would be refused": {render.Input{AddressPools: world.AddressPools[:1],
			Sources: map[render.Object]string{{Kind: "AddressPool", Name: "old"}: "pools.yaml:7"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var gone []string
			for _, d := range declared(world.Input, world.Overlay(hosts.World{Input: c.given}, true).Input) {
				if d.Operation == Delete {
					gone = append(gone, d.Kind+" "+d.Name)
				}
			}
			if diff := cmp.Diff(c.gone, gone); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAFindingThatTheClusterHasAlreadyIsNotToldAgain(t *testing.T) {
	world := cluster()
	lost := web("192.0.2.10/24")
	lost.Name = "lost"
	world.Wukongs = append(world.Wukongs, lost)
	given := render.Input{AddressPools: []v1alpha1.AddressPool{{ObjectMeta: metav1.ObjectMeta{Name: "office"},
		Spec: v1alpha1.AddressPoolSpec{Segment: v1alpha1.Segment{PhysicalNetwork: "stand-in"}, Subnet: "198.51.100.0/24"}}}}
	c, err := Compare(Input{Before: world, After: world.Overlay(hosts.World{Input: given}, false)})
	if err != nil || len(c.Findings) > 0 {
		t.Errorf("%v, %+v", err, c.Findings)
	}
}

func TestStepsOfARollout(t *testing.T) {
	one, half := intstr.FromInt32(1), intstr.FromString("50%")
	none := int32(0)
	for name, c := range map[string]struct {
		rollout v1alpha1.Rollout
		want    string
	}{
		"one node is the canary, then one at a time": {v1alpha1.Rollout{MaxUnavailable: &one}, "a; b; c; d"},
		"half of the nodes, after the canary":        {v1alpha1.Rollout{MaxUnavailable: &half}, "a; b c; d"},
		"without a canary":                           {v1alpha1.Rollout{Canary: &none, MaxUnavailable: &half}, "a b; c d"},
	} {
		t.Run(name, func(t *testing.T) {
			u := hosts.UplinkPlan{From: "wukong-x-1", To: "wukong-x-2"}
			for _, node := range []string{"d", "c", "b", "a"} {
				u.Nodes = append(u.Nodes, hosts.NodePlan{Node: node, Verdict: hosts.VerdictChanges})
			}
			u.Nodes = append(u.Nodes, hosts.NodePlan{Node: "left", Verdict: hosts.VerdictLeftOut})
			var steps []string
			for _, step := range u.Steps(&render.Uplink{Object: &v1alpha1.HostUplink{Spec: v1alpha1.HostUplinkSpec{Rollout: c.rollout}}}) {
				steps = append(steps, strings.Join(step, " "))
			}
			if got := strings.Join(steps, "; "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
