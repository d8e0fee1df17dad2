//go:build linux

package guestboot

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// plan is what is rendered for testdata/manifests.yaml.
type plan struct {
	// policies are the revisions of the hosts, as nmstatectl reads policies.
	policies [][]byte
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
	findings = slices.DeleteFunc(findings, func(f render.Finding) bool { return f.Severity == render.SeverityNote })
	if len(findings) > 0 || len(out.VirtualMachines) != 1 || len(out.Secrets) != 1 {
		t.Fatalf("%d machines and %d Secrets are rendered: %v", len(out.VirtualMachines), len(out.Secrets), findings)
	}
	p := plan{secret: out.Secrets[0].Name}
	for _, policy := range out.Policies {
		encoded, err := json.Marshal(map[string]any{"desiredState": json.RawMessage(policy.Spec.DesiredState.Raw)})
		must(t, err)
		p.policies = append(p.policies, encoded)
	}
	var err error
	p.launch, err = LaunchOf(Objects{VirtualMachine: out.VirtualMachines[0], Attachments: out.NADs, Secrets: out.Secrets})
	must(t, err)
	return p
}

func manifests(t *testing.T) render.Input {
	t.Helper()
	raw, err := os.ReadFile("testdata/manifests.yaml")
	must(t, err)
	var in render.Input
	for document := range bytes.SplitSeq(raw, []byte("\n---\n")) {
		var head struct {
			Kind string `json:"kind"`
		}
		must(t, yaml.Unmarshal(document, &head))
		switch head.Kind {
		case "HostUplink":
			in.HostUplinks = append(in.HostUplinks, v1alpha1.HostUplink{})
			must(t, yaml.UnmarshalStrict(document, &in.HostUplinks[len(in.HostUplinks)-1]))
		case "HostNetwork":
			in.HostNetworks = append(in.HostNetworks, v1alpha1.HostNetwork{})
			must(t, yaml.UnmarshalStrict(document, &in.HostNetworks[len(in.HostNetworks)-1]))
		case "Wukong":
			in.Wukongs = append(in.Wukongs, v1alpha1.Wukong{})
			must(t, yaml.UnmarshalStrict(document, &in.Wukongs[len(in.Wukongs)-1]))
		default:
			t.Fatalf("testdata/manifests.yaml has a %q", head.Kind)
		}
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
	if diff := cmp.Diff(before.policies, after.policies); diff != "" {
		t.Errorf("the hosts changed (-before +after):\n%s", diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
