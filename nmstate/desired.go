package nmstate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// InterfaceType is a type of interface in the words of nmstate.
type InterfaceType string

// Types of interfaces that a desired state lists or a node reports.
const (
	Ethernet     InterfaceType = "ethernet"
	VLANType     InterfaceType = "vlan"
	LinuxBridge  InterfaceType = "linux-bridge"
	BondType     InterfaceType = "bond"
	OVSBridge    InterfaceType = "ovs-bridge"
	OVSInterface InterfaceType = "ovs-interface"
	Loopback     InterfaceType = "loopback"
	Veth         InterfaceType = "veth"
	Dummy        InterfaceType = "dummy"
	MACVLAN      InterfaceType = "mac-vlan"
	MACVTAP      InterfaceType = "mac-vtap"
	// AnyType is that of an entry for an interface that exists already: nmstate finds out its type by its name, so that one
	// state serves nodes where the uplink is a NIC and nodes where it is a bond.
	AnyType InterfaceType = ""
)

// InterfaceState is the state of an interface in the words of nmstate.
type InterfaceState string

// States of interfaces. Ignore is only ever reported: NetworkManager does not manage the interface.
const (
	Up     InterfaceState = "up"
	Down   InterfaceState = "down"
	Absent InterfaceState = "absent"
	Ignore InterfaceState = "ignore"
)

// State is a desired state: the part of nmstate's schema that revisions use. Interfaces that it does not list stay as they
// are on the host, and so does every property that an entry leaves out.
type State struct {
	Interfaces []Interface `json:"interfaces"`
	// Routes is nil where routes stay as they are.
	Routes *Routes `json:"routes,omitempty"`
	// Capture names what nmstate looks up on the node before it applies the state, for templates to refer to. It is not part
	// of desiredState, and is part of the hash.
	Capture map[string]string `json:"-"`
}

// Interface is one entry of a desired state. Absent properties (nil) are left as they are on the host.
type Interface struct {
	Name  string         `json:"name"`
	Type  InterfaceType  `json:"type,omitempty"`
	State InterfaceState `json:"state"`
	// MTU is in bytes. On a VLAN it is at most that of the interface below.
	MTU *int `json:"mtu,omitempty"`
	// MACAddress is a template.
	MACAddress string `json:"mac-address,omitempty"`
	IPv4       *IP    `json:"ipv4,omitempty"`
	IPv6       *IP    `json:"ipv6,omitempty"`
	VLAN       *VLAN  `json:"vlan,omitempty"`
	// LinkAggregation is the section of a bond.
	LinkAggregation *Bond   `json:"link-aggregation,omitempty"`
	Bridge          *Bridge `json:"bridge,omitempty"`
	// Ethernet is the section of a NIC with virtual functions.
	Ethernet *EthernetSection `json:"ethernet,omitempty"`
}

// EthernetSection is the section of a NIC.
type EthernetSection struct {
	SRIOV *SRIOV `json:"sr-iov,omitempty"`
}

// SRIOV is the section of the virtual functions of a NIC.
type SRIOV struct {
	// TotalVFs is how many there are.
	TotalVFs int `json:"total-vfs"`
}

// VLAN is the section of a VLAN sub-interface.
type VLAN struct {
	BaseIface string `json:"base-iface"`
	// ID is 1 to 4094.
	ID int `json:"id"`
	// ReorderHeaders evens out differing defaults of NetworkManager versions.
	ReorderHeaders *bool `json:"reorder-headers,omitempty"`
}

// Bridge is the section of a Linux bridge, and of one of Open vSwitch.
type Bridge struct {
	Options *BridgeOptions `json:"options,omitempty"`
	// Port replaces the ports that the bridge has: an empty list takes all of them off, nil leaves them alone.
	Port *[]BridgePort `json:"port,omitempty"`
}

// BridgeOptions are the options of a Linux bridge.
type BridgeOptions struct {
	STP *STP `json:"stp,omitempty"`
}

// STP is the spanning tree of a bridge. Switched on it delays every port by 15 seconds.
type STP struct {
	Enabled bool `json:"enabled"`
}

// BridgePort is one port of a Linux bridge.
type BridgePort struct {
	Name string `json:"name"`
	// VLAN is nil or not: kubernetes-nmstate gives a port without this key a trunk of all VLANs and thereby switches
	// VLAN filtering on, so an access port carries an empty one.
	VLAN *PortVLAN `json:"vlan,omitempty"`
}

// PortVLAN is the VLAN filter of a bridge port. The zero value ({}) asks for no filtering.
type PortVLAN struct {
	// Mode is "access" or "trunk".
	Mode string `json:"mode,omitempty"`
	// Tag is the VLAN of untagged frames; on a trunk it needs EnableNative.
	Tag          *int       `json:"tag,omitempty"`
	EnableNative *bool      `json:"enable-native,omitempty"`
	TrunkTags    []TrunkTag `json:"trunk-tags,omitempty"`
}

// TrunkTag is one VLAN or one range of VLANs of a trunk.
type TrunkTag struct {
	ID    *int       `json:"id,omitempty"`
	Range *VLANRange `json:"id-range,omitempty"`
}

