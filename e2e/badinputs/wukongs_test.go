package badinputs_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// complaint is a spec of a Wukong and what is said about it: by the schema, or by the controller with a reason.
type complaint struct {
	spec string
	// reason of Ready; empty where the schema refuses.
	reason string
	// words are in the message: the path of the field, and what to do.
	words []string
}

func refused(spec string, words ...string) complaint { return complaint{spec, "", words} }
func invalid(spec, path string, words ...string) complaint {
	return complaint{spec, v1alpha1.ReasonInvalidSpec, append(words, path+": ")}
}

// one is a spec with one network on the network that works.
func one(ipConfig string) string {
	return "{networks: [{name: lan, hostNetwork: good, ipConfig: " + ipConfig + "}]}"
}

// trunked is a network on the trunk whose VLANs 100 to 105 are open to everybody.
func trunked(vlan string) string {
	return "{networks: [{name: lan, hostNetwork: tenants, " + vlan + "ipConfig: {mode: static, address: 192.0.2.9/24}}]}"
}

func static(address string) string { return one(`{mode: static, address: "` + address + `"}`) }

const (
	ipConfig = "spec.networks[0].ipConfig."
	address  = ipConfig + "address"
)

var complaints = map[string]complaint{
	// W-01 to W-11: addressing.
	"static with neither address nor pool":   invalid(one(`{mode: static}`), address, "needs an address with its prefix length", "ipPool"),
	"static with an empty address":           invalid(static(""), address, "needs an address"),
	"an address without a prefix length":     refused(static("10.0.0.5"), address, "must be an address with its prefix length"),
	"an address with a leading zero":         refused(static("010.0.0.5/24"), address),
	"an address that is YAML":                refused(static(`10.0.0.5/24\n      routes:\n        - to: 0.0.0.0/0\n          via: 10.0.0.66`), address),
	"an address with a zone":                 refused(static("fe80::1%eth0/64"), address),
	"an IPv4 address in IPv6 form":           refused(static("::ffff:10.0.0.5/120"), address),
	"the address of the network":             invalid(static("192.0.2.0/24"), address, "network address", "use an address between"),
	"the broadcast address":                  invalid(static("192.0.2.255/24"), address, "broadcast address"),
	"the router's anycast address":           invalid(static("2001:db8:1::/64"), address, "anycast"),
	"no prefix length at all":                invalid(static("192.0.2.9/0"), address, "prefix length 0"),
	"the unspecified address":                invalid(static("0.0.0.0/32"), address),
	"a loopback address":                     invalid(static("127.0.0.1/8"), address, "loopback"),
	"a link-local address":                   invalid(static("fe80::1/64"), address, "link-local"),
	"a multicast address":                    invalid(static("224.0.0.5/24"), address, "multicast"),
	"the limited broadcast address":          invalid(static("255.255.255.255/32"), address),
	"an address that is its gateway":         invalid(one(`{mode: static, address: 192.0.2.9/24, gateway: 192.0.2.9}`), ipConfig+"gateway", "own address"),
	"a gateway of the other family":          invalid(one(`{mode: static, address: 192.0.2.9/24, gateway: "2001:db8::1"}`), ipConfig+"gateway", "same family"),
	"a gateway that is not on the link":      invalid(one(`{mode: static, address: 192.0.2.9/24, gateway: 198.51.100.1}`), ipConfig+"gateway", "onLink"),
	"a gateway with a prefix length":         refused(one(`{mode: static, address: 192.0.2.9/24, gateway: 192.0.2.1/24}`), ipConfig+"gateway"),
	"a DNS server that is YAML":              refused(one(`{mode: dhcp, dnsServers: ["8.8.8.8]\n, x: {y"]}`), ipConfig+"dnsServers[0]"),
	"a DNS server that is an alias":          refused(one(`{mode: dhcp, dnsServers: ["*alias"]}`), ipConfig+"dnsServers[0]"),
	"a DNS server that is an anchor":         refused(one(`{mode: dhcp, dnsServers: ["&a x"]}`), ipConfig+"dnsServers[0]"),
	"a DNS server that is a tag":             refused(one(`{mode: dhcp, dnsServers: ["!!python/object"]}`), ipConfig+"dnsServers[0]"),
	"a DNS server that ends the document":    refused(one(`{mode: dhcp, dnsServers: ["---"]}`), ipConfig+"dnsServers[0]"),
	"a DNS server that is nobody":            invalid(one(`{mode: dhcp, dnsServers: [0.0.0.0]}`), ipConfig+"dnsServers[0]"),
	"too many DNS servers":                   refused(one(`{mode: dhcp, dnsServers: [`+strings.Repeat("192.0.2.53, ", 33)+`]}`), "dnsServers"),
	"a search domain with a line break":      refused(one(`{mode: dhcp, searchDomains: ["a\nb"]}`), ipConfig+"searchDomains[0]"),
	"a search domain with a long label":      invalid(one(`{mode: dhcp, searchDomains: [`+strings.Repeat("a", 64)+`]}`), ipConfig+"searchDomains[0]"),
	"a route to a host's prefix":             refused(one(`{mode: static, address: 192.0.2.9/24, routes: [{to: 10.0.0.1/8, via: 192.0.2.1}]}`), "routes[0].to"),
	"a route through the other family":       invalid(one(`{mode: static, address: 192.0.2.9/24, routes: [{to: 10.0.0.0/8, via: "2001:db8::1"}]}`), ipConfig+"routes[0].via"),
	"a route through nowhere":                invalid(one(`{mode: static, address: 192.0.2.9/24, routes: [{to: 10.0.0.0/8, via: 198.51.100.1}]}`), ipConfig+"routes[0].via"),
	"two default routes":                     invalid(one(`{mode: static, address: 192.0.2.9/24, gateway: 192.0.2.1, routes: [{to: 0.0.0.0/0, via: 192.0.2.2}]}`), "spec.networks[0].ipConfig", "routes[0] gives a second default route", "remove either"),
	"a metric beyond what is a number":       refused(one(`{mode: static, address: 192.0.2.9/24, routes: [{to: 10.0.0.0/8, via: 192.0.2.1, metric: 4294967296}]}`), "metric"),
	"an additional address of no source":     refused(one(`{mode: static, address: 192.0.2.9/24, additionalAddresses: [{}]}`), "additionalAddresses[0]", "give either address or ipPool"),
	"an additional network address":          invalid(one(`{mode: static, address: 192.0.2.9/24, additionalAddresses: [{address: 10.0.0.0/24}]}`), ipConfig+"additionalAddresses[0].address"),
	"one address twice in a network":         invalid(one(`{mode: static, address: 192.0.2.9/24, additionalAddresses: [{address: 192.0.2.9/25}]}`), ipConfig+"additionalAddresses[0].address", "ask for each address once"),
	"one IPv6 address in two spellings":      invalid(one(`{mode: static, address: "2001:db8::9/64", additionalAddresses: [{address: "2001:DB8:0:0::9/64"}]}`), ipConfig+"additionalAddresses[0].address"),
	"two networks of one name":               invalid(`{networks: [{name: a, hostNetwork: good}, {name: a, hostNetwork: good}]}`, "spec.networks[1].name", "its own name"),
	"two primary networks":                   invalid(`{networks: [{name: a, primary: true}, {name: b, primary: true}]}`, "spec.networks[1].primary", "at most one"),
	"two networks of one MAC":                invalid(`{networks: [{name: a, macAddress: "02:00:00:00:00:01"}, {name: b, macAddress: "02:00:00:00:00:01"}]}`, "spec.networks[1].macAddress"),
	"a MAC of a group":                       refused(`{networks: [{name: a, macAddress: "01:00:5e:00:00:01"}]}`, "macAddress"),
	"an MTU that switches IPv6 off":          invalid(`{networks: [{name: a, hostNetwork: good, mtu: 1000, ipConfig: {mode: static, address: "2001:db8::9/64"}}]}`, "spec.networks[0].mtu", "1280"),
	"an MTU beyond Ethernet":                 refused(`{networks: [{name: a, mtu: 65536}]}`, "mtu"),
	"a name of a network that is a time":     refused(`{networks: [{name: "12:30"}]}`, "spec.networks[0].name"),
	"a name of a network that is no label":   invalid(`{networks: [{name: `+strings.Repeat("a", 64)+`}]}`, "spec.networks[0].name", "63"),
	"a name of a network in another script":  refused(`{networks: [{name: "ｌａｎ"}]}`, "spec.networks[0].name"),
	"a VLAN of 0":                            refused(`{networks: [{name: a, vlanId: 0}]}`, "vlanId"),
	"a VLAN of 4095":                         refused(`{networks: [{name: a, vlanId: 4095}]}`, "vlanId"),
	"a VLAN below 0":                         refused(`{networks: [{name: a, vlanId: -1}]}`, "vlanId"),
	"a VLAN and a half":                      refused(`{networks: [{name: a, vlanId: 1.5}]}`, "vlanId"),
	"a VLAN that is a text":                  refused(`{networks: [{name: a, vlanId: "100"}]}`, "vlanId"),
	"more networks than a machine has slots": refused(`{networks: [`+strings.Repeat("{name: a}, ", 65)+`]}`, "spec.networks"),

	// Types that nobody declared a network of.
	"macvlan": {`{networks: [{name: a, type: macvlan, ipConfig: {mode: static, address: 192.0.2.9/24}}]}`, v1alpha1.ReasonHostNetworkNotFound,
		[]string{"spec.networks[0]", "default of type macvlan"}},
	"ovs": {`{networks: [{name: a, type: ovs, ipConfig: {mode: static, address: 192.0.2.9/24}}]}`, v1alpha1.ReasonHostNetworkNotFound,
		[]string{"spec.networks[0]", "default of type ovs"}},
	"sriov with a VLAN (W-12)": {`{networks: [{name: a, type: sriov, vlanId: 5, ipConfig: {mode: static, address: 192.0.2.9/24}}]}`, v1alpha1.ReasonHostNetworkNotFound,
		[]string{"spec.networks[0].vlanId", "no HostNetwork has VLAN 5"}},
	"an untagged network with a VLAN": {`{networks: [{name: a, hostNetwork: good, vlanId: 5}]}`, v1alpha1.ReasonHostNetworkAmbiguous,
		[]string{"spec.networks[0].vlanId", "remove vlanId"}},

	// What selects a HostNetwork.
	"a network that nobody declared": {`{networks: [{name: a, hostNetwork: other}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].hostNetwork"}},
	"a network with a line break":    {`{networks: [{name: a, hostNetwork: "good\n---\nkind: Pod"}]}`, v1alpha1.ReasonHostNetworkNotFound, nil},
	"a bridge that reorders text":    {`{networks: [{name: a, bridgeName: "br-\u202egood"}]}`, v1alpha1.ReasonHostNetworkNotFound, nil},
	"an interface with a template":   {`{networks: [{name: a, physicalInterface: "{{ .Node }}"}]}`, v1alpha1.ReasonHostNetworkNotFound, nil},
	"an interface with a NUL":        {`{networks: [{name: a, physicalInterface: "eth1\u0000"}]}`, v1alpha1.ReasonHostNetworkNotFound, nil},
	"an attachment with a path":      {`{networks: [{name: a, nadName: "../../kube-system/x"}]}`, v1alpha1.ReasonHostNetworkNotFound, nil},
	"a VLAN that nobody declared":    {`{networks: [{name: a, vlanId: 77}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"vlanId"}},

	// VLANs of a trunk: what is closed to a namespace is not told to it.
	"a trunk without a VLAN":            {trunked(""), v1alpha1.ReasonInvalidSpec, []string{"spec.networks[0].vlanId", "100-105"}},
	"a VLAN below the trunk":            {trunked("vlanId: 99, "), v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].vlanId", "100-105"}},
	"a VLAN of a range that is closed":  refused(trunked("vlanId: 150, "), "spec.networks", "is not open to namespace trouble"),
	"a VLAN at the end of another's":    refused(trunked("vlanId: 199, "), "spec.networks", "is not open to namespace trouble"),
	"a VLAN above the trunk":            {trunked("vlanId: 4094, "), v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].vlanId", "100-105"}},
	"an attachment of a closed VLAN":    refused(`{networks: [{name: a, nadName: wukong150-tenants}]}`, "spec.networks", "is not open to namespace trouble"),
	"an attachment of VLAN 0":           {`{networks: [{name: a, nadName: wukong0-tenants}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].nadName"}},
	"an attachment of no end of VLANs":  {`{networks: [{name: a, nadName: wukong99999999999999999999-tenants}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].nadName"}},
	"an attachment with a leading zero": {`{networks: [{name: a, nadName: wukong0100-tenants}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].nadName"}},
	"an attachment of another's space":  {`{networks: [{name: a, nadName: neighbours/wukong-good}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].nadName"}},
	"an attachment that is not here":    {`{networks: [{name: a, nadName: theirs}]}`, v1alpha1.ReasonHostNetworkNotFound, []string{"spec.networks[0].nadName"}},
	"an attachment with a VLAN beside":  {`{networks: [{name: a, nadName: wukong101-tenants, vlanId: 102}]}`, v1alpha1.ReasonHostNetworkAmbiguous, []string{"spec.networks[0]"}},

	// What draws from a pool.
	"a pool that nobody declared":  {one(`{mode: static, ipPool: some-pool}`), v1alpha1.ReasonPoolNotFound, []string{ipConfig + "ipPool", "some-pool"}},
	"a pool with a line break":     {one(`{mode: static, ipPool: "a\n---\nkind: Pod"}`), v1alpha1.ReasonPoolNotFound, []string{ipConfig + "ipPool"}},
	"a pool beside an odd address": invalid(one(`{mode: static, address: 192.0.2.0/24, ipPool: some-pool}`), ipConfig+"address"),

	// What others hold (W-05, W-14).
	"the neighbour's address":                     {static("192.0.2.5/24"), v1alpha1.ReasonAddressInUse, []string{"192.0.2.5"}},
	"the neighbour's address with another length": {static("192.0.2.5/16"), v1alpha1.ReasonAddressInUse, nil},
	"the neighbour's address in another spelling": {static("2001:DB8:0:0::5/64"), v1alpha1.ReasonAddressInUse, []string{"2001:db8::5"}},
	"an address of a node":                        {static(world.Node("", firstNode).Address.String() + "/24"), v1alpha1.ReasonAddressConflict, []string{"good-1", "eth0"}},
	"one of two addresses is held":                {one(`{mode: static, address: 192.0.2.200/24, additionalAddresses: [{address: 192.0.2.5/24}]}`), v1alpha1.ReasonAddressInUse, nil},

	// The machine.
	"a disk named like the disk with network data": invalid(`{disks: [{name: cloudinitdisk, size: 1Gi}]}`, "spec.disks[0].name"),
	"two disks of one name":                        invalid(`{disks: [{name: a, size: 1Gi}, {name: a, size: 1Gi}]}`, "spec.disks[1].name"),
	"a disk of nothing":                            invalid(`{disks: [{name: a, size: "0"}]}`, "spec.disks[0].size"),
	"a disk of another unit":                       refused(`{disks: [{name: a, size: 1GB}]}`, "spec.disks[0].size"),
	"an image by another protocol":                 invalid(`{disks: [{name: a, size: 1Gi, image: "file:///etc/shadow"}]}`, "spec.disks[0].image", "docker://"),
	"an image with a line break":                   invalid(`{disks: [{name: a, size: 1Gi, image: "docker://a/b\nc"}]}`, "spec.disks[0].image"),
	"a storage class that is no name":              invalid(`{disks: [{name: a, size: 1Gi, storageClassName: "A b"}]}`, "spec.disks[0].storageClassName"),
	"no memory":                                    invalid(`{memory: "0", disks: [{name: a, size: 1Gi}]}`, "spec.memory"),
	"more CPUs than there are":                     refused(`{cpu: 513}`, "spec.cpu"),
	"a user with a line break":                     invalid(`{cloudInitUser: {name: "a\nb"}, disks: [{name: a, size: 1Gi}]}`, "spec.cloudInitUser.name", "control character"),
	"a password with a line break":                 invalid(`{cloudInitUser: {name: a, password: "hunter2\nrunc"}, disks: [{name: a, size: 1Gi}]}`, "spec.cloudInitUser.password"),
	"a Secret that is no name":                     invalid(`{sshKeySecret: "../other", disks: [{name: a, size: 1Gi}]}`, "spec.sshKeySecret"),
	"a label of nodes that is none":                invalid(`{highAvailability: {nodeSelector: {a: "b c"}}, disks: [{name: a, size: 1Gi}]}`, "spec.highAvailability.nodeSelector"),
	"a toleration of anything":                     invalid(`{highAvailability: {tolerations: [{operator: Like}]}, disks: [{name: a, size: 1Gi}]}`, "spec.highAvailability.tolerations[0]"),
	"a GPU that is no resource":                    invalid(`{gpus: [{name: a, deviceName: gpu}], disks: [{name: a, size: 1Gi}]}`, "spec.gpus[0].deviceName"),
	"somebody else's machine by a path":            refused(`{virtualMachineName: "a/b"}`, "spec.virtualMachineName"),
	"an unknown way to tell the guest":             refused(`{guestConfig: Telepathy}`, "spec.guestConfig"),
}

func TestEveryMalformedWukongIsRefusedOrReportedAndNothingIsWrittenForIt(t *testing.T) {
	s := onStage(t)
	s.empty(t, badSpace)
	s.Requests.Reset()
	stored := map[string]*unstructured.Unstructured{}
	for i, name := range slices.Sorted(maps.Keys(complaints)) {
		c := complaints[name]
		o := object(t, "Wukong", badSpace, fmt.Sprintf("bad-%02d", i), c.spec)
		err := s.Admin.Create(t.Context(), o)
		if c.reason != "" {
			if err != nil {
				t.Errorf("%s: is refused, and should be reported: %v", name, err)
				continue
			}
			stored[name] = o
			continue
		}
		if err == nil {
			t.Errorf("%s: is accepted", name)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: the refusal has no %q: %v", name, word, err)
			}
		}
	}
	for name, o := range stored {
		t.Run(name, func(t *testing.T) {
			eventually(t, func() error { return s.reports(o, complaints[name].reason, complaints[name].words...) })
		})
	}
	s.nothingFor(t, badSpace)
	s.fewStatuses(t, stored)
	s.undisturbed(t)

	// What is corrected works.
	for i, name := range slices.Sorted(maps.Keys(stored)) {
		o := stored[name]
		correct := object(t, "Wukong", badSpace, o.GetName(), static(fmt.Sprintf("192.0.2.%d/24", 20+i)))
		eventually(t, func() error {
			if err := s.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			o.Object["spec"] = correct.Object["spec"]
			return s.Admin.Update(t.Context(), o)
		})
	}
	for name, o := range stored {
		t.Run("corrected: "+name, func(t *testing.T) { eventually(t, func() error { return s.ready(o) }) })
		if err := s.Admin.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	s.undisturbed(t)
}

// empty takes away what an earlier run of a test has left in a namespace: attachments stay with their HostNetwork.
func (s *stage) empty(t *testing.T, namespace string) {
	t.Helper()
	for _, o := range []client.Object{&netattach.NetworkAttachmentDefinition{}, &corev1.Secret{}} {
		if err := s.Admin.DeleteAllOf(t.Context(), o, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
	}
}

// nothingFor checks that no lease, Secret, attachment or machine exists for a namespace.
func (s *stage) nothingFor(t *testing.T, namespace string) {
	t.Helper()
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &netattach.NetworkAttachmentDefinitionList{}, &kubevirtv1.VirtualMachineList{}} {
		if err := s.Admin.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		if n := lengthOf(list); n > 0 {
			t.Errorf("%d objects of %T exist in namespace %s", n, list, namespace)
		}
	}
	leases := &v1alpha1.AddressLeaseList{}
	if err := s.Admin.List(t.Context(), leases); err != nil {
		t.Fatal(err)
	}
	for _, l := range leases.Items {
		if h := l.Spec.Holder; h != nil && h.Namespace == namespace && l.Spec.Phase == v1alpha1.LeaseAllocated {
			t.Errorf("lease %s is %s for %s/%s", l.Name, l.Spec.Phase, h.Namespace, h.Name)
		}
	}
}

func lengthOf(list client.ObjectList) int {
	switch l := list.(type) {
	case *corev1.SecretList:
		return len(l.Items)
	case *netattach.NetworkAttachmentDefinitionList:
		return len(l.Items)
	case *kubevirtv1.VirtualMachineList:
		return len(l.Items)
	}
	return -1
}

// fewStatuses checks that what is wrong is said, and not said again and again.
func (s *stage) fewStatuses(t *testing.T, stored map[string]*unstructured.Unstructured) {
	t.Helper()
	count := map[string]int{}
	for _, w := range s.Requests.Writes() {
		if w.Resource == "wukongs/status" && w.Namespace == badSpace && w.Code == 200 {
			count[w.Name]++
		}
	}
	for name, o := range stored {
		most := 2 // what is evident elsewhere may change meanwhile
		if complaints[name].reason == v1alpha1.ReasonInvalidSpec {
			most = 1
		}
		if n := count[o.GetName()]; n == 0 || n > most {
			t.Errorf("%s: the status was written %d times", name, n)
		}
	}
}

func TestABadEditKeepsTheAddressAndTheLastGoodSpecRestoresReady(t *testing.T) {
	s := onStage(t)
	o := object(t, "Wukong", oddSpace, "edited", static("192.0.2.150/24"))
	if err := s.Admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Admin.Delete(context.Background(), o) })
	eventually(t, func() error { return s.ready(o) })
	lease := &v1alpha1.AddressLease{}
	for i, bad := range []string{one(`{mode: static}`), static("192.0.2.0/24"), static("127.0.0.1/8"), `{networks: [{name: lan, hostNetwork: gone}]}`} {
		s.edit(t, o, bad)
		reason := v1alpha1.ReasonInvalidSpec
		if strings.Contains(bad, "gone") {
			reason = v1alpha1.ReasonHostNetworkNotFound
		}
		eventually(t, func() error { return s.reports(o, reason) })
		s.edit(t, o, static("192.0.2.150/24"))
		eventually(t, func() error { return s.ready(o) })
		if err := s.Admin.Get(t.Context(), client.ObjectKey{Name: "ip-192-0-2-150.good"}, lease); err != nil {
			t.Fatal(err)
		}
		if lease.Spec.Phase != v1alpha1.LeaseAllocated || lease.Spec.Holder.UID != o.GetUID() {
			t.Errorf("after bad edit %d the lease is %s, held by %+v", i, lease.Spec.Phase, lease.Spec.Holder)
		}
	}
	s.undisturbed(t)
}

func (s *stage) edit(t *testing.T, o *unstructured.Unstructured, spec string) {
	t.Helper()
	next := object(t, "Wukong", o.GetNamespace(), o.GetName(), spec)
	eventually(t, func() error {
		if err := s.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		o.Object["spec"] = next.Object["spec"]
		return s.Admin.Update(t.Context(), o)
	})
}

// The edge of what is accepted: odd, and fine.
var fine = map[string]string{
	"names that YAML 1.1 retypes (W-10)": `{networks: [{name: "yes", hostNetwork: good}, {name: "on", hostNetwork: good}, {name: "null", hostNetwork: good},
		{name: "1e3", hostNetwork: good}, {name: "0x10", hostNetwork: good, ipConfig: {mode: static, address: 192.0.2.160/24}}]}`,
	"the first address of two (W-04)":  static("192.0.2.162/31"),
	"the second address of two (W-04)": static("192.0.2.165/31"),
	"an address of its own (W-04)":     static("192.0.2.166/32"),
	"an IPv6 address of two (W-04)":    static("2001:db8::161/127"),
	"an IPv6 address of its own":       static("2001:db8::166/128"),
	"one DNS server many times":        one(`{mode: static, address: 192.0.2.167/24, dnsServers: [192.0.2.53, 192.0.2.53, 192.0.2.53]}`),
	"texts that look like YAML in places for texts": `{cloudInitUser: {name: "*a", sudo: "&b !!c - {d: [e]}", password: "---", shell: "%YAML 1.1", groups: ["yes", "~", "0x1"]},
		osImage: "\u202e", networks: [{name: lan, hostNetwork: good, ipConfig: {mode: static, address: 192.0.2.168/24}}]}`,
	"a link-local gateway of IPv6": one(`{mode: static, address: "2001:db8::168/64", gateway: "fe80::1"}`),
	"no network at all":            `{}`,
	"the pod network alone":        `{networks: [{name: default, ipConfig: {mode: static, address: 192.0.2.5/24}}]}`,
}

func TestWhatIsOddAndFineBecomesReady(t *testing.T) {
	s := onStage(t)
	names := slices.Sorted(maps.Keys(fine))
	var all []*unstructured.Unstructured
	for i, name := range names {
		o := object(t, "Wukong", oddSpace, fmt.Sprintf("fine-%d", i), fine[name])
		if err := s.Admin.Create(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, o)
	}
	long := object(t, "Wukong", oddSpace, strings.Repeat("a", 60), static("192.0.2.170/24"))
	tooLong := object(t, "Wukong", oddSpace, strings.Repeat("a", 61), static("192.0.2.171/24"))
	for _, o := range []*unstructured.Unstructured{long, tooLong} {
		if err := s.Admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) { eventually(t, func() error { return s.ready(all[i]) }) })
	}
	t.Run("a name of a Wukong that leaves room for its machine's (W-18)", func(t *testing.T) {
		eventually(t, func() error { return s.ready(long) })
	})
	t.Run("a name of a Wukong that does not (W-18)", func(t *testing.T) {
		eventually(t, func() error { return s.reports(tooLong, v1alpha1.ReasonInvalidSpec, "metadata.name: ", "63") })
	})
	for _, o := range append(all, long, tooLong) {
		if err := s.Admin.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	s.undisturbed(t)
}
