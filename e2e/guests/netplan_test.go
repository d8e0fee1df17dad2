package guests

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/parts"
)

// TestNetplanSaysWhatTheDocumentSays has netplan's generator, of this machine's release and of the guest root, write what
// networkd reads, and reads that back. The generator must not even warn.
func TestNetplanSaysWhatTheDocumentSays(t *testing.T) {
	newer, err := parts.GuestRootForTest(t).Netplan()
	if err != nil {
		t.Fatal(err)
	}
	for name, netplan := range map[string]*parts.Netplan{"this machine's": parts.NetplanForTest(t), "the guest root's": newer} {
		t.Run(name, func(t *testing.T) {
			for _, d := range documentsForTest(t) {
				files, err := netplan.Generate(t.Context(), d.NetworkData)
				if err != nil {
					t.Errorf("%s: %v", d.Name, err)
					continue
				}
				want, err := ReadNetplan(d.NetworkData)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(withNetplansMetric(want), ReadNetworkd(files)); diff != "" {
					t.Errorf("%s (-document +networkd's files)\n%s", d.Name, diff)
				}
			}
		})
	}
}

// withNetplansMetric adds the metric that netplan gives what DHCP brings, where none is asked for.
func withNetplansMetric(facts Facts) Facts {
	out := slices.Clone(facts)
	for _, f := range facts {
		isMetric := func(other Fact) bool {
			return other.NIC == f.NIC && other.Kind == DHCPMetric && strings.HasSuffix(other.Value, f.Value)
		}
		if f.Kind == DHCP && !slices.ContainsFunc(facts, isMetric) {
			out.add(f.NIC, DHCPMetric, "100 of "+f.Value)
		}
	}
	return out.sorted()
}