// VLANRange is an inclusive range of VLANs.
type VLANRange struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Bond is the section of a bond.
type Bond struct {
	Mode    string            `json:"mode"`
	Options map[string]string `json:"options,omitempty"`
	Port    []string          `json:"port"`
}

// InterfaceRef names an interface on a host. Type is part of it because Open vSwitch gives a bridge and its internal port one
// name, and because nmstate wants it to take an interface away.
type InterfaceRef struct {
	Name string
	Type InterfaceType
}

// Canonical gives the same state in the order in which it is written: NICs, bonds, VLANs, bridges, each by name, ports by
// name. Two states that mean the same have the same canonical form.
func (s State) Canonical() State {
	out := State{Interfaces: make([]Interface, 0, len(s.Interfaces)), Routes: s.Routes, Capture: maps.Clone(s.Capture)}
	for _, i := range s.Interfaces {
		out.Interfaces = append(out.Interfaces, i.canonical())
	}
	slices.SortStableFunc(out.Interfaces, func(a, b Interface) int {
		return cmp.Or(
			cmp.Compare(layer(a.Type), layer(b.Type)),
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.State, b.State),
		)
	})
	return out
}

// layer orders types from the wire upwards.
func layer(t InterfaceType) int {
	switch t {
	case AnyType, Ethernet, Veth:
		return 0
	case BondType:
		return 1
	case VLANType:
		return 2
	case LinuxBridge, OVSBridge:
		return 3
	default:
		return 4
	}
}

func (i Interface) canonical() Interface {
	if i.LinkAggregation != nil {
		b := *i.LinkAggregation
		b.Options = maps.Clone(b.Options)
		b.Port = append([]string{}, b.Port...)
		slices.Sort(b.Port)
		i.LinkAggregation = &b
	}
	if i.Bridge != nil && i.Bridge.Port != nil {
		b := *i.Bridge
		ports := make([]BridgePort, 0, len(*b.Port))
		for _, p := range *b.Port {
			ports = append(ports, p.canonical())
		}
		slices.SortStableFunc(ports, func(x, y BridgePort) int { return cmp.Compare(x.Name, y.Name) })
		b.Port = &ports
		i.Bridge = &b
	}
	return i
}

func (p BridgePort) canonical() BridgePort {
	if p.VLAN == nil || len(p.VLAN.TrunkTags) == 0 {
		return p
	}
	v := *p.VLAN
	v.TrunkTags = slices.Clone(v.TrunkTags)
	slices.SortStableFunc(v.TrunkTags, func(a, b TrunkTag) int {
		return cmp.Or(cmp.Compare(a.lowest(), b.lowest()), cmp.Compare(a.highest(), b.highest()))
	})
	p.VLAN = &v
	return p
}

func (t TrunkTag) lowest() int {
	if t.Range != nil {
		return t.Range.Min
	}
	if t.ID != nil {
		return *t.ID
	}
	return 0
}

func (t TrunkTag) highest() int {
	if t.Range != nil {
		return t.Range.Max
	}
	return t.lowest()
}

// Marshal gives the canonical bytes of the state, as JSON, which is YAML too: fixed order of keys and entries, so that equal
// states have equal bytes. They are the desiredState of a policy and what its name is the hash of.
func (s State) Marshal() []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s.Canonical()); err != nil {
		// Structs of strings, numbers and booleans cannot fail to encode.
		return []byte(`{"interfaces":[]}`)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// Parse reads what Marshal made, in JSON or in the YAML that other programs turn it into, and takes the capture of the policy
// with it. Anything that Marshal does not write is an error: somebody else has been writing there.
func Parse(raw []byte, capture map[string]string) (State, error) {
	var s State
	if err := yaml.UnmarshalStrict(raw, &s); err != nil {
		return State{}, fmt.Errorf("desiredState is not one that this controller writes: %w", err)
	}
	if len(capture) > 0 {
		s.Capture = capture
	}
	return s.Canonical(), nil
}

// HashLength is the number of characters of a hash.
const HashLength = 10

// Hash gives HashLength characters (a-z, 2-7) that stand for the bytes; it may be a label value and a part of an object
// name. Give it the bytes of Marshal: what the API server stores has another order of keys.
func Hash(raw []byte) string {
	sum := sha256.Sum256(raw)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:HashLength]
}

// Hash is the hash of the state's canonical bytes and of its capture: the name of the revision.
func (s State) Hash() string { return Hash(append(s.Marshal(), s.captureText()...)) }

// Ref gives the name and type of the entry.
func (i Interface) Ref() InterfaceRef { return InterfaceRef{Name: i.Name, Type: i.Type} }

// Lookup finds an entry by name.
func (s State) Lookup(name string) (Interface, bool) {
	for _, i := range s.Interfaces {
		if i.Name == name {
			return i, true
		}
	}
	return Interface{}, false
}

// Ports gives the names of the ports that the entry lists, as a bridge or a bond.
func (i Interface) Ports() []string {
	var out []string
	if i.Bridge != nil && i.Bridge.Port != nil {
		for _, p := range *i.Bridge.Port {
			out = append(out, p.Name)
		}
	}
	if i.LinkAggregation != nil {
		out = append(out, i.LinkAggregation.Port...)
	}
	return out
}
