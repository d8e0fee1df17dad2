package guests

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// TestEveryDocumentSaysWhatWasAskedFor reads the Wukongs of the golden cases and their documents, without the code that makes
// the one of the other: what a network names must be said of one NIC.
func TestEveryDocumentSaysWhatWasAskedFor(t *testing.T) {
	wukongs, networks := map[string][]v1alpha1.Wukong{}, 0
	for _, d := range goldenDocuments(t) {
		golden, _ := filepath.Split(d.Name)
		if wukongs[golden] == nil {
			wukongs[golden] = wukongsIn(t, filepath.Join(goldenCases, golden, "in.yaml"))
		}
		facts, err := ReadNetplan(d.NetworkData)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wukongs[golden] {
			if d.Name != golden+w.Namespace+"."+w.Name {
				continue
			}
			for _, n := range w.Spec.Networks {
				if asked := askedFor(n); len(asked) > 0 {
					networks++
					if missing := bestNIC(asked, facts); len(missing) > 0 {
						t.Errorf("%s: network %s: the document does not say %v", d.Name, n.Name, missing)
					}
				}
			}
		}
	}
	if networks < 50 {
		t.Errorf("only %d networks of golden cases have a static address: are they read?", networks)
	}
}

func wukongsIn(t *testing.T, path string) []v1alpha1.Wukong {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wukongs := []v1alpha1.Wukong{}
	for _, manifest := range bytes.Split(text, []byte("\n---\n")) {
		var w v1alpha1.Wukong
		if !bytes.Contains(manifest, []byte("kind: Wukong")) {
			continue
		}
		if err := yaml.Unmarshal(manifest, &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if w.Namespace == "" {
			w.Namespace = "default"
		}
		wukongs = append(wukongs, w)
	}
	return wukongs
}

// askedFor are the facts that a network names itself, without a NIC. What it leaves to a pool is not among them.
func askedFor(n v1alpha1.WukongNetwork) Facts {
	var facts Facts
	if n.IPConfig == nil || n.IPConfig.Mode != v1alpha1.IPModeStatic {
		return nil
	}
	ip := n.IPConfig
	addresses := append([]v1alpha1.AdditionalAddress{{Address: ip.Address, Gateway: ip.Gateway}}, ip.AdditionalAddresses...)
	for _, a := range addresses {
		if a.Address != nil {
			facts.add("", Address, prefix(string(*a.Address), ""))
		}
		if a.Gateway != nil {
			facts.addRoute("", route{via: address(*a.Gateway)})
		}
	}
	for _, r := range ip.Routes {
		facts.addRoute("", route{to: string(r.To), via: address(r.Via)})
	}
	for _, s := range ip.DNSServers {
		facts.add("", DNS, address(s))
	}
	for _, s := range ip.SearchDomains {
		facts.add("", Search, strings.ToLower(string(s)))
	}
	if n.MACAddress != nil {
		facts.add("", MAC, strings.ToLower(string(*n.MACAddress)))
	}
	if n.MTU != nil {
		facts.add("", MTU, fmt.Sprint(*n.MTU))
	}
	return facts
}

// address writes an address in its one form.
func address(a v1alpha1.Address) string {
	parsed, err := netip.ParseAddr(string(a))
	if err != nil {
		return string(a)
	}
	return parsed.String()
}

// bestNIC gives what the NIC that says most of what is asked for does not say.
func bestNIC(asked, facts Facts) Facts {
	best := asked
	for _, nic := range facts {
		missing := slices.DeleteFunc(slices.Clone(asked), func(f Fact) bool {
			return slices.Contains(facts, Fact{nic.NIC, f.Kind, f.Value})
		})
		if len(missing) < len(best) {
			best = missing
		}
	}
	return best
}
