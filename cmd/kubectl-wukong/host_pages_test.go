package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/nmstatectl"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

var (
	// namedFile matches a manifest of a page that carries the name under which commands of the page read it.
	namedFile = regexp.MustCompile("(?ms)^```yaml ([-a-z0-9]+\\.yaml)\n(.*?)^```$")
	// printed matches a command of a page and what it prints, of which the notes before may be left out.
	printed = regexp.MustCompile("(?ms)^```(console(?: exit=1)?)\n\\$ kubectl wukong ((?:render|host plan) [^\n]*)\n(…\n)?(.*?)^```$")
	// moving matches the policy through which the node of a page passes.
	moving = regexp.MustCompile("(?ms)^that revision is\n\n```\n(.*?)^```$")
)

// TestThePagesAboutKindsOfNetworksShowWhatIsRendered runs the commands of each page on the manifests of the page. -update writes
// what they print.
func TestThePagesAboutKindsOfNetworksShowWhatIsRendered(t *testing.T) {
	t.Setenv(nmstatectl.PathVariable, nmstatectl.Without)
	paths, err := filepath.Glob("../../docs/host-*.md")
	if err != nil || len(paths) < 10 {
		t.Fatalf("pages %q, %v: want one for each kind", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			now, policies := pageNow(t, string(text))
			if policies == 0 {
				t.Error("shows no policy")
			}
			if *update && !t.Failed() {
				if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// pageNow gives the page with what its commands print today, and how many policies they print.
func pageNow(t *testing.T, page string) (now string, policies int) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range namedFile.FindAllStringSubmatch(page, -1) {
		if err := os.WriteFile(filepath.Join(dir, file[1]), []byte(file[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now = printed.ReplaceAllStringFunc(page, func(example string) string {
		parts := printed.FindStringSubmatch(example)
		out := outputIn(t, dir, parts[2])
		policies += strings.Count(out, "kind: NodeNetworkConfigurationPolicy\n")
		if out != parts[4] && !*update {
			t.Errorf("kubectl wukong %s prints\n%s\nand the page has\n%s", parts[2], out, parts[4])
		}
		return fmt.Sprintf("```%s\n$ kubectl wukong %s\n%s%s```", parts[1], parts[2], parts[3], out)
	})
	now = moving.ReplaceAllStringFunc(now, func(example string) string {
		policies++
		out := passageOf(t, filepath.Join(dir, "lab.yaml"), filepath.Join(dir, "node.yaml"))
		if has := moving.FindStringSubmatch(example)[1]; out != has && !*update {
			t.Errorf("the node passes through\n%s\nand the page has\n%s", out, has)
		}
		return "that revision is\n\n```\n" + out + "```"
	})
	return now, policies
}

// passageOf gives the policy through which a node passes to the networks that a file declares.
func passageOf(t *testing.T, declared, node string) string {
	t.Helper()
	var uplink v1alpha1.HostUplink
	var network v1alpha1.HostNetwork
	var report struct {
		Status struct{ CurrentState jsonText }
	}
	text := read(t, declared)
	first, second, _ := strings.Cut(text, "---\n")
	for document, into := range map[string]any{first: &uplink, second: &network, read(t, node): &report} {
		if err := yaml.Unmarshal([]byte(document), into); err != nil {
			t.Fatal(err)
		}
	}
	catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink}, []v1alpha1.HostNetwork{network})
	target, err := catalog.Revision(&uplink, sets.New(network.Name))
	if err != nil {
		t.Fatal(err)
	}
	passage, needed := render.PassageRevision(uplink.Name, target, nmstate.Passage{Node: nmstate.ParseNodeState(report.Status.CurrentState)})
	if !needed {
		t.Fatal("the node needs no passage")
	}
	out, err := render.Manifest(passage.Policy(&uplink))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// outputIn runs a command with its files in a folder. What goes to /dev/null leaves the findings; of what render prints, a page
// shows the policies and attachments.
func outputIn(t *testing.T, dir, command string) string {
	t.Helper()
	args := strings.Fields(command)
	findings := slices.Contains(args, ">")
	if findings {
		args = args[:slices.Index(args, ">")]
	}
	for i, arg := range args {
		if strings.HasSuffix(arg, ".yaml") {
			args[i] = filepath.Join(dir, arg)
		}
	}
	_, out, stderr := runWith(t, nil, args...)
	switch {
	case findings:
		return strings.ReplaceAll(stderr, dir+string(filepath.Separator), "")
	case args[0] != "render" || slices.Contains(args, "-o"):
		return out
	}
	return ofHosts(t, out)
}

// ofHosts leaves policies and attachments of a stream, and marks that something is left out.
func ofHosts(t *testing.T, stream string) string {
	t.Helper()
	var kept []string
	all := strings.Split(stream, "---\n")
	for _, document := range all {
		var object struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object.Kind == "NodeNetworkConfigurationPolicy" || object.Kind == "NetworkAttachmentDefinition" {
			kept = append(kept, document)
		}
	}
	if len(kept) < len(all) {
		kept = append(kept, "…\n")
	}
	return strings.Join(kept, "---\n")
}
