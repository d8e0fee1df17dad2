package v1alpha1_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// attempt is a change of one of the objects in testdata/full, and what the API server says to the result.
type attempt struct {
	// base is kind/name.
	base string
	// patch is a merge patch in YAML.
	patch string
	// refused is a part of the message; empty where the result is accepted.
	refused string
}

const (
	notRFC3339   = "must be a time of RFC 3339"
	notADuration = "must be a duration of at most a year (8760h), such as 90s, 5m or 24h"
	notAnAddress = "must be an IPv4 or IPv6 address without a prefix, such as 192.0.2.1 or 2001:db8::1"
	notACIDR     = "must be an address with its prefix length, such as 192.0.2.10/24 or 2001:db8::10/64"
	notASubnet   = "must be a prefix without host bits, such as 192.0.2.0/24 or 2001:db8::/64"
	ownedName    = "is a name that the kernel, a container network or Open vSwitch owns: choose another interface name"
	tooMany      = "must have at most 64 labels and 64 expressions"
)

// wukongRules are about the kind that exists in the wild: only single values that can never work are refused.
var wukongRules = map[string]attempt{
	"an IPv6 address is an address": {"Wukong/full", network(`{name: a, ipConfig: {mode: static, address: "2001:db8::5/64"}}`), ""},
	"an empty address counts as not given": {"Wukong/full",
		network(`{name: a, ipConfig: {mode: static, address: "", gateway: "", dnsServers: [""]}}`), ""},
	"an address needs a prefix length":      {"Wukong/full", network(`{name: a, ipConfig: {mode: static, address: 10.0.0.5}}`), notACIDR},
	"an address has no leading zeros":       {"Wukong/full", network(`{name: a, ipConfig: {mode: static, address: 010.0.0.5/24}}`), notACIDR},
	"an address brings no YAML of its own":  {"Wukong/full", network(`{name: a, ipConfig: {mode: static, address: "10.0.0.5/24\n  routes:"}}`), notACIDR},
	"a gateway has no prefix length":        {"Wukong/full", network(`{name: a, ipConfig: {mode: static, gateway: 10.0.0.1/24}}`), notAnAddress},
	"a DNS server is an address":            {"Wukong/full", network(`{name: a, ipConfig: {mode: dhcp, dnsServers: ["*alias"]}}`), notAnAddress},
	"a DNS server brings no YAML":           {"Wukong/full", network(`{name: a, ipConfig: {mode: dhcp, dnsServers: ["8.8.8.8]\n, x: {y"]}}`), notAnAddress},
	"a DNS server may be of either family":  {"Wukong/full", network(`{name: a, ipConfig: {mode: dhcp, dnsServers: [192.0.2.53, "2001:db8::53"]}}`), ""},
	"a further address has one source":      {"Wukong/full", network(`{name: a, ipConfig: {mode: static, additionalAddresses: [{address: 192.0.2.1/24, ipPool: p}]}}`), "give either address or ipPool"},
	"a further address has some source":     {"Wukong/full", network(`{name: a, ipConfig: {mode: static, additionalAddresses: [{reserved: true}]}}`), "give either address or ipPool"},
	"a further address may be from a pool":  {"Wukong/full", network(`{name: a, ipConfig: {mode: static, additionalAddresses: [{ipPool: p}]}}`), ""},
	"a route leads to a prefix":             {"Wukong/full", network(`{name: a, ipConfig: {mode: static, routes: [{to: 10.0.0.1/8, via: 10.0.0.2}]}}`), notASubnet},
	"a default route leads to a prefix":     {"Wukong/full", network(`{name: a, ipConfig: {mode: static, routes: [{to: 0.0.0.0/0, via: 10.0.0.2}, {to: "::/0", via: "fe80::1"}]}}`), ""},
	"a MAC address has colons":              {"Wukong/full", network(`{name: a, macAddress: 02-00-00-aa-bb-01}`), "must be a unicast MAC address in colon form, such as 02:00:00:aa:bb:01"},
	"a MAC address is not a group's":        {"Wukong/full", network(`{name: a, macAddress: "01:00:5e:00:00:01"}`), "must be a unicast MAC address"},
	"a MAC address is not all zeros":        {"Wukong/full", network(`{name: a, macAddress: "00:00:00:00:00:00"}`), "must be a unicast MAC address"},
	"a MAC address may be in upper case":    {"Wukong/full", network(`{name: a, macAddress: "02:00:00:AA:BB:01"}`), ""},
	"a VLAN of 0 is no VLAN":                {"Wukong/full", network(`{name: a, vlanId: 0}`), "vlanId"},
	"a VLAN of 4095 is no VLAN":             {"Wukong/full", network(`{name: a, vlanId: 4095}`), "vlanId"},
	"a VLAN is a number":                    {"Wukong/full", network(`{name: a, vlanId: "100"}`), "vlanId"},
	"names that YAML 1.1 retypes are names": {"Wukong/full", network(`{name: "yes"}, {name: "on"}, {name: "null"}, {name: "1e3"}, {name: "0x10"}`), ""},
	"a name has no colon":                   {"Wukong/full", network(`{name: "12:30"}`), "name"},
	"what several networks decide together is left to the status": {"Wukong/full",
		network(`{name: a, primary: true}, {name: a, primary: true}`), ""},
	"a label of nodes has a short value": {"Wukong/full",
		`{spec: {highAvailability: {nodeSelector: {a: ` + strings.Repeat("x", 64) + `}}}}`, "nodeSelector must have keys and values of labels"},
}

