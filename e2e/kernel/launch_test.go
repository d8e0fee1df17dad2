//go:build linux

package kernel

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/render"
)

// launch is one guest, with all that is rendered for it, as KubeVirt and Multus would start it.
type launch struct {
	seed Seed
	nics []GuestNIC
}

// launchOf reads the launch of the only machine of a plan.
func launchOf(t *testing.T, plan render.Output) launch {
	t.Helper()
	if len(plan.VirtualMachines) != 1 || len(plan.Secrets) != 1 {
		t.Fatalf("%d machines and %d Secrets are rendered", len(plan.VirtualMachines), len(plan.Secrets))
	}
	instance, secret := plan.VirtualMachines[0].Spec.Template.Spec, plan.Secrets[0]
	l := launch{seed: Seed{
		InstanceID: string(instance.Domain.Firmware.UUID), Hostname: plan.VirtualMachines[0].Name,
		UserData: secret.StringData[render.UserDataKey], NetworkData: secret.StringData[render.NetworkDataKey],
	}}
	for _, nic := range instance.Domain.Devices.Interfaces {
		l.nics = append(l.nics, GuestNIC{Bridge: bridgeOf(t, plan.NADs, instance.Networks, nic.Name), MAC: nic.MacAddress})
	}
	return l
}

// bridgeOf is the bridge that a network of a machine leads to, by its attachment.
func bridgeOf(t *testing.T, nads []nadv1.NetworkAttachmentDefinition, networks []kubevirtv1.Network, name string) string {
	t.Helper()
	network := slices.IndexFunc(networks, func(n kubevirtv1.Network) bool { return n.Name == name })
	if network < 0 || networks[network].Multus == nil {
		t.Fatalf("network %s is attached to nothing: %v", name, networks)
	}
	wanted := networks[network].Multus.NetworkName
	nad := slices.IndexFunc(nads, func(d nadv1.NetworkAttachmentDefinition) bool { return d.Namespace+"/"+d.Name == wanted })
	if nad < 0 {
		t.Fatalf("there is no NetworkAttachmentDefinition %s", wanted)
	}
	var config struct{ Bridge string }
	must(t, json.Unmarshal([]byte(nads[nad].Spec.Config), &config))
	return config.Bridge
}

// manifestsOf reads the manifests of a guest in testdata/guests.
func manifestsOf(t *testing.T, name string) render.Input {
	t.Helper()
	raw, err := os.ReadFile("testdata/guests/" + name + ".yaml")
	must(t, err)
	in, _ := inputOf(t, raw)
	return in
}

// planOf renders everything, which has to be without objection.
func planOf(t *testing.T, in render.Input) render.Output {
	t.Helper()
	out, findings := render.Plan(in)
	for _, f := range findings {
		if f.Severity == render.SeverityError {
			t.Fatal(f)
		}
	}
	return out
}
