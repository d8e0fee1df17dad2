package walkthrough

import (
	"testing"

	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/parts"
	"novasphere.dev/wukong-network/e2e/world"
)

// TestKindsOfNetworksAreBuiltAsTheirPagesShow reads one page after the other. Each takes away what it has built.
func TestKindsOfNetworksAreBuiltAsTheirPagesShow(t *testing.T) {
	r := newReaderOf(t, lab.Options{Capture: lab.Captures(parts.NmstatectlForTest(t))}, spacious("node-a", 11), spacious("node-b", 12))
	r.install()
	r.prepares("kubectl apply -f config/samples/namespaces.yaml")
	for _, page := range []string{
		"docs/host-untagged.md", "docs/host-vlan.md", "docs/host-trunk.md", "docs/host-bond.md", "docs/host-several.md", "docs/host-ovs.md",
		"docs/host-macvlan.md", "docs/host-sriov.md", "docs/host-external.md",
	} {
		r.reads(page)
	}
	r.prepares("kubectl delete nncp lab-from-git")
	must(t, r.Lab.AddNode(t.Context(), resident("node-d", 14)))
	r.reads("docs/host-preserve.md")
	r.tries("docs/hosts.md")
}

// spacious is a node with NICs for every kind of network: eth1 has virtual functions, and bond1 is there already.
func spacious(name string, index byte) lab.NodeSpec {
	node := world.Node(name, index)
	node.NICs[1].VFs = 8
	node.NICs = append(node.NICs, lab.NIC{Name: "eth3"}, lab.NIC{Name: "eth4"}, lab.NIC{Name: "eth5"})
	node.Existing = "interfaces: [{name: bond1, type: bond, state: up, link-aggregation: {mode: active-backup, port: [eth4, eth5]}}]"
	return node
}

// resident is a node that lives on eth1.
func resident(name string, index byte) lab.NodeSpec {
	node := world.Node(name, index)
	node.NICs = []lab.NIC{{Name: "eth1", Addresses: node.NICs[0].Addresses, Gateways: node.NICs[0].Gateways}}
	return node
}
