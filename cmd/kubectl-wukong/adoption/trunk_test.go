package adoption

import (
	"strings"
	"testing"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// On a trunk the tag of the attachment tells the segment.
func TestAnAttachmentToATrunkLeadsToTheVLANThatItTags(t *testing.T) {
	catalog := render.NewCatalog([]v1alpha1.HostUplink{object[v1alpha1.HostUplink](t, `
metadata: {name: up}
spec: {physicalNetwork: lab, nodeSelector: {}, interface: eth1}`)}, []v1alpha1.HostNetwork{object[v1alpha1.HostNetwork](t, `
metadata: {name: tenants}
spec: {physicalNetwork: lab, trunk: [{min: 100, max: 199}], allowedNamespaces: {names: [team-a]}}`)})
	p := &planner{facts: Facts{Catalog: catalog, Attachments: map[string]Attachment{
		"team-a/tags-150": {Bridge: "br-tenants", VLAN: 150}, "team-a/tags-250": {Bridge: "br-tenants", VLAN: 250}, "team-a/tags-none": {Bridge: "br-tenants"}}}}
	if got := p.bridged("team-a", "tags-150"); got != (place{segment: ipam.Segment{Fabric: "lab", VLAN: 150}, hostNetwork: "tenants"}) {
		t.Errorf("VLAN 150: %+v", got)
	}
	for _, name := range []string{"tags-250", "tags-none"} {
		if got := p.bridged("team-a", name); !strings.Contains(got.unknown, "lab.100-199") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := NewHostMapping(catalog, "tenants"); err == nil || !strings.Contains(err.Error(), "--segment") {
		t.Errorf("a mapping to all VLANs of a trunk: %v", err)
	}
}
