//go:build linux

package guestboot

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// plan is what is rendered for testdata/manifests.yaml.
type plan struct {
	// policy is the revision of the hosts, as nmstatectl reads policies.
	policy []byte
	// secret is the name of the guest's Secret.
	secret string
	launch Launch
}

// planFor renders the manifests with another address for the Wukong, by the functions that the controller renders with.
func planFor(t *testing.T, address netip.Prefix) plan {
	t.Helper()
	in := manifests(t)
	cidr := v1alpha1.CIDR(address.String())
	in.Wukongs[0].Spec.Networks[0].IPConfig.Address = &cidr
	out, findings := render.Plan(in)
	if len(findings) > 0 || len(out.Policies) != 1 || len(out.VirtualMachines) != 1 || len(out.Secrets) != 1 {
		t.Fatalf("%d policies, %d machines and %d Secrets are rendered: %v",
			len(out.Policies), len(out.VirtualMachines), len(out.Secrets), findings)
	}
	policy, err := json.Marshal(map[string]any{"desiredState": json.RawMessage(out.Policies[0].Spec.DesiredState.Raw)})
	must(t, err)
	launch, err := LaunchOf(Objects{VirtualMachine: out.VirtualMachines[0], Attachments: out.NADs, Secrets: out.Secrets})
	must(t, err)
	return plan{policy: policy, secret: out.Secrets[0].Name, launch: launch}
}

func manifests(t *testing.T) render.Input {
	t.Helper()
	raw, err := os.ReadFile("testdata/manifests.yaml")
	must(t, err)
	in := render.Input{HostUplinks: make([]v1alpha1.HostUplink, 1), HostNetworks: make([]v1alpha1.HostNetwork, 1),
		Wukongs: make([]v1alpha1.Wukong, 1)}
	into := []any{&in.HostUplinks[0], &in.HostNetworks[0], &in.Wukongs[0]}
	documents := bytes.Split(raw, []byte("\n---\n"))
	if len(documents) != len(into) {
		t.Fatalf("testdata/manifests.yaml has %d documents, want %d", len(documents), len(into))
	}
	for i, document := range documents {
		must(t, yaml.UnmarshalStrict(document, into[i]))
	}
	return in
}

// TestAChangedAddressIsAnotherDocumentForTheSameInstance holds for everything that is booted here.
func TestAChangedAddressIsAnotherDocumentForTheSameInstance(t *testing.T) {
	before, after := planFor(t, firstAddress), planFor(t, changedAddress)
	if before.launch.NetworkData == after.launch.NetworkData || before.secret == after.secret {
		t.Errorf("the same document: Secret %s\n%s", after.secret, after.launch.NetworkData)
	}
	after.launch.NetworkData = before.launch.NetworkData
	if diff := cmp.Diff(before.launch, after.launch); diff != "" {
		t.Errorf("more than the document changed (-before +after):\n%s", diff)
	}
	if !bytes.Equal(before.policy, after.policy) {
		t.Errorf("the hosts change:\n%s\n%s", before.policy, after.policy)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
