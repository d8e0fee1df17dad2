package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/guests"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/render"
)

const (
	guestPage        = "../../docs/guests.md"
	guestCommandPage = "../../docs/guests-commands.md"
	guestCluster     = "testdata/guests/cluster.yaml"
)

// guestExample matches a command of a page about guests, and what it prints.
var guestExample = regexp.MustCompile("(?ms)^```((?:console(?: exit=1)?)?)\n\\$ kubectl wukong (guest [^\n]*)\n(.*?)^```$")

// TestTheGuestPageShowsWhatIsRendered runs the commands of the page on its manifests. -update writes what they print.
func TestTheGuestPageShowsWhatIsRendered(t *testing.T) {
	dir := t.TempDir()
	for _, file := range namedFile.FindAllStringSubmatch(read(t, guestPage), -1) {
		if err := os.WriteFile(filepath.Join(dir, file[1]), []byte(file[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holdExamples(t, guestPage, func(args []string) []string {
		for i, arg := range args {
			if strings.HasSuffix(arg, ".yaml") {
				args[i] = filepath.Join(dir, arg)
			}
		}
		return args
	})
}

// TestTheExamplesAboutGuestsAreWhatTheCommandsPrint runs them on the namespace of the scripts. -update writes them anew.
func TestTheExamplesAboutGuestsAreWhatTheCommandsPrint(t *testing.T) {
	holdExamples(t, guestCommandPage, func(args []string) []string { return append(args, "-f", guestCluster) })
}

// holdExamples compares every example of a page with what its command prints. on completes a command line by what it reads.
func holdExamples(t *testing.T, page string, on func([]string) []string) {
	t.Helper()
	count := 0
	now := guestExample.ReplaceAllStringFunc(read(t, page), func(example string) string {
		count++
		parts := guestExample.FindStringSubmatch(example)
		_, out, stderr := runWith(t, nil, on(strings.Fields(parts[2]))...)
		if stderr != "" {
			t.Errorf("kubectl wukong %s: %s", parts[2], stderr)
		}
		if out != parts[3] && !*update {
			t.Errorf("kubectl wukong %s prints\n%s\nand %s has\n%s", parts[2], out, page, parts[3])
		}
		return fmt.Sprintf("```%s\n$ kubectl wukong %s\n%s```", parts[1], parts[2], out)
	})
	if count < 5 {
		t.Errorf("%s: %d examples were found", page, count)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNetplanAcceptsWhatTheGuestPageShows asks the real netplan generator.
func TestNetplanAcceptsWhatTheGuestPageShows(t *testing.T) {
	judge := parts.NetplanForTest(t)
	count := 0
	for _, example := range guestExample.FindAllStringSubmatch(read(t, guestPage), -1) {
		if !strings.HasSuffix(example[2], "--netplan") {
			continue
		}
		count++
		if _, err := judge.Generate(t.Context(), []byte(example[3])); err != nil {
			t.Errorf("%s: %v", example[2], err)
		}
	}
	if count < 5 {
		t.Errorf("%d documents were found", count)
	}
}

func TestWhatVerifyTellsToReadExists(t *testing.T) {
	all := pages(t)
	for _, place := range guests.Places() {
		path, anchor, found := strings.Cut(place, "#")
		page, exists := all["../../"+path]
		if !exists || found && !slices.Contains(anchors(page), "#"+anchor) {
			t.Errorf("%s does not exist", place)
		}
	}
}

// TestTheMachineOfSomebodyElseOnTheGuestPageIsServed reads the manifests of the page as KubeVirt and the renderer do.
func TestTheMachineOfSomebodyElseOnTheGuestPageIsServed(t *testing.T) {
	files := map[string]string{}
	for _, file := range namedFile.FindAllStringSubmatch(read(t, guestPage), -1) {
		files[file[1]] = file[2]
	}
	var w v1alpha1.Wukong
	var vm kubevirtv1.VirtualMachine
	for name, into := range map[string]any{"erp.yaml": &w, "erp-vm.yaml": &vm} {
		if err := yaml.UnmarshalStrict([]byte(files[name]), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if w.Spec.VirtualMachineName != vm.Name || w.Namespace != vm.Namespace {
		t.Errorf("the Wukong names %s/%s, and the machine is %s/%s", w.Namespace, w.Spec.VirtualMachineName, vm.Namespace, vm.Name)
	}
	spec := vm.Spec.Template.Spec
	secret := &corev1.LocalObjectReference{Name: render.StableSecretName(w.Name)}
	told := &kubevirtv1.CloudInitNoCloudSource{NetworkDataSecretRef: secret, UserDataSecretRef: secret}
	if diff := cmp.Diff(told, spec.Volumes[len(spec.Volumes)-1].CloudInitNoCloud); diff != "" {
		t.Errorf("what the machine is told (-want +got):\n%s", diff)
	}
	nic, network := spec.Domain.Devices.Interfaces[0], spec.Networks[0]
	if nic.Name != w.Spec.Networks[0].Name || network.Name != nic.Name || nic.MacAddress == "" || network.Multus.NetworkName != render.NADName("lab") {
		t.Errorf("interface %+v, network %+v", nic, network)
	}
	needs := spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions[0]
	if needs.Key != v1alpha1.NetworkLabelPrefix+"lab" {
		t.Errorf("the machine requires %s", needs.Key)
	}
	var disks, volumes []string
	for _, d := range spec.Domain.Devices.Disks {
		disks = append(disks, d.Name)
	}
	for _, v := range spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	if !slices.Equal(disks, volumes) {
		t.Errorf("disks %q, volumes %q", disks, volumes)
	}
}
