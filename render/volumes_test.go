package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func TestSameVolumeFindsEveryOtherDiskOfTheName(t *testing.T) {
	cases := map[string]struct {
		wukong, disk string
		want         []render.DiskOf
	}{
		"a name that can be read in one way": {"web", "root", nil},
		"a disk with a dash":                 {"a", "b-c", []render.DiskOf{{Wukong: "a-b", Disk: "c"}}},
		"a Wukong with a dash":               {"a-b", "c", []render.DiskOf{{Wukong: "a", Disk: "b-c"}}},
		"both":                               {"a-b", "c-d", []render.DiskOf{{Wukong: "a", Disk: "b-c-d"}, {Wukong: "a-b-c", Disk: "d"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, render.SameVolume(c.wukong, c.disk)); diff != "" {
				t.Errorf("other disks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOfTwoDisksWithOneVolumeTheFirstHasIt(t *testing.T) {
	made := func(namespace, name, disk string, address v1alpha1.CIDR) v1alpha1.Wukong {
		w := wukong(func(w *v1alpha1.Wukong) {
			w.Namespace, w.Name, w.Spec.Disks = namespace, name, []v1alpha1.Disk{{Name: "root", Size: "1Gi"}, {Name: disk, Size: "1Gi"}}
			w.Spec.Networks[0] = static("lan", address, "")
		})
		return *w
	}
	uplink, networks := render.StandIn("eth1")
	out, findings := render.Plan(render.Input{HostUplinks: []v1alpha1.HostUplink{uplink}, HostNetworks: networks, Wukongs: []v1alpha1.Wukong{
		made("team-a", "a-b", "c", "192.0.2.10/24"), made("team-a", "a", "b-c", "192.0.2.11/24"), made("team-b", "a-b", "c", "192.0.2.12/24")}})
	var got []string
	for _, vm := range out.VirtualMachines {
		got = append(got, vm.Namespace+"/"+vm.Name)
	}
	if diff := cmp.Diff([]string{"team-a/a-vm", "team-b/a-b-vm"}, got); diff != "" {
		t.Errorf("machines (-want +got):\n%s", diff)
	}
	want := "error: Wukong team-a/a-b: spec.disks[1].name: the volume would be named a-b-c, as that of disk b-c of Wukong a is: give the disk another name (NameTaken)"
	if len(findings) != 1 || findings[0].String() != want {
		t.Errorf("want %s, got %v", want, findings)
	}
}