// network replaces the networks of a Wukong.
func network(list string) string { return "{spec: {networks: [" + list + "]}}" }

var hostRules = map[string]attempt{
	"an uplink is a NIC":                       {"HostUplink/full", `{}`, ""},
	"an uplink may be a bond":                  {"HostUplink/bonded", `{}`, ""},
	"an uplink is not both":                    {"HostUplink/bonded", `{spec: {interface: eth1}}`, "give either interface or bond"},
	"an external uplink names its policy":      {"HostUplink/full", `{spec: {externalPolicy: null}}`, "give externalPolicy, the policy to observe, with management: External and only then"},
	"a managed uplink names none":              {"HostUplink/full", `{spec: {management: Managed}}`, "give externalPolicy, the policy to observe, with management: External and only then"},
	"an uplink is one of them":                 {"HostUplink/full", `{spec: {interface: null}}`, "give either interface or bond"},
	"a bond is not its own port":               {"HostUplink/bonded", `{spec: {bond: {ports: [bond0]}}}`, "name must not be one of the ports"},
	"a port is given once":                     {"HostUplink/bonded", `{spec: {bond: {ports: [eth1, eth1]}}}`, "Duplicate value"},
	"a bonding option has a short name":        {"HostUplink/bonded", `{spec: {bond: {options: {` + strings.Repeat("x", 33) + `: "1"}}}}`, "names of options have at most 32 characters"},
	"an uplink's name fits into a label":       {"HostUplink/full", `{metadata: {name: ` + strings.Repeat("a", 41) + `}}`, "metadata.name must be a DNS label of at most 40 characters"},
	"an uplink's name has no dot":              {"HostUplink/full", `{metadata: {name: a.b}}`, "metadata.name must be a DNS label of at most 40 characters"},
	"loopback is no uplink":                    {"HostUplink/full", `{spec: {interface: lo}}`, ownedName},
	"an interface of a container network none": {"HostUplink/full", `{spec: {interface: cali12345}}`, ownedName},
	"an interface is not a pattern":            {"HostUplink/full", `{spec: {interface: "eth*"}}`, "spec.interface"},
	"an interface is not a template":           {"HostUplink/full", `{spec: {interface: "{{ nic }}"}}`, "spec.interface"},
	"some node may always be in transition":    {"HostUplink/full", `{spec: {rollout: {maxUnavailable: 0}}}`, "must be a number from 1 to 100000, or a percentage from 1% to 100%"},
	"a percentage ends at 100":                 {"HostUplink/full", `{spec: {rollout: {maxUnavailable: 101%}}}`, "or a percentage from 1% to 100%"},
	"all nodes may be in transition":           {"HostUplink/full", `{spec: {rollout: {maxUnavailable: 100%, canary: 0}}}`, ""},
	"a number of nodes may be in transition":   {"HostUplink/full", `{spec: {rollout: {maxUnavailable: 3}}}`, ""},
	"a selector of nodes has few labels":       {"HostUplink/full", `{spec: {nodeSelector: {matchLabels: {` + manyLabels(257) + `}}}}`, tooMany},
	"a selector of nodes has 64 labels":        {"HostUplink/full", `{spec: {nodeSelector: {matchLabels: {` + manyLabels(63) + `}}}}`, ""},
	"a selector's value is short":              {"HostUplink/full", `{spec: {nodeSelector: {matchLabels: {a: ` + strings.Repeat("x", 64) + `}}}}`, "matchLabels must have keys and values of labels"},
	"an empty selector matches every node":     {"HostUplink/full", `{spec: {nodeSelector: {matchLabels: null, matchExpressions: null}}}`, ""},
	"without a selector nothing is meant":      {"HostUplink/full", `{spec: {nodeSelector: null}}`, "spec.nodeSelector: Required value"},

	"a network of one VLAN":                        {"HostNetwork/full", `{}`, ""},
	"a network of a trunk":                         {"HostNetwork/trunked", `{}`, ""},
	"a network of neither is untagged":             {"HostNetwork/full", `{spec: {vlan: null}}`, ""},
	"a network is not of both":                     {"HostNetwork/trunked", `{spec: {vlan: 100}}`, "give vlan (one VLAN by a sub-interface) or trunk (a vlan-filtering bridge), not both"},
	"a trunk needs a bridge":                       {"HostNetwork/trunked", `{spec: {type: macvlan}}`, "trunk needs type bridge or ovs"},
	"a range of VLANs has an order":                {"HostNetwork/trunked", `{spec: {trunk: [{min: 5, max: 4}]}}`, "min must not be greater than max"},
	"MACVTAPs are of type macvlan":                 {"HostNetwork/direct", `{spec: {type: bridge}}`, "macvlan needs type macvlan"},
	"virtual functions are of type sriov":          {"HostNetwork/functions", `{spec: {type: bridge}}`, "sriov needs type sriov"},
	"a network's name fits into a label":           {"HostNetwork/functions", `{metadata: {name: ` + strings.Repeat("a", 41) + `}}`, "metadata.name must be a DNS label of at most 40 characters"},
	"a bridge's name fits into the kernel":         {"HostNetwork/trunked", `{metadata: {name: thirteen-char}}`, "spec.bridge.name is required when metadata.name is longer than 12 characters"},
	"a long name with a bridge's name is fine":     {"HostNetwork/full", `{metadata: {name: thirteen-char}}`, ""},
	"a long name without a bridge is fine":         {"HostNetwork/functions", `{metadata: {name: thirteen-char}}`, ""},
	"a bridge has no owned name":                   {"HostNetwork/full", `{spec: {bridge: {name: docker0}}}`, ownedName},
	"a bridge's name has no slash":                 {"HostNetwork/full", `{spec: {bridge: {name: br/0}}}`, "spec.bridge.name"},
	"an alias is given once":                       {"HostNetwork/full", `{spec: {aliases: {bridgeNames: [a, a]}}}`, "Duplicate value"},
	"linger is a duration that programs can read":  {"HostNetwork/full", `{spec: {linger: 1 day}}`, notADuration},
	"linger is not negative":                       {"HostNetwork/full", `{spec: {linger: -1h}}`, notADuration},
	"linger is at most a year":                     {"HostNetwork/full", `{spec: {linger: 8761h}}`, notADuration},
	"linger may be nothing":                        {"HostNetwork/full", `{spec: {linger: 0s}}`, ""},
	"a selector of namespaces has few expressions": {"HostNetwork/full", `{spec: {allowedNamespaces: {selector: {matchLabels: {` + manyLabels(65) + `}}}}}`, tooMany},
	"a selector of a trunk's namespaces, too":      {"HostNetwork/trunked", `{spec: {trunk: [{min: 1, max: 2, allowedNamespaces: {selector: {matchLabels: {` + manyLabels(65) + `}}}}]}}`, tooMany},
}

