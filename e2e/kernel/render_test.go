//go:build linux

package kernel

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// shapeOf returns the policy of a file in testdata/shapes: what is rendered for its manifests, or, where nothing is rendered
// for them or there are none, the document with a desired state.
func shapeOf(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "shapes", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	in, written := inputOf(t, raw)
	out, findings := render.Plan(in)
	switch {
	case len(out.Policies) == 1:
		return policyOf(t, out.Policies[0])
	case written == nil:
		t.Fatalf("%s: %d policies are rendered, and there is no desired state: %v", name, len(out.Policies), findings)
	default:
		t.Logf("%s: nothing is rendered, so the state in the file is tried: %v", name, findings)
	}
	return written
}

// policyOf is a policy as nmstatectl reads it.
func policyOf(t *testing.T, p nmstate.Policy) []byte {
	t.Helper()
	policy := map[string]any{"desiredState": json.RawMessage(p.Spec.DesiredState.Raw)}
	if len(p.Spec.Capture) > 0 { // nmstatectl reads no capture that is null
		policy["capture"] = p.Spec.Capture
	}
	encoded, err := json.Marshal(policy)
	must(t, err)
	return encoded
}

// inputOf sorts manifests by kind. A document of another kind is given back as it is written.
func inputOf(t *testing.T, manifests []byte) (in render.Input, other []byte) {
	t.Helper()
	for document := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
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
			other = document
		}
	}
	return in, other
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
