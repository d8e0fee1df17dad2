//go:build linux

package guestboot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/render"
)

func rendered(t *testing.T) Objects {
	t.Helper()
	out, _ := render.Plan(manifests(t))
	if len(out.VirtualMachines) != 1 {
		t.Fatalf("%d machines", len(out.VirtualMachines))
	}
	return Objects{VirtualMachine: out.VirtualMachines[0], Attachments: out.NADs, Secrets: out.Secrets}
}

func TestAMachineIsLaunchedWithWhatItsObjectsReferTo(t *testing.T) {
	o := rendered(t)
	got, err := LaunchOf(o)
	must(t, err)
	want := Launch{Name: "web-vm", UUID: "a940ef56-7047-5ade-a05e-b03c13aebb6d", CPUs: 2, Memory: 1 << 30,
		NICs:     []NIC{{MAC: "02:23:d9:2f:d8:0a", Bridge: "br-blue"}, {MAC: "02:e0:e2:15:c2:ba", Bridge: "br-green"}},
		UserData: o.Secrets[0].StringData["userdata"], NetworkData: o.Secrets[0].StringData["networkdata"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAMachineIsNotLaunchedWithoutWhatItRefersTo(t *testing.T) {
	cases := map[string]struct {
		change func(o *Objects)
		want   string
	}{
		"no Secret":     {func(o *Objects) { o.Secrets = nil }, "no Secret web-net-"},
		"no document":   {func(o *Objects) { delete(o.Secrets[0].StringData, "networkdata") }, "with networkdata"},
		"no reference":  {func(o *Objects) { o.volume().CloudInitNoCloud.NetworkDataSecretRef = nil }, "no Secret for networkdata"},
		"no attachment": {func(o *Objects) { o.Attachments = nil }, "interface lan: there is no attachment team-a/wukong-blue"},
		"no network":    {func(o *Objects) { o.VirtualMachine.Spec.Template.Spec.Networks = nil }, "interface lan: no network"},
		"no identity":   {func(o *Objects) { o.VirtualMachine.Spec.Template.Spec.Domain.Firmware = nil }, "no firmware UUID"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := rendered(t)
			c.change(&o)
			if _, err := LaunchOf(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// volume is the one for cloud-init, which comes last.
func (o *Objects) volume() *kubevirtv1.Volume {
	volumes := o.VirtualMachine.Spec.Template.Spec.Volumes
	return &volumes[len(volumes)-1]
}
