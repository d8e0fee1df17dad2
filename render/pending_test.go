package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// started is the instance that KubeVirt makes of a machine, with some of what KubeVirt fills in.
func started(vm *kubevirtv1.VirtualMachine) *kubevirtv1.VirtualMachineInstance {
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: *vm.Spec.Template.ObjectMeta.DeepCopy(), Spec: *vm.Spec.Template.Spec.DeepCopy()}
	vmi.Spec.Domain.CPU.Sockets, vmi.Spec.Domain.CPU.Threads = 1, 1
	vmi.Spec.Domain.Machine = &kubevirtv1.Machine{Type: "q35"}
	vmi.Spec.Domain.Devices.Interfaces[0].Model = "virtio"
	return vmi
}

func TestWhatARestartWouldChangeIsSaidLineByLine(t *testing.T) {
	second := func(w *v1alpha1.Wukong) {
		w.Spec.Networks = append(w.Spec.Networks, static("dmz", "198.51.100.10/24", ""))
	}
	readdress := ip(func(c *v1alpha1.IPConfig) { c.Address = new(v1alpha1.CIDR("192.0.2.20/24")) })
	cases := map[string]struct {
		before, after func(*v1alpha1.Wukong)
		meanwhile     func(*kubevirtv1.VirtualMachineInstance)
		want          []string
	}{
		"nothing":                {},
		"another address":        {after: readdress, want: []string{"network lan: address 192.0.2.10/24 -> 192.0.2.20/24"}},
		"another gateway":        {after: gateway("192.0.2.3"), want: []string{"network lan: gateway 192.0.2.1 -> 192.0.2.3"}},
		"another user":           {after: func(w *v1alpha1.Wukong) { w.Spec.CloudInitUser.PasswordHash = "$6$y" }, want: []string{"user data changed"}},
		"other keys":             {after: func(w *v1alpha1.Wukong) { w.Spec.SSHKeySecret = "others" }, want: []string{"SSH keys: Secret keys -> others"}},
		"more CPUs and memory":   {after: func(w *v1alpha1.Wukong) { w.Spec.CPU, w.Spec.Memory = 4, "4Gi" }, want: []string{"cpu 2 -> 4", "memory 2Gi -> 4Gi"}},
		"the spelling of memory": {after: func(w *v1alpha1.Wukong) { w.Spec.Memory = "2048Mi" }},
		"an MTU and a MAC address": {after: network(func(n *v1alpha1.WukongNetwork) {
			n.MTU, n.MACAddress = number(1400), new(v1alpha1.MACAddress("02:00:00:00:00:AA"))
		}),
			want: []string{"network lan: MAC address 02:23:d9:2f:d8:0a -> 02:00:00:00:00:aa", "network lan: MTU none -> 1400"}},
		"names and routes": {after: ip(func(c *v1alpha1.IPConfig) {
			c.DNSServers, c.SearchDomains, c.Routes = []v1alpha1.Address{"192.0.2.53"}, []v1alpha1.DomainName{"example.com"}, nil
		}), want: []string{"network lan: DNS servers none -> 192.0.2.53", "network lan: search domains none -> example.com", "network lan: route 10.0.0.0/8 via 192.0.2.2 removed"}},
		"source routing": {after: ip(func(c *v1alpha1.IPConfig) { c.SourceRouting = true }), want: []string{"network lan: source routing false -> true"}},
		"DHCP": {after: network(func(n *v1alpha1.WukongNetwork) { n.IPConfig = nil }), want: []string{"network lan: addressing static -> dhcp",
			"network lan: address 192.0.2.10/24 removed", "network lan: gateway 192.0.2.1 removed", "network lan: route 10.0.0.0/8 via 192.0.2.2 removed"}},
		"a second address": {after: ip(func(c *v1alpha1.IPConfig) {
			c.AdditionalAddresses = []v1alpha1.AdditionalAddress{{Address: new(v1alpha1.CIDR("2001:db8::10/64"))}}
		}), want: []string{"network lan: address 2001:db8::10/64 added"}},
		"a new network": {after: second, want: []string{"network dmz: added on attachment team-a/wukong-lan; KubeVirt may plug it in while the machine runs, " +
			"but the guest gets no network configuration for it until it is restarted"}},
		"a new network that KubeVirt has plugged in": {after: second, meanwhile: func(vmi *kubevirtv1.VirtualMachineInstance) {
			vmi.Spec.Domain.Devices.Interfaces = append(vmi.Spec.Domain.Devices.Interfaces, kubevirtv1.Interface{Name: "dmz", MacAddress: "02:d0:6d:15:f7:19"})
			vmi.Spec.Networks = append(vmi.Spec.Networks, kubevirtv1.Network{Name: "dmz", NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: "team-a/wukong-lan"}}})
		}, want: []string{"network dmz: plugged in while the machine runs; the guest gets no network configuration for it until it is restarted"}},
		"a network less": {before: second, want: []string{"network dmz: removed; the machine keeps the interface until it is restarted"}},
		"a network on another attachment": {meanwhile: func(vmi *kubevirtv1.VirtualMachineInstance) {
			vmi.Spec.Networks[0].Multus.NetworkName = "team-a/wukong-old"
		},
			want: []string{"network lan: attachment team-a/wukong-old -> team-a/wukong-lan"}},
		"other disks": {after: func(w *v1alpha1.Wukong) {
			w.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "10Gi"}, {Name: "data", Size: "1Gi"}}
		},
			meanwhile: func(vmi *kubevirtv1.VirtualMachineInstance) {
				vmi.Spec.Domain.Devices.Disks = append(vmi.Spec.Domain.Devices.Disks, kubevirtv1.Disk{Name: "old"})
			}, want: []string{"disk root: boot order 1 -> none", "disk data: added", "disk old: removed"}},
		"a disk that was plugged in is no difference": {meanwhile: func(vmi *kubevirtv1.VirtualMachineInstance) {
			vmi.Spec.Domain.Devices.Disks = append(vmi.Spec.Domain.Devices.Disks, kubevirtv1.Disk{Name: "extra"})
			vmi.Spec.Volumes = append(vmi.Spec.Volumes, kubevirtv1.Volume{Name: "extra", VolumeSource: kubevirtv1.VolumeSource{DataVolume: &kubevirtv1.DataVolumeSource{Name: "extra", Hotpluggable: true}}})
		}},
		"GPUs": {before: func(w *v1alpha1.Wukong) {
			w.Spec.GPUs = []v1alpha1.GPU{{Name: "a", DeviceName: "x.com/a"}, {Name: "b", DeviceName: "x.com/b"}}
		},
			after: func(w *v1alpha1.Wukong) { w.Spec.GPUs = []v1alpha1.GPU{{Name: "a", DeviceName: "x.com/c"}} }, want: []string{"GPU a: x.com/a -> x.com/c", "GPU b: x.com/b -> none"}},
		"an instance of an earlier version has no record": {after: readdress, meanwhile: func(vmi *kubevirtv1.VirtualMachineInstance) { vmi.Annotations = nil },
			want: []string{"network and user data: Secret web-net-cekgje4vme -> web-net-66ufupsnfp"}},
		"a record that somebody carried over to the instance is not believed": {after: readdress, meanwhile: func(vmi *kubevirtv1.VirtualMachineInstance) {
			vmi.Annotations[v1alpha1.GuestNetworkAnnotation] = strings.ReplaceAll(vmi.Annotations[v1alpha1.GuestNetworkAnnotation], "cekgje4vme", "66ufupsnfp")
		}, want: []string{"network and user data: Secret web-net-cekgje4vme -> web-net-66ufupsnfp"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			none := func(*v1alpha1.Wukong) {}
			if c.before == nil {
				c.before = none
			}
			if c.after == nil {
				c.after = none
			}
			vmi := started(objects(t, wukong(both(full, c.before)), render.Options{}).VirtualMachine)
			if c.meanwhile != nil {
				c.meanwhile(vmi)
			}
			next := objects(t, wukong(both(full, c.after)), render.Options{}).VirtualMachine
			if diff := cmp.Diff(c.want, render.Pending(next.Spec.Template, vmi)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTheRecordOfWhatAGuestIsToldIsReadBackAndHasNoSecret(t *testing.T) {
	out := objects(t, wukong(both(full, func(w *v1alpha1.Wukong) { w.Spec.CloudInitUser.Password = "hunter2" })), render.Options{})
	template := out.VirtualMachine.Spec.Template
	record, ok := render.ReadGuestNetwork(template.ObjectMeta.Annotations, template.Spec.Volumes)
	if !ok || record.Secret != out.Secret.Name {
		t.Fatalf("no record of Secret %s: %+v", out.Secret.Name, record)
	}
	if diff := cmp.Diff(fmt.Sprint(render.AskedOf(out.Delivered)), fmt.Sprint(record.Asked())); diff != "" {
		t.Errorf("(-delivered +recorded)\n%s", diff)
	}
	text := template.ObjectMeta.Annotations[v1alpha1.GuestNetworkAnnotation]
	for _, secret := range []string{"hunter2", "$6$", "ops", "keys"} {
		if strings.Contains(text, secret) {
			t.Errorf("the record has %q: %s", secret, text)
		}
	}
}

func TestARecordThatIsTooLargeIsNotKeptAndManyDifferencesAreCounted(t *testing.T) {
	routes := func(n int) func(*v1alpha1.Wukong) {
		return both(full, func(w *v1alpha1.Wukong) {
			w.Spec.Networks = nil
			for i := range 16 {
				net := static(fmt.Sprintf("lan%d", i), v1alpha1.CIDR(fmt.Sprintf("192.0.%d.10/24", i)), "")
				for r := range n {
					net.IPConfig.Routes = append(net.IPConfig.Routes, v1alpha1.Route{To: v1alpha1.Subnet(fmt.Sprintf("10.%d.%d.0/24", i, r)), Via: v1alpha1.Address(fmt.Sprintf("192.0.%d.1", i))})
				}
				w.Spec.Networks = append(w.Spec.Networks, net)
			}
		})
	}
	few, many := objects(t, wukong(routes(4)), render.Options{}).VirtualMachine, objects(t, wukong(routes(64)), render.Options{}).VirtualMachine
	if many.Spec.Template.ObjectMeta.Annotations != nil || few.Spec.Template.ObjectMeta.Annotations == nil {
		t.Error("the bound of records")
	}
	lines := render.Pending(objects(t, wukong(routes(0)), render.Options{}).VirtualMachine.Spec.Template, started(few))
	if len(lines) != render.MaxPending || lines[render.MaxPending-1] != "33 more differences" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestWhatIsNoRecordIsNone(t *testing.T) {
	template := objects(t, wukong(full), render.Options{}).VirtualMachine.Spec.Template
	for name, text := range map[string]string{"nothing": "", "no JSON": "{", "another kind": `{"networks":[{"addresses":"x"}]}`, "too much": strings.Repeat(" ", 1<<20), "no Secret": "{}"} {
		if _, ok := render.ReadGuestNetwork(map[string]string{v1alpha1.GuestNetworkAnnotation: text}, template.Spec.Volumes); ok {
			t.Errorf("%s is taken for a record", name)
		}
	}
	if lines := render.Pending(nil, nil); lines != nil {
		t.Errorf("%v", lines)
	}
	vmi := &kubevirtv1.VirtualMachineInstance{}
	vmi.Spec.Domain.Memory = &kubevirtv1.Memory{Guest: new(resource.MustParse("1Gi"))}
	if lines := render.Pending(&kubevirtv1.VirtualMachineInstanceTemplateSpec{}, vmi); lines != nil {
		t.Errorf("%v", lines)
	}
}