func manyLabels(n int) string {
	var out []string
	for i := range n {
		out = append(out, "example.com/key-"+strings.Repeat("x", i%3)+string(rune('a'+i%26))+strings.Repeat("y", i/26)+": v")
	}
	return strings.Join(out, ", ")
}

const notARange = "must be an address (192.0.2.10), a range (192.0.2.10-192.0.2.99) or a prefix (192.0.2.64/26)"

var addressRules = map[string]attempt{
	"a pool":                                    {"AddressPool/full", `{}`, ""},
	"a pool of IPv6":                            {"AddressPool/full", `{spec: {subnet: "2001:db8::/64", ranges: ["2001:db8::10-2001:db8::ff"], exclude: null, gateway: "fe80::1", routes: null}}`, ""},
	"a pool of a whole subnet":                  {"AddressPool/full", `{spec: {ranges: null, exclude: null}}`, ""},
	"a pool of one address":                     {"AddressPool/full", `{spec: {ranges: [192.0.2.10], exclude: null}}`, ""},
	"a pool's empty list of ranges":             {"AddressPool/full", `{spec: {ranges: []}}`, "spec.ranges"},
	"a pool's subnet has no host bits":          {"AddressPool/full", `{spec: {subnet: 192.0.2.1/24}}`, notASubnet},
	"a pool is not all of IPv4":                 {"AddressPool/full", `{spec: {subnet: 0.0.0.0/0, ranges: null, exclude: null}}`, "subnet must have a prefix length of at least 8 (IPv4) or 64 (IPv6)"},
	"a pool is not all of IPv6":                 {"AddressPool/full", `{spec: {subnet: "::/0", ranges: null, exclude: null, gateway: null}}`, "subnet must have a prefix length"},
	"a pool is not the global unicast space":    {"AddressPool/full", `{spec: {subnet: "2000::/3", ranges: null, exclude: null, gateway: null}}`, "subnet must have a prefix length"},
	"a pool is not all unique local addresses":  {"AddressPool/full", `{spec: {subnet: "fd00::/8", ranges: null, exclude: null, gateway: null}}`, "subnet must have a prefix length"},
	"a pool may be 10.0.0.0/8":                  {"AddressPool/full", `{spec: {subnet: 10.0.0.0/8, ranges: null, exclude: null, gateway: 10.0.0.1}}`, ""},
	"a range ends after its beginning":          {"AddressPool/full", `{spec: {ranges: [192.0.2.99-192.0.2.10]}}`, "the lower end of a range comes first"},
	"a range that begins in a lower octet":      {"AddressPool/full", `{spec: {subnet: 192.0.0.0/16, ranges: [192.0.2.99-192.0.3.1], exclude: null, gateway: null}}`, ""},
	"a range of one address":                    {"AddressPool/full", `{spec: {ranges: [192.0.2.10-192.0.2.10]}}`, ""},
	"a range is of one family":                  {"AddressPool/full", `{spec: {ranges: ["192.0.2.10-2001:db8::1"]}}`, "both ends of a range must be of one family"},
	"a range has two addresses":                 {"AddressPool/full", `{spec: {ranges: [192.0.2.10-99]}}`, "both ends of a range must be addresses, such as 192.0.2.10-192.0.2.99"},
	"a range is no text":                        {"AddressPool/full", `{spec: {ranges: [all]}}`, notARange},
	"a prefix in a pool has no host bits":       {"AddressPool/full", `{spec: {ranges: [192.0.2.10/26]}}`, "a prefix must have no host bits, such as 192.0.2.64/26"},
	"a range lies in the subnet":                {"AddressPool/full", `{spec: {ranges: [192.0.2.200-192.0.3.1]}}`, "ranges must lie in subnet"},
	"an exclusion lies in the subnet":           {"AddressPool/full", `{spec: {exclude: [198.51.100.0/24]}}`, "exclude must lie in subnet"},
	"a pool's gateway lies in the subnet":       {"AddressPool/full", `{spec: {gateway: 198.51.100.1}}`, "gateway must lie in subnet, or be an IPv6 link-local address"},
	"a pool's gateway is of its family":         {"AddressPool/full", `{spec: {gateway: "fe80::1"}}`, "gateway must lie in subnet, or be an IPv6 link-local address"},
	"a pool's gateway has no prefix length":     {"AddressPool/full", `{spec: {gateway: 192.0.2.1/24}}`, notAnAddress},
	"a pool's route leads to a prefix":          {"AddressPool/full", `{spec: {routes: [{to: 10.0.0.1/8, via: 192.0.2.1}]}}`, notASubnet},
	"a pool's name fits into a label":           {"AddressPool/full", `{metadata: {name: ` + strings.Repeat("a", 41) + `}}`, "metadata.name must be a DNS label of at most 40 characters"},
	"cooldown is a duration":                    {"AddressPool/full", `{spec: {cooldown: soon}}`, notADuration},
	"a selector of a pool has few labels":       {"AddressPool/full", `{spec: {allowedNamespaces: {selector: {matchLabels: {` + manyLabels(65) + `}}}}}`, tooMany},
	"a gateway inside the ranges is no mistake": {"AddressPool/full", `{spec: {ranges: [192.0.2.0/24], gateway: 192.0.2.20}}`, ""},

	"a reservation":                            {"AddressReservation/full", `{}`, ""},
	"a reservation of everything in a row":     {"AddressReservation/full", `{spec: {addresses: [192.0.2.1, 192.0.2.4-192.0.2.9, "2001:db8::/64"], for: null}}`, ""},
	"a reservation's name fits into a label":   {"AddressReservation/full", `{metadata: {name: a.b}}`, "metadata.name must be a DNS label of at most 40 characters"},
	"a reservation says why":                   {"AddressReservation/full", `{spec: {reason: null}}`, "spec.reason: Required value"},
	"a reservation says why in one line":       {"AddressReservation/full", `{spec: {reason: "a\nb"}}`, "spec.reason"},
	"a reserved range ends after its start":    {"AddressReservation/full", `{spec: {addresses: [10.0.1.0-10.0.0.255]}}`, "the lower end of a range comes first"},
	"a reserved range is of one family":        {"AddressReservation/full", `{spec: {addresses: ["10.0.1.0-::1"]}}`, "both ends of a range must be of one family"},
	"a reserved range has two addresses":       {"AddressReservation/full", `{spec: {addresses: [10.0.1.0-x]}}`, "both ends of a range must be addresses"},
	"a reserved prefix has no host bits":       {"AddressReservation/full", `{spec: {addresses: [10.0.1.1/24]}}`, "a prefix must have no host bits"},
	"a reserved address is an address":         {"AddressReservation/full", `{spec: {addresses: [printer]}}`, notARange},
	"a reservation is for a name of a Wukong":  {"AddressReservation/full", `{spec: {for: {name: "a b"}}}`, "spec.for.name"},
	"a reservation is for a name of namespace": {"AddressReservation/full", `{spec: {for: {namespace: a.b}}}`, "spec.for.namespace"},

	"a lease":                               {"AddressLease/ip-192-0-2-10.lab.100", `{}`, ""},
	"a lease of an IPv6 address":            {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-2001-db8--5.lab}, spec: {address: "2001:db8::5", segment: lab}}`, ""},
	"a lease's name does not end in a dash": {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-2001-db8--0.lab}, spec: {address: "2001:db8::", segment: lab}}`, ""},
	"a lease's name says its address":       {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-192-0-2-11.lab.100}}`, "metadata.name must be ip-ADDRESS.SEGMENT"},
	"a lease's name says its segment":       {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-192-0-2-10.lab}}`, "metadata.name must be ip-ADDRESS.SEGMENT"},
	"a lease's address has one form":        {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-2001-DB8--5.lab.100}, spec: {address: "2001:DB8::5"}}`, "must be an address in canonical form"},
	"a lease's address is no text":          {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-x.lab.100}, spec: {address: x}}`, "must be an address in canonical form"},
	"a lease's segment has a VLAN":          {"AddressLease/ip-192-0-2-10.lab.100", `{metadata: {name: ip-192-0-2-10.lab.4095}, spec: {segment: lab.4095}}`, "spec.segment"},
	"a lease in use has a holder":           {"AddressLease/ip-192-0-2-10.lab.100", `{spec: {phase: Allocated, holder: null}}`, "a lease that is not Released or Cooling has a holder"},
	"a lease that is over may have no":      {"AddressLease/ip-192-0-2-10.lab.100", `{spec: {phase: Released, holder: null}}`, ""},
	"a lease's time is a time":              {"AddressLease/ip-192-0-2-10.lab.100", `{spec: {since: "2026-01-31T12:00:00x5Z"}}`, notRFC3339},
}

