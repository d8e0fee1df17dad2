package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// saying is what a page says of its manifest beside something else.
type saying struct {
	page, file, says string
	// spec is that of a younger HostNetwork; nic is an interface of a node that has the node's address.
	spec, nic string
	// reason is why it is refused; empty where it is not.
	reason string
}

var sayings = []saying{
	{page: "host-untagged.md", file: "lab.yaml", says: "a second untagged network on the fabric | SegmentTaken", spec: "physicalNetwork: lab", reason: "SegmentTaken"},
	{page: "host-untagged.md", file: "lab.yaml", says: "a MACVTAP network or a trunk beside it on the same uplink | UplinkPortTaken", spec: "physicalNetwork: lab, type: macvlan", reason: "UplinkPortTaken"},
	{page: "host-untagged.md", file: "lab.yaml", says: "another network with `bridge.name: br-lab` | BridgeNameTaken", spec: "physicalNetwork: lab, vlan: 7, bridge: {name: br-lab}", reason: "BridgeNameTaken"},
	{page: "host-vlan.md", file: "lab-100.yaml", says: "a second network with `vlan: 100` on the fabric | SegmentTaken", spec: "physicalNetwork: lab, vlan: 100", reason: "SegmentTaken"},
	{page: "host-trunk.md", file: "trunk.yaml", says: "an untagged network on the same uplink | UplinkPortTaken", spec: "physicalNetwork: storage", reason: "UplinkPortTaken"},
	{page: "host-trunk.md", file: "trunk.yaml", says: "a network with `vlan: 210` | SegmentTaken", spec: "physicalNetwork: storage, vlan: 210", reason: "SegmentTaken"},
	{page: "host-trunk.md", file: "trunk.yaml", says: "a second trunk with one of the VLANs | SegmentTaken", spec: "physicalNetwork: storage, trunk: [{min: 300, max: 301}]", reason: "SegmentTaken"},
	{page: "host-trunk.md", file: "trunk.yaml", says: "a second trunk with other VLANs on the same uplink | UplinkPortTaken", spec: "physicalNetwork: storage, trunk: [{min: 5, max: 6}]", reason: "UplinkPortTaken"},
	{page: "host-trunk.md", file: "trunk.yaml", says: "A network with a VLAN outside the ranges may stand beside the trunk", spec: "physicalNetwork: storage, vlan: 5"},
	{page: "host-ovs.md", file: "ovs.yaml", says: "a bridge, Linux or Open vSwitch, on the same uplink | UplinkPortTaken", spec: "physicalNetwork: lab", reason: "UplinkPortTaken"},
	{page: "host-macvlan.md", file: "direct.yaml", says: "an untagged bridge or a trunk on the same uplink | UplinkPortTaken", spec: "physicalNetwork: lab", reason: "UplinkPortTaken"},
	{page: "host-sriov.md", file: "fast.yaml", says: "another `totalVFs` on the same fabric | UplinkPortTaken", spec: "physicalNetwork: lab, type: sriov, sriov: {resourceName: example.com/other, totalVFs: 4}", reason: "UplinkPortTaken"},
	{page: "host-sriov.md", file: "fast.yaml", says: "A bridge or VLANs on the same uplink are no obstacle", spec: "physicalNetwork: lab"},
	{page: "host-untagged.md", file: "lab.yaml", says: "neither it nor a VLAN on it has the address by which the cluster knows the node", nic: "eth1", reason: "UplinkCarriesNodeAddress"},
	{page: "host-vlan.md", file: "lab-100.yaml", says: "so this works on the NIC by\nwhich the cluster reaches the node", nic: "eth0"},
	{page: "host-bond.md", file: "bond.yaml", says: "A node that lacks one of the NICs is left out (UplinkMissing)", nic: "eth3", reason: "UplinkMissing"},
	{page: "host-sriov.md", file: "fast.yaml", says: "it does not carry the node's address", nic: "eth1", reason: "UplinkCarriesNodeAddress"},
	{page: "host-preserve.md", file: "lab.yaml", says: "but for addresses and default route of the NIC", nic: "eth1"},
}

// TestWhatThePagesSayIsRefusedIsRefused lays a younger HostNetwork, or a node, over the manifest of a page, and looks for the
// reason that the page gives.
func TestWhatThePagesSayIsRefusedIsRefused(t *testing.T) {
	for _, c := range sayings {
		t.Run(c.page+": "+c.says, func(t *testing.T) {
			text := read(t, filepath.Join("../../docs", c.page))
			if !strings.Contains(text, c.says) {
				t.Fatal("the page does not say this any more")
			}
			path := filepath.Join(t.TempDir(), "all.yaml")
			args, stream := c.over(text)
			if err := os.WriteFile(path, []byte(stream), 0o600); err != nil {
				t.Fatal(err)
			}
			_, out, findings := runWith(t, nil, append(args, path)...)
			reported := out + findings
			if c.reason != "" && !strings.Contains(reported, "("+c.reason+")") {
				t.Errorf("not refused for %s:\n%s", c.reason, reported)
			}
			if c.reason == "" && (strings.Contains(reported, "error: ") || strings.Contains(reported, "left out")) {
				t.Errorf("refused:\n%s", reported)
			}
		})
	}
}

// over gives the manifest of the page together with what is beside it, built at once, and the command that judges both.
func (c saying) over(page string) (command []string, stream string) {
	for _, file := range namedFile.FindAllStringSubmatch(page, -1) {
		if file[1] == c.file {
			stream = file[2]
		}
	}
	const network = "kind: HostNetwork\nmetadata:\n"
	stream = strings.ReplaceAll(stream, network, network+"  creationTimestamp: \"2026-01-01T00:00:00Z\"\n")
	if c.spec != "" {
		return []string{"render", "-f"}, stream + fmt.Sprintf("---\n{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, "+
			"metadata: {name: younger, creationTimestamp: \"2026-01-02T00:00:00Z\"}, spec: {%s, provision: Always}}\n", c.spec)
	}
	uplink, networks, _ := strings.Cut(stream, "---\n")
	networks = strings.ReplaceAll(networks, "\nspec:\n", "\nspec:\n  provision: Always\n")
	return []string{"host", "plan", "-f"}, uplink + "---\n" + networks + nodeText(c.nic)
}

// nodeText is a node with one interface and the address of that interface.
func nodeText(nic string) string {
	const up = "name: %s, type: ethernet, state: up, mtu: 1500, ipv6: {enabled: false}, ipv4: {enabled: true, dhcp: false, address: [{ip: 203.0.113.11, prefix-length: 24}]}"
	return fmt.Sprintf(`---
apiVersion: nmstate.io/v1beta1
kind: NodeNetworkState
metadata: {name: node-a}
status: {currentState: {interfaces: [{%s}]}}
---
apiVersion: v1
kind: Node
metadata: {name: node-a, labels: {example.com/bridge-on-primary-nic: "yes"}}
status: {addresses: [{type: InternalIP, address: 203.0.113.11}], conditions: [{type: Ready, status: "True"}]}
`, fmt.Sprintf(up, nic))
}
