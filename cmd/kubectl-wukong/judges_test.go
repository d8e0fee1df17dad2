package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/nmstate"
)

// samplesDir holds the manifests that users try first.
const samplesDir = "../../config/samples"

// sampleSets are command lines over the samples: all of them, each example of the seed alone, and those together.
func sampleSets(t *testing.T) map[string][]string {
	t.Helper()
	sets := map[string][]string{
		"samples":             {"-f", samplesDir},
		"examples together":   {"-f", filepath.Join(samplesDir, "seed"), "--uplink", "eth1"},
		"everything together": {"-R", "-f", samplesDir},
	}
	examples, err := filepath.Glob(filepath.Join(samplesDir, "seed", "*.yaml"))
	if err != nil || len(examples) != 3 {
		t.Fatalf("examples %q, %v: want three", examples, err)
	}
	for _, path := range examples {
		sets["example "+filepath.Base(path)] = []string{"-f", path, "--uplink", "eth1"}
	}
	return sets
}

// TestNmstateAcceptsEveryPolicyOfTheSamples asks the real nmstatectl.
func TestNmstateAcceptsEveryPolicyOfTheSamples(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	for name, args := range sampleSets(t) {
		t.Run(name, func(t *testing.T) {
			states := 0
			for _, object := range rendered(t, args) {
				if object.Kind != "NodeNetworkConfigurationPolicy" {
					continue
				}
				states++
				if err := judge.Validate(t.Context(), object.Spec.DesiredState, nodeWith(t, object.Spec.DesiredState)); err != nil {
					t.Error(err)
				}
			}
			if states == 0 {
				t.Error("no policy is rendered")
			}
		})
	}
}

// nodeWith is the state of a node that has, as NICs, every interface that a desired state uses and does not make.
func nodeWith(t *testing.T, desired []byte) []byte {
	t.Helper()
	state, err := nmstate.Parse(desired, nil)
	if err != nil {
		t.Fatal(err)
	}
	mtu := 1500
	node := nmstate.State{Interfaces: []nmstate.Interface{}}
	add := func(name string) {
		if _, there := node.Lookup(name); !there && !slices.Contains(names(state.Built()), name) {
			node.Interfaces = append(node.Interfaces, nmstate.Interface{Name: name, Type: nmstate.Ethernet, State: nmstate.Up, MTU: &mtu})
		}
	}
	for _, i := range state.Interfaces {
		add(i.Name)
		if i.VLAN != nil {
			add(i.VLAN.BaseIface)
		}
	}
	return node.Marshal()
}

func names(refs []nmstate.InterfaceRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Name)
	}
	return out
}

// TestNetplanAcceptsEveryNetworkOfTheSamples asks the real netplan generator about what is delivered and about -o netplan.
func TestNetplanAcceptsEveryNetworkOfTheSamples(t *testing.T) {
	judge := parts.NetplanForTest(t)
	for name, args := range sampleSets(t) {
		t.Run(name, func(t *testing.T) {
			var documents [][]byte
			for _, object := range rendered(t, args) {
				if data, ok := object.StringData["networkdata"]; ok {
					documents = append(documents, []byte(data))
				}
			}
			delivered := len(documents)
			_, netplan, _ := runWith(t, nil, append([]string{"render", "-o", "netplan"}, args...)...)
			documents = append(documents, bytes.Split([]byte(netplan), []byte("---\n"))...)
			if delivered == 0 || len(documents) != 2*delivered {
				t.Fatalf("%d documents in Secrets, %d in all: want one in a Secret for each that -o netplan prints", delivered, len(documents))
			}
			for _, document := range documents {
				if _, err := judge.Generate(t.Context(), document); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestSamplesAreListed holds the kustomization against the folder: a sample that is not listed is never applied.
func TestSamplesAreListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(samplesDir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(samplesDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if name := filepath.Base(path); name != "kustomization.yaml" && !slices.Contains(kustomization.Resources, name) {
			t.Errorf("%s is not in kustomization.yaml", name)
		}
	}
	if len(files) != len(kustomization.Resources)+1 {
		t.Errorf("%d files, %d resources", len(files)-1, len(kustomization.Resources))
	}
}

// TestSamplesUseDocumentationAddresses keeps addresses of real networks out of what people copy. The seed's own examples
// are as they were written.
func TestSamplesUseDocumentationAddresses(t *testing.T) {
	err := filepath.WalkDir(samplesDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(path, "seed") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, address := range addressLike.FindAllString(string(text), -1) {
			if !documentation.MatchString(address) {
				t.Errorf("%s has %s", path, address)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type manifest struct {
	Kind string `json:"kind"`
	Spec struct {
		DesiredState jsonText `json:"desiredState"`
	} `json:"spec"`
	StringData map[string]string `json:"stringData"`
}

// jsonText keeps a part of a manifest as it is.
type jsonText []byte

func (j *jsonText) UnmarshalJSON(text []byte) error {
	*j = bytes.Clone(text)
	return nil
}

// rendered gives the objects that a command line prints.
func rendered(t *testing.T, args []string) []manifest {
	t.Helper()
	code, out, stderr := runWith(t, nil, append([]string{"render"}, args...)...)
	if code == exitUsage {
		t.Fatal(stderr)
	}
	var objects []manifest
	for _, text := range strings.Split(out, "\n---\n") {
		var object manifest
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}