func TestTheSchemaDecidesWhatOneObjectAloneCanDecide(t *testing.T) {
	c := admin(t)
	for _, table := range []map[string]attempt{wukongRules, hostRules, addressRules} {
		for name, a := range table {
			t.Run(name, func(t *testing.T) {
				_, err := dryRun(t, c, patched(t, base(t, a.base), a.patch))
				if problem := verdict(err, a.refused); problem != nil {
					t.Error(problem)
				}
			})
		}
	}
}

// base gives an object of testdata/full by kind/name, without its status.
func base(t *testing.T, kindAndName string) *unstructured.Unstructured {
	t.Helper()
	kind, name, _ := strings.Cut(kindAndName, "/")
	for _, o := range full(t, kind) {
		if o.GetName() == name {
			delete(o.Object, "status")
			return o
		}
	}
	t.Fatalf("testdata/full has no %s", kindAndName)
	return nil
}

// updates change an object that is stored.
var updates = map[string]attempt{
	"an uplink's fabric stays":              {"HostUplink/full", `{spec: {physicalNetwork: other}}`, "physicalNetwork is immutable, because leases carry it: create a new HostUplink instead"},
	"an uplink's native VLAN stays":         {"HostUplink/full", `{spec: {nativeVlan: 5}}`, "nativeVlan is immutable, because leases carry the segment that follows from it: create a new HostUplink instead"},
	"an uplink's native VLAN does not go":   {"HostUplink/full", `{spec: {nativeVlan: null}}`, "nativeVlan is immutable"},
	"an uplink's native VLAN does not come": {"HostUplink/bonded", `{spec: {nativeVlan: 5}}`, "nativeVlan is immutable"},
	"an uplink's interface is a revision":   {"HostUplink/full", `{spec: {interface: eth2, mtu: 1500, nodeSelector: {matchLabels: null}}}`, ""},
	"a network's fabric stays":              {"HostNetwork/full", `{spec: {physicalNetwork: other}}`, "physicalNetwork is immutable, because leases carry it: create a new HostNetwork instead"},
	"a network's type stays":                {"HostNetwork/full", `{spec: {type: ovs}}`, "type is immutable, because machines attach by it: create a new HostNetwork instead"},
	"a network's VLAN stays":                {"HostNetwork/full", `{spec: {vlan: 5}}`, "vlan is immutable, because leases carry the segment that follows from it: create a new HostNetwork instead"},
	"a network's VLAN does not go":          {"HostNetwork/full", `{spec: {vlan: null}}`, "vlan is immutable"},
	"a network's trunk does not go":         {"HostNetwork/trunked", `{spec: {trunk: null}}`, "vlan is immutable"},
	"a network's trunk may grow":            {"HostNetwork/trunked", `{spec: {trunk: [{min: 1, max: 4094}]}}`, ""},
	"a network's bridge stays":              {"HostNetwork/full", `{spec: {bridge: {name: br-other}}}`, "bridge.name is immutable, because machines attach to it: create a new HostNetwork instead"},
	"a network's bridge does not go":        {"HostNetwork/full", `{spec: {bridge: null}}`, "bridge.name is immutable"},
	"a network's bridge does not come":      {"HostNetwork/trunked", `{spec: {bridge: {name: br-other}}}`, "bridge.name is immutable"},
	"what does not name a network may change": {"HostNetwork/full", `{spec: {mtu: 9000, default: false, linger: 0s, provision: OnDemand,
		allowedNamespaces: null, bridge: {stp: false}}}`, ""},
	"a pool's segment stays":     {"AddressPool/full", `{spec: {segment: {vlan: 5}}}`, "segment is immutable, because leases carry it: create a new AddressPool instead"},
	"a pool's subnet stays":      {"AddressPool/full", `{spec: {subnet: 192.0.0.0/16}}`, "subnet is immutable, because guests carry its length: create a new AddressPool instead"},
	"a pool's ranges may change": {"AddressPool/full", `{spec: {ranges: [192.0.2.10], exclude: null, gateway: 192.0.2.254}}`, ""},
	"a reservation may change":   {"AddressReservation/full", `{spec: {addresses: [192.0.2.11], for: null, reason: other}}`, ""},
	"a lease's address stays":    {"AddressLease/ip-192-0-2-10.lab.100", `{spec: {address: 192.0.2.11}}`, "address is immutable"},
	"a lease's segment stays":    {"AddressLease/ip-192-0-2-10.lab.100", `{spec: {segment: lab}}`, "segment is immutable"},
	"a lease's phase changes":    {"AddressLease/ip-192-0-2-10.lab.100", `{spec: {phase: Released, until: null}}`, ""},
	"everything of a Wukong may be changed": {"Wukong/full", `{spec: {virtualMachineName: null, guestConfig: null, cpu: 1,
		networks: [{name: other, type: macvlan}], disks: null}}`, ""},
}

