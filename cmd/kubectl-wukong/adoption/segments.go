package adoption

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// Attachment is where a NetworkAttachmentDefinition leads.
type Attachment struct {
	// Bridge is the bridge on hosts, or empty where the attachment names none.
	Bridge string
	// VLAN is the tag that the attachment itself adds, or 0.
	VLAN int
}

// ReadAttachment reads the configuration of an attachment: one plugin, or a list of them (CNI specification, section 1).
// What cannot be read leads nowhere.
func ReadAttachment(config string) Attachment {
	type plugin struct {
		Bridge string          `json:"bridge"`
		VLAN   json.RawMessage `json:"vlan"`
	}
	var conf struct {
		plugin
		Plugins []plugin `json:"plugins"`
	}
	if json.Unmarshal([]byte(config), &conf) != nil {
		return Attachment{}
	}
	for _, p := range append([]plugin{conf.plugin}, conf.Plugins...) {
		if p.Bridge == "" {
			continue
		}
		out := Attachment{Bridge: p.Bridge}
		if len(p.VLAN) > 0 && json.Unmarshal(p.VLAN, &out.VLAN) != nil {
			return Attachment{}
		}
		return out
	}
	return Attachment{}
}

// Mapping says on which segment a network is whose attachment does not tell.
type Mapping struct {
	// Attachment is NAMESPACE/NAME or NAME of a NetworkAttachmentDefinition; empty means whatever does not tell.
	Attachment string
	Segment    ipam.Segment
	// HostNetwork leads to the segment; it may be empty.
	HostNetwork string
}

// NewMapping reads a mapping to a segment, [ATTACHMENT=]SEGMENT. Untagged frames of a fabric with a native VLAN are that VLAN.
func NewMapping(c *render.Catalog, text string) (Mapping, error) {
	attachment, value := cutKey(text)
	s, err := ipam.ParseSegment(value)
	if err != nil {
		return Mapping{}, err
	}
	return Mapping{Attachment: attachment, Segment: canonical(c, s)}, nil
}

// NewHostMapping reads a mapping to the segment of a HostNetwork, [ATTACHMENT=]NAME.
func NewHostMapping(c *render.Catalog, text string) (Mapping, error) {
	attachment, name := cutKey(text)
	n, ok := c.HostNetwork(name)
	if !ok {
		return Mapping{}, fmt.Errorf("there is no HostNetwork %q: correct the name, or declare it", name)
	}
	if n.Trunk() {
		return Mapping{}, fmt.Errorf("HostNetwork %q carries several VLANs (%s): name the segment of one with --segment", name, n.SegmentText())
	}
	return Mapping{Attachment: attachment, Segment: n.Segment, HostNetwork: name}, nil
}

func cutKey(text string) (key, value string) {
	if key, value, ok := strings.Cut(text, "="); ok {
		return key, value
	}
	return "", text
}

// canonical gives the one name of a segment: a native VLAN of its fabric makes the untagged frames that VLAN.
func canonical(c *render.Catalog, s ipam.Segment) ipam.Segment {
	at := segmentOf(s)
	return c.Segment(&v1alpha1.HostNetwork{Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: at.PhysicalNetwork, VLAN: at.VLAN}})
}

// segmentOf gives a segment as objects have it.
func segmentOf(s ipam.Segment) v1alpha1.Segment {
	out := v1alpha1.Segment{PhysicalNetwork: v1alpha1.PhysicalNetworkName(s.Fabric)}
	if s.VLAN != 0 {
		vlan := v1alpha1.VLANID(s.VLAN)
		out.VLAN = &vlan
	}
	return out
}

// place is a segment and the way to it, or why it is not known.
type place struct {
	segment     ipam.Segment
	hostNetwork string
	unknown     string
}

// mapped gives the place that a mapping says for an attachment; with an empty namespace, for what has no attachment.
func (r Rules) mapped(namespace, attachment string) (place, bool) {
	keys := []string{""}
	if namespace != "" {
		keys = []string{namespace + "/" + attachment, attachment, ""}
	}
	for _, key := range keys {
		for _, m := range r.Mappings {
			if m.Attachment == key {
				return place{segment: m.Segment, hostNetwork: m.HostNetwork}, true
			}
		}
	}
	return place{}, false
}

