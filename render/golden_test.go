package render_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// TestGolden renders every folder of testdata. in.yaml is what a user could apply; a file named stand-in holds the NIC of a
// stand-in uplink.
func TestGolden(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := files(t, plan(t, dir))
			if *update {
				write(t, dir, got)
			}
			if diff := cmp.Diff(read(t, dir), got); diff != "" {
				t.Errorf("%s (-want +got), -update writes it:\n%s", dir, diff)
			}
		})
	}
}

// TestGoldenDoesNotDependOnTheOrderOfTheInput renders the objects of each folder backwards.
func TestGoldenDoesNotDependOnTheOrderOfTheInput(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			in := input(t, dir)
			slices.Reverse(in.Wukongs)
			slices.Reverse(in.HostUplinks)
			slices.Reverse(in.HostNetworks)
			slices.Reverse(in.AddressPools)
			slices.Reverse(in.AddressReservations)
			slices.Reverse(in.Services)
			slices.Reverse(in.NodeStates)
			slices.Reverse(in.Nodes)
			out, findings := render.Plan(in)
			if diff := cmp.Diff(files(t, plan(t, dir)), files(t, result{out, findings})); diff != "" {
				t.Errorf("reversed input (-forwards +backwards):\n%s", diff)
			}
		})
	}
}

// TestNmstateAcceptsEveryRenderedState asks the real nmstatectl.
func TestNmstateAcceptsEveryRenderedState(t *testing.T) {
	judge := parts.NmstatectlForTest(t)
	for _, dir := range cases(t) {
		for _, p := range plan(t, dir).Policies {
			t.Run(filepath.Base(dir)+"/"+p.Name, func(t *testing.T) {
				if _, err := judge.Format(t.Context(), p.Spec.DesiredState.Raw); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestNetplanAcceptsEveryRenderedDocument asks the real netplan generator, which must not even warn.
func TestNetplanAcceptsEveryRenderedDocument(t *testing.T) {
	judge := parts.NetplanForTest(t)
	for _, dir := range cases(t) {
		out := plan(t, dir).Output
		for _, s := range out.Secrets {
			if s.StringData[render.NetworkDataKey] == "" {
				continue
			}
			t.Run(filepath.Base(dir)+"/"+s.Name, func(t *testing.T) {
				if _, err := judge.Generate(t.Context(), []byte(s.StringData[render.NetworkDataKey])); err != nil {
					t.Error(err)
				}
			})
		}
		for _, n := range out.Netplans {
			t.Run(filepath.Base(dir)+"/netplan/"+n.Wukong, func(t *testing.T) {
				if _, err := judge.Generate(t.Context(), []byte(n.Text)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestManifestsAreOneStreamInStableOrder holds the stream against the golden files, which have one kind each.
func TestManifestsAreOneStreamInStableOrder(t *testing.T) {
	for _, dir := range cases(t) {
		r := plan(t, dir)
		text, err := r.Manifests()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		single := files(t, r)
		for _, name := range []string{"policies.yaml", "nads.yaml", "secrets.yaml", "vms.yaml"} {
			if single[name] != "" {
				want = append(want, single[name])
			}
		}
		if diff := cmp.Diff(strings.Join(want, "---\n"), string(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
}

func cases(t *testing.T) []string {
	t.Helper()
	inputs, err := filepath.Glob("testdata/*/in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	var out []string
	for _, in := range inputs {
		out = append(out, filepath.Dir(in))
	}
	return out
}

type result struct {
	render.Output
	findings []render.Finding
}

func plan(t *testing.T, dir string) result {
	t.Helper()
	out, findings := render.Plan(input(t, dir))
	return result{out, findings}
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

func input(t *testing.T, dir string) render.Input {
	t.Helper()
	var in render.Input
	text, err := os.ReadFile(filepath.Join(dir, "in.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range separator.Split(string(text), -1) {
		if strings.TrimSpace(doc) != "" {
			add(t, &in, []byte(doc))
		}
	}
	if nic, err := os.ReadFile(filepath.Join(dir, "stand-in")); err == nil {
		uplink, networks := render.StandIn(strings.TrimSpace(string(nic)))
		in.HostUplinks, in.HostNetworks = append(in.HostUplinks, uplink), append(in.HostNetworks, networks...)
	}
	return in
}

func add(t *testing.T, in *render.Input, doc []byte) {
	t.Helper()
	var head struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(doc, &head); err != nil {
		t.Fatal(err)
	}
	switch head.Kind {
	case "Wukong":
		in.Wukongs = append(in.Wukongs, decode[v1alpha1.Wukong](t, doc))
	case "HostUplink":
		in.HostUplinks = append(in.HostUplinks, decode[v1alpha1.HostUplink](t, doc))
	case "HostNetwork":
		in.HostNetworks = append(in.HostNetworks, decode[v1alpha1.HostNetwork](t, doc))
	case "AddressPool":
		in.AddressPools = append(in.AddressPools, decode[v1alpha1.AddressPool](t, doc))
	case "AddressReservation":
		in.AddressReservations = append(in.AddressReservations, decode[v1alpha1.AddressReservation](t, doc))
	case "Service":
		in.Services = append(in.Services, decode[corev1.Service](t, doc))
	case "Namespace":
		in.Namespaces = append(in.Namespaces, decode[corev1.Namespace](t, doc))
	case "Node":
		in.Nodes = append(in.Nodes, decode[corev1.Node](t, doc))
	case "NodeNetworkState":
		in.NodeStates = append(in.NodeStates, decode[nmstate.NodeNetworkState](t, doc))
	default:
		t.Fatalf("kind %q is not known here", head.Kind)
	}
}

func decode[T any](t *testing.T, doc []byte) T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict(doc, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// files gives the golden files of a result by name; empty ones do not exist.
func files(t *testing.T, r result) map[string]string {
	t.Helper()
	out := map[string]string{}
	put := func(name, text string) {
		if text != "" {
			out[name] = text
		}
	}
	put("policies.yaml", stream(t, r.Policies))
	put("nads.yaml", stream(t, r.NADs))
	put("secrets.yaml", stream(t, r.Secrets))
	put("vms.yaml", stream(t, r.VirtualMachines))
	for _, n := range r.Netplans {
		put(filepath.Join("netplan", n.Namespace+"."+n.Wukong+".yaml"), n.Text)
	}
	var findings, leases strings.Builder
	for _, f := range r.findings {
		fmt.Fprintln(&findings, f)
	}
	for _, l := range r.Leases {
		fmt.Fprintf(&leases, "%s %s %s/%s %s", l.Name, l.Address, l.Namespace, l.Wukong, l.Network)
		if l.Pool != "" {
			fmt.Fprintf(&leases, " from %s", l.Pool)
		}
		fmt.Fprintln(&leases)
	}
	put("findings.txt", findings.String())
	put("leases.txt", leases.String())
	return out
}

func stream[T any](t *testing.T, objects []T) string {
	t.Helper()
	var out bytes.Buffer
	for i := range objects {
		text, err := render.Manifest(&objects[i])
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.String()
}

// goldenNames are the files that a test writes; everything else in a folder is input.
func goldenNames(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"policies.yaml", "nads.yaml", "secrets.yaml", "vms.yaml", "findings.txt", "leases.txt", "netplan/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, path := range goldenNames(t, dir) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	return out
}

func write(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	for _, path := range goldenNames(t, dir) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range got {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