func TestWhatLeasesAndMachinesCarryIsImmutableAndTheRestIsNot(t *testing.T) {
	c := admin(t)
	stored := map[string]*unstructured.Unstructured{}
	for _, a := range updates {
		if stored[a.base] == nil {
			stored[a.base] = store(t, c, base(t, a.base))
		}
	}
	for name, a := range updates {
		t.Run(name, func(t *testing.T) {
			err := c.Update(t.Context(), patched(t, stored[a.base], a.patch), client.DryRunAll)
			if problem := verdict(err, a.refused); problem != nil {
				t.Error(problem)
			}
		})
	}
}

// A time that the API server takes and Go does not would end the watch on the whole kind.
func TestTimesInAStatusAreThoseThatGoCanRead(t *testing.T) {
	c := admin(t)
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		if kind == "AddressLease" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			o := store(t, c, full(t, kind)[0])
			o.Object["status"] = full(t, kind)[0].Object["status"]
			if err := c.Status().Update(t.Context(), o.DeepCopy(), client.DryRunAll); err != nil {
				t.Fatalf("a full status is refused: %v", err)
			}
			err := c.Status().Update(t.Context(), patched(t, o, `{status: {conditions: [{type: Ready, status: "True",
				reason: R, message: m, lastTransitionTime: "2026-01-31t12:00:00z"}]}}`), client.DryRunAll)
			if problem := verdict(err, "lastTransitionTime must be a time of RFC 3339"); problem != nil {
				t.Error(problem)
			}
		})
	}
	for _, a := range []attempt{
		{"Wukong/full", `{status: {networks: [{name: lan, ipAllocatedTime: "2026-01-31T12:00:00+99:00"}]}}`, notRFC3339},
		{"Wukong/full", `{status: {networks: [{name: lan, addresses: [{address: a, since: "2026-01-31T12:00:00+99:00"}]}]}}`, notRFC3339},
		{"HostNetwork/full", `{status: {lastUsed: "2026-01-31t12:00:00z"}}`, notRFC3339},
	} {
		o := store(t, c, patched(t, base(t, a.base), `{metadata: {name: times}}`))
		err := c.Status().Update(t.Context(), patched(t, o, a.patch), client.DryRunAll)
		if problem := verdict(err, a.refused); problem != nil {
			t.Errorf("%s %s: %v", a.base, a.patch, problem)
		}
		if err := c.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// Every rule in the markers is one that the tables above refuse something by.
func TestEveryRuleHasACaseThatIsRefusedByIt(t *testing.T) {
	cases := map[string]string{}
	for _, table := range []map[string]attempt{wukongRules, hostRules, addressRules, updates} {
		for _, a := range table {
			kind, _, _ := strings.Cut(a.base, "/")
			if a.refused != "" {
				cases[kind] += a.refused + "\n"
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		for _, message := range messages(rootSchema(t, kind)) {
			ofTimes := strings.Contains(message, notRFC3339) // tested with the statuses, one by one
			tested := slices.ContainsFunc(strings.Split(cases[kind], "\n"), func(c string) bool {
				return c != "" && strings.Contains(message, c)
			})
			if !tested && !ofTimes {
				t.Errorf("%s: no case is refused by the rule %q", kind, message)
			}
		}
	}
}

func messages(s *apiextensionsv1.JSONSchemaProps) []string {
	var out []string
	for _, rule := range s.XValidations {
		out = append(out, rule.Message)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		out = append(out, messages(&child)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		out = append(out, messages(s.Items.Schema)...)
	}
	if a := s.AdditionalProperties; a != nil && a.Schema != nil {
		out = append(out, messages(a.Schema)...)
	}
	return out
}