// attached finds the place that an attachment leads to: by the HostNetworks that have its name or its bridge, else by a
// mapping.
func (p *planner) attached(namespace, name string) place {
	told := p.bridged(namespace, name)
	said, mapped := p.rules.mapped(namespace, name)
	switch {
	case told.unknown == "" && mapped && said.segment != told.segment && p.rules.names(namespace, name):
		return place{unknown: fmt.Sprintf("attachment %s/%s leads to segment %s, and a mapping says %s: correct or remove the mapping",
			namespace, name, told.segment, said.segment)}
	case told.unknown == "" && mapped && said.segment == told.segment && said.hostNetwork != "":
		return said
	case told.unknown == "" || !mapped:
		return told
	}
	return said
}

// names says whether a mapping names the attachment, not just whatever does not tell.
func (r Rules) names(namespace, attachment string) bool {
	return slices.ContainsFunc(r.Mappings, func(m Mapping) bool {
		return m.Attachment == attachment || m.Attachment == namespace+"/"+attachment
	})
}

// bridged finds the place by what the attachment itself says.
func (p *planner) bridged(namespace, name string) place {
	key := namespace + "/" + name
	to, known := p.facts.Attachments[key]
	var found []*render.HostNetwork
	for _, n := range p.facts.Catalog.HostNetworks() {
		if n.NAD == name || (known && n.HasBridge(to.Bridge)) {
			found = append(found, n)
		}
	}
	ask := fmt.Sprintf("say it with --segment %s=SEGMENT or --host-network %s=NAME", key, key)
	switch {
	case len(found) == 0 && !known:
		return place{unknown: fmt.Sprintf("attachment %s cannot be read: %s", key, ask)}
	case len(found) == 0 && to.Bridge == "":
		return place{unknown: fmt.Sprintf("attachment %s names no bridge: %s", key, ask)}
	case len(found) == 0:
		return place{unknown: fmt.Sprintf("no HostNetwork has bridge %s, to which attachment %s leads: %s", to.Bridge, key, ask)}
	}
	segment := found[0].Segment
	for _, n := range found {
		if n.Segment != segment || n.Trunk() != found[0].Trunk() {
			return place{unknown: fmt.Sprintf("bridge %s is that of HostNetworks %s and %s, on different segments: %s",
				to.Bridge, found[0].Object.Name, n.Object.Name, ask)}
		}
	}
	if found[0].Trunk() {
		return onTrunk(found[0], key, to, ask)
	}
	if to.VLAN != 0 {
		// A port of an untagged bridge that tags is on that VLAN of the fabric.
		if found[0].VLAN != 0 {
			return place{unknown: fmt.Sprintf("attachment %s tags VLAN %d on a bridge that is VLAN %d already: %s",
				key, to.VLAN, found[0].VLAN, ask)}
		}
		return place{segment: ipam.Segment{Fabric: segment.Fabric, VLAN: to.VLAN}}
	}
	return place{segment: segment, hostNetwork: found[0].Object.Name}
}

// onTrunk gives the place of an attachment to a trunk: the VLAN that it tags says on which of its segments.
func onTrunk(n *render.HostNetwork, key string, to Attachment, ask string) place {
	segment := ipam.Segment{Fabric: string(n.Object.Spec.PhysicalNetwork), VLAN: to.VLAN}
	if !n.On(segment) {
		return place{unknown: fmt.Sprintf("attachment %s tags VLAN %d, and HostNetwork %s carries %s: %s", key, to.VLAN, n.Object.Name, n.SegmentText(), ask)}
	}
	return place{segment: segment, hostNetwork: n.Object.Name}
}

// covered finds the one segment whose pools cover an address.
func (p *planner) covered(addr netip.Addr) (ipam.Segment, bool) {
	var found []ipam.Segment
	for _, pool := range p.facts.Pools.All() {
		if pool.Problem == nil && pool.Config.Subnet().Contains(addr) && !slices.Contains(found, pool.Segment) {
			found = append(found, pool.Segment)
		}
	}
	if len(found) != 1 {
		return ipam.Segment{}, false
	}
	return found[0], true
}
