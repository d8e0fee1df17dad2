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
	var in render.Input
	var written []byte
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
		default:
			written = document
		}
	}
	out, findings := render.Plan(in)
	switch {
	case len(out.Policies) == 1:
		spec := out.Policies[0].Spec
		policy := map[string]any{"desiredState": json.RawMessage(spec.DesiredState.Raw)}
		if len(spec.Capture) > 0 { // nmstatectl reads no capture that is null
			policy["capture"] = spec.Capture
		}
		encoded, err := json.Marshal(policy)
		must(t, err)
		return encoded
	case written == nil:
		t.Fatalf("%s: %d policies are rendered, and there is no desired state: %v", name, len(out.Policies), findings)
	default:
		t.Logf("%s: nothing is rendered, so the state in the file is tried: %v", name, findings)
	}
	return written
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
