package render_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// wukong is a Wukong with one static network that is right in everything, which a test then spoils.
func wukong(change func(*v1alpha1.Wukong)) *v1alpha1.Wukong {
	w := &v1alpha1.Wukong{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web"},
		Spec:       v1alpha1.WukongSpec{Networks: []v1alpha1.WukongNetwork{static("lan", "192.0.2.10/24", "192.0.2.1")}},
	}
	if change != nil {
		change(w)
	}
	return w
}

func static(name string, address v1alpha1.CIDR, gateway v1alpha1.Address) v1alpha1.WukongNetwork {
	return v1alpha1.WukongNetwork{Name: name, IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &address, Gateway: &gateway}}
}

// network changes the one network of wukong.
func network(change func(*v1alpha1.WukongNetwork)) func(*v1alpha1.Wukong) {
	return func(w *v1alpha1.Wukong) { change(&w.Spec.Networks[0]) }
}

func ip(change func(*v1alpha1.IPConfig)) func(*v1alpha1.Wukong) {
	return network(func(n *v1alpha1.WukongNetwork) { change(n.IPConfig) })
}

func address(text v1alpha1.CIDR) func(*v1alpha1.Wukong) {
	return ip(func(c *v1alpha1.IPConfig) { c.Address, c.Gateway = &text, nil })
}

func gateway(text v1alpha1.Address) func(*v1alpha1.Wukong) {
	return ip(func(c *v1alpha1.IPConfig) { c.Gateway = &text })
}

func route(r v1alpha1.Route) func(*v1alpha1.Wukong) {
	return ip(func(c *v1alpha1.IPConfig) { c.Routes = append(c.Routes, r) })
}

func also(a v1alpha1.CIDR, gateway v1alpha1.Address) func(*v1alpha1.Wukong) {
	return ip(func(c *v1alpha1.IPConfig) {
		c.AdditionalAddresses = append(c.AdditionalAddresses, v1alpha1.AdditionalAddress{Address: &a, Gateway: &gateway})
	})
}

func disk(d v1alpha1.Disk) func(*v1alpha1.Wukong) {
	return func(w *v1alpha1.Wukong) { w.Spec.Disks = append(w.Spec.Disks, d) }
}

func both(changes ...func(*v1alpha1.Wukong)) func(*v1alpha1.Wukong) {
	return func(w *v1alpha1.Wukong) {
		for _, c := range changes {
			c(w)
		}
	}
}

func number(n int32) *int32 { return &n }

const at = "spec.networks[0]"

func TestAddressesKeepTheOrderOfTheSpecAndSayWhereTheyComeFrom(t *testing.T) {
	named := v1alpha1.CIDR("192.0.2.20/24")
	request, errs := render.ParseWukong(wukong(ip(func(c *v1alpha1.IPConfig) {
		c.IPPool = "web"
		c.AdditionalAddresses = []v1alpha1.AdditionalAddress{{IPPool: "six", Reserved: true}, {Address: &named}, {IPPool: "web", Gateway: ptr(v1alpha1.Address("192.0.2.1"))}}
		c.Routes = []v1alpha1.Route{{To: "198.51.100.0/24", Via: "203.0.113.1"}}
	})))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := []render.Address{
		{Path: at + ".ipConfig.address", Pool: "web", Prefix: netip.MustParsePrefix("192.0.2.10/24"), Gateway: netip.MustParseAddr("192.0.2.1")},
		{Path: at + ".ipConfig.additionalAddresses[0].ipPool", Pool: "six", Reserved: true},
		{Path: at + ".ipConfig.additionalAddresses[1].address", Prefix: netip.MustParsePrefix("192.0.2.20/24")},
		{Path: at + ".ipConfig.additionalAddresses[2].ipPool", Pool: "web", Gateway: netip.MustParseAddr("192.0.2.1")},
	}
	n := request.Networks[0]
	if diff := cmp.Diff(want, n.Addresses, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if !n.Served() || !n.Static() || len(n.Routes) != 1 {
		t.Errorf("served: %v, static: %v, routes: %v", n.Served(), n.Static(), n.Routes)
	}
}

func TestParseWukongRefusesWhatCannotWork(t *testing.T) {
	mac := func(text v1alpha1.MACAddress) func(*v1alpha1.Wukong) {
		return network(func(n *v1alpha1.WukongNetwork) { n.MACAddress = &text })
	}
	server := func(text v1alpha1.Address) func(*v1alpha1.Wukong) {
		return ip(func(c *v1alpha1.IPConfig) { c.DNSServers = []v1alpha1.Address{text} })
	}
	root := v1alpha1.Disk{Name: "root", Size: "1Gi"}
	cases := map[string]struct {
		change func(*v1alpha1.Wukong)
		// want are the path of the error and a part of its text.
		path, text string
	}{
		"mode static needs an address or a pool":               {ip(func(c *v1alpha1.IPConfig) { c.Address = nil }), at + ".ipConfig.address", "or an ipPool"},
		"an empty address counts as none":                      {address(""), at + ".ipConfig.address", "or an ipPool"},
		"a mode must be said":                                  {ip(func(c *v1alpha1.IPConfig) { c.Mode = "" }), at + ".ipConfig.mode", "static or dhcp"},
		"a mode must be known":                                 {ip(func(c *v1alpha1.IPConfig) { c.Mode = "auto" }), at + ".ipConfig.mode", `"auto"`},
		"an address needs its prefix length":                   {address("10.0.0.5"), at + ".ipConfig.address", "10.0.0.5/24"},
		"an address has no leading zeros":                      {address("010.0.0.5/24"), at + ".ipConfig.address", "leading zero"},
		"the network address is nobody's":                      {address("10.0.0.0/24"), at + ".ipConfig.address", "network address"},
		"the broadcast address is nobody's":                    {address("10.0.0.255/24"), at + ".ipConfig.address", "broadcast address"},
		"a loopback address is not a machine's":                {address("127.0.0.1/8"), at + ".ipConfig.address", "loopback"},
		"a zone belongs to no address":                         {address("fe80::1%eth0/64"), at + ".ipConfig.address", "zone"},
		"IPv4 is not written as IPv6":                          {address("::ffff:10.0.0.5/120"), at + ".ipConfig.address", "10.0.0.5/24"},
		"an address is not a piece of YAML":                    {address("10.0.0.5/24\n      routes:\n        - to: 0.0.0.0/0\n          via: 10.0.0.66"), at + ".ipConfig.address", "not an address"},
		"the gateway is not the machine itself":                {gateway("192.0.2.10"), at + ".ipConfig.gateway", "own address"},
		"the gateway is of the same family":                    {gateway("2001:db8::1"), at + ".ipConfig.gateway", "same family"},
		"the gateway has no prefix length":                     {gateway("192.0.2.1/24"), at + ".ipConfig.gateway", "write 192.0.2.1"},
		"the gateway is on the subnet":                         {gateway("192.0.3.1"), at + ".ipConfig.gateway", "onLink"},
		"a second default route of a family needs another NIC": {also("192.0.2.11/24", "192.0.2.2"), at + ".ipConfig", "second default route"},
		"a default route beside a gateway is the second one":   {route(v1alpha1.Route{To: "0.0.0.0/0", Via: "192.0.2.2"}), at + ".ipConfig", "second default route"},
		"a DNS server is an address":                           {server("dns.example.com"), at + ".ipConfig.dnsServers[0]", "is not an address"},
		"a DNS server is no alias of YAML":                     {server("*alias"), at + ".ipConfig.dnsServers[0]", "is not an address"},
		"a DNS server closes no list of YAML":                  {server("8.8.8.8]\n, x: {y"), at + ".ipConfig.dnsServers[0]", "is not an address"},
		"a search domain is a DNS name":                        {ip(func(c *v1alpha1.IPConfig) { c.SearchDomains = []v1alpha1.DomainName{"a b"} }), at + ".ipConfig.searchDomains[0]", "example.com"},
		"the destination of a route has no host bits":          {route(v1alpha1.Route{To: "10.0.0.1/8", Via: "192.0.2.1"}), at + ".ipConfig.routes[0].to", "write 10.0.0.0/8"},
		"the next hop of a route is on a subnet":               {route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.3.1"}), at + ".ipConfig.routes[0].via", "not in the subnet"},
		"the next hop of a route is of the route's family":     {route(v1alpha1.Route{To: "10.0.0.0/8", Via: "fe80::1"}), at + ".ipConfig.routes[0].via", "same family"},
		"a route needs an address of its family":               {route(v1alpha1.Route{To: "2001:db8::/32", Via: "fe80::1"}), at + ".ipConfig.routes[0].via", "no address of this family"},
		"a route needs a next hop":                             {route(v1alpha1.Route{To: "10.0.0.0/8"}), at + ".ipConfig.routes[0].via", "next hop"},
		"a metric is not negative":                             {route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.1", Metric: number(-1)}), at + ".ipConfig.routes[0].metric", "0 or more"},
		"a destination is given once":                          {both(route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.1"}), route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2"})), at + ".ipConfig.routes[1].to", "routes[0].to"},
		"an additional address is explicit or from a pool":     {ip(func(c *v1alpha1.IPConfig) { c.AdditionalAddresses = []v1alpha1.AdditionalAddress{{}} }), at + ".ipConfig.additionalAddresses[0]", "either address or ipPool"},
		"two networks need two names": {func(w *v1alpha1.Wukong) {
			w.Spec.Networks = append(w.Spec.Networks, static("lan", "192.0.2.11/24", ""))
		}, "spec.networks[1].name", "spec.networks[0].name"},
		"one address is asked for once": {func(w *v1alpha1.Wukong) {
			w.Spec.Networks = append(w.Spec.Networks, static("lan2", "192.0.2.10/25", ""))
		}, "spec.networks[1].ipConfig.address", "spec.networks[0].ipConfig.address"},
		"two spellings of one address are one address":         {both(address("2001:db8::5/64"), also("2001:DB8:0:0::5/64", "")), at + ".ipConfig.additionalAddresses[0].address", "is the same as"},
		"the gateway is no further address of the machine":     {both(gateway("192.0.2.11"), also("192.0.2.11/24", "")), at + ".ipConfig.gateway", "own address"},
		"the gateway is no address of the machine's networks":  {more(static("b", "192.0.2.1/24", "")), at + ".ipConfig.gateway", "by spec.networks[1].ipConfig.address"},
		"a next hop is no further address of the machine":      {both(also("192.0.2.11/24", ""), route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.11"})), at + ".ipConfig.routes[0].via", "own address"},
		"a next hop is not the machine itself":                 {route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.10"}), at + ".ipConfig.routes[0].via", "own address"},
		"a next hop off the link is of a family that is there": {route(v1alpha1.Route{To: "2001:db8::/32", Via: "2001:db8::1", OnLink: true}), at + ".ipConfig.routes[0].via", "no address of this family"},
		"a /32 reaches no gateway by itself":                   {both(address("192.0.2.10/32"), gateway("192.0.2.1")), at + ".ipConfig.gateway", "onLink"},
		"a /128 reaches no gateway by itself":                  {both(address("2001:db8::10/128"), gateway("2001:db8::1")), at + ".ipConfig.gateway", "onLink"},
		"a gateway of IPv6 needs an address of IPv6":           {both(gateway(""), route(v1alpha1.Route{To: "::/0", Via: "fe80::1"})), at + ".ipConfig.routes[0].via", "no address of this family"},
		"IPv6 beside IPv4 needs an MTU of 1280":                {both(also("2001:db8::5/64", ""), network(func(n *v1alpha1.WukongNetwork) { n.MTU = number(1279) })), at + ".mtu", "1280"},
		"IPv4 needs an MTU of 68":                              {network(func(n *v1alpha1.WukongNetwork) { n.MTU = number(67) }), at + ".mtu", "68"},
		"the destination of an IPv6 route has no host bits":    {both(address("2001:db8::5/64"), route(v1alpha1.Route{To: "2001:db8:1::1/48", Via: "fe80::1"})), at + ".ipConfig.routes[0].to", "write 2001:db8:1::/48"},
		"one destination through two networks needs two metrics": {both(route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2"}), func(w *v1alpha1.Wukong) {
			w.Spec.Networks = append(w.Spec.Networks, static("b", "198.51.100.5/24", ""))
			w.Spec.Networks[1].IPConfig.Routes = []v1alpha1.Route{{To: "10.0.0.0/8", Via: "198.51.100.1"}}
		}), "spec.networks[1].ipConfig.routes[0].to", "spec.networks[0].ipConfig.routes[0].to"},
		"two default routes of one metric": {both(route(v1alpha1.Route{To: "0.0.0.0/0", Via: "192.0.2.1", Metric: number(5)}), func(w *v1alpha1.Wukong) {
			w.Spec.Networks = append(w.Spec.Networks, static("b", "198.51.100.5/24", ""))
			w.Spec.Networks[1].IPConfig.Routes = []v1alpha1.Route{{To: "0.0.0.0/0", Via: "198.51.100.1", Metric: number(5)}}
		}), "spec.networks[1].ipConfig.routes[0].to", "another metric"},
		"two networks need two MAC addresses": {both(mac("02:00:00:00:00:01"), func(w *v1alpha1.Wukong) {
			w.Spec.Networks = append(w.Spec.Networks, w.Spec.Networks[0])
			w.Spec.Networks[1].Name, w.Spec.Networks[1].IPConfig = "b", nil
		}), "spec.networks[1].macAddress", "spec.networks[0].macAddress"},
		"one network is primary": {func(w *v1alpha1.Wukong) {
			w.Spec.Networks[0].Primary = true
			w.Spec.Networks = append(w.Spec.Networks, v1alpha1.WukongNetwork{Name: "b", Primary: true})
		}, "spec.networks[1].primary", "at most one"},
		"a network has a name":                               {network(func(n *v1alpha1.WukongNetwork) { n.Name = "" }), at + ".name", "give it a name"},
		"a network's name is a label":                        {network(func(n *v1alpha1.WukongNetwork) { n.Name = "12:30" }), at + ".name", "lower-case letters"},
		"a network's name has a limit":                       {network(func(n *v1alpha1.WukongNetwork) { n.Name = strings.Repeat("a", 64) }), at + ".name", "63"},
		"a type is one that exists":                          {network(func(n *v1alpha1.WukongNetwork) { n.Type = "pod" }), at + ".type", `"bridge"`},
		"a VLAN is 1 to 4094":                                {network(func(n *v1alpha1.WukongNetwork) { n.VLANID = number(4095) }), at + ".vlanId", "1 to 4094"},
		"VLAN 0 is no VLAN":                                  {network(func(n *v1alpha1.WukongNetwork) { n.VLANID = number(0) }), at + ".vlanId", "1 to 4094"},
		"a selector has a limit":                             {network(func(n *v1alpha1.WukongNetwork) { n.BridgeName = strings.Repeat("b", 254) }), at + ".bridgeName", "253"},
		"an MTU has a limit":                                 {network(func(n *v1alpha1.WukongNetwork) { n.MTU = number(9217) }), at + ".mtu", "9216"},
		"IPv6 needs an MTU of 1280":                          {both(address("2001:db8::5/64"), network(func(n *v1alpha1.WukongNetwork) { n.MTU = number(1279) })), at + ".mtu", "1280"},
		"a MAC address is in colon form":                     {mac("02-00-00-00-00-01"), at + ".macAddress", "colon form"},
		"a MAC address has six bytes":                        {mac("02:00:00:00:00:00:00:01"), at + ".macAddress", "colon form"},
		"a MAC address is no group's":                        {mac("01:00:5e:00:00:01"), at + ".macAddress", "group address"},
		"the MAC address that KubeVirt uses itself is taken": {mac("02:00:00:00:00:00"), at + ".macAddress", "reserved"},
		"too many networks are refused without reading them": {func(w *v1alpha1.Wukong) { w.Spec.Networks = make([]v1alpha1.WukongNetwork, 65) }, "spec.networks", "64"},
		"the machine's name has a limit":                     {func(w *v1alpha1.Wukong) { w.Name = strings.Repeat("w", 61) }, "metadata.name", "at most 60"},
		"somebody else's machine has the name of one":        {func(w *v1alpha1.Wukong) { w.Spec.VirtualMachineName = "a.b" }, "spec.virtualMachineName", "VirtualMachine"},
		"guestConfig is one that exists":                     {func(w *v1alpha1.Wukong) { w.Spec.GuestConfig = "Ansible" }, "spec.guestConfig", `"Manual"`},
		"a CPU count has a limit":                            {func(w *v1alpha1.Wukong) { w.Spec.CPU = 513 }, "spec.cpu", "512"},
		"memory is a size":                                   {func(w *v1alpha1.Wukong) { w.Spec.Memory = "4 GB" }, "spec.memory", "4Gi"},
		"memory is above zero":                               {func(w *v1alpha1.Wukong) { w.Spec.Memory = "0" }, "spec.memory", "above zero"},
		"a disk has a size":                                  {disk(v1alpha1.Disk{Name: "root"}), "spec.disks[0].size", "4Gi"},
		"a disk's image has a known source":                  {disk(v1alpha1.Disk{Name: "root", Size: "1Gi", Image: "ftp://x/y"}), "spec.disks[0].image", "docker://"},
		"a disk's image is one line":                         {disk(v1alpha1.Disk{Name: "root", Size: "1Gi", Image: "https://x/y\nz"}), "spec.disks[0].image", "docker://"},
		"two disks need two names":                           {both(disk(root), disk(root)), "spec.disks[1].name", "spec.disks[0].name"},
		"the cloud-init disk's name is taken":                {disk(v1alpha1.Disk{Name: "cloudinitdisk", Size: "1Gi"}), "spec.disks[0].name", "network data"},
		"a storage class has the name of one":                {disk(v1alpha1.Disk{Name: "root", Size: "1Gi", StorageClassName: "Fast SSD"}), "spec.disks[0].storageClassName", "storage class"},
		"a GPU is a resource":                                {func(w *v1alpha1.Wukong) { w.Spec.GPUs = []v1alpha1.GPU{{Name: "g", DeviceName: "t4"}} }, "spec.gpus[0].deviceName", "device plugin"},
		"a login name is given":                              {func(w *v1alpha1.Wukong) { w.Spec.CloudInitUser = &v1alpha1.CloudInitUser{} }, "spec.cloudInitUser.name", "login name"},
		"a line break in a password is refused without the text": {func(w *v1alpha1.Wukong) {
			w.Spec.CloudInitUser = &v1alpha1.CloudInitUser{Name: "a", Password: "x\nsudo"}
		}, "spec.cloudInitUser.password", `"…"`},
		"an SSH key Secret has the name of one": {func(w *v1alpha1.Wukong) { w.Spec.SSHKeySecret = "../x" }, "spec.sshKeySecret", "Secret"},
		"a run strategy is one that exists":     {func(w *v1alpha1.Wukong) { w.Spec.StartStrategy = &v1alpha1.StartStrategy{RunStrategy: "Sometimes"} }, "spec.startStrategy.runStrategy", `"Always"`},
		"a restart policy is one that exists":   {func(w *v1alpha1.Wukong) { w.Spec.HighAvailability = &v1alpha1.HighAvailability{RestartPolicy: "Maybe"} }, "spec.highAvailability.restartPolicy", `"Never"`},
		"a node selector has labels": {func(w *v1alpha1.Wukong) {
			w.Spec.HighAvailability = &v1alpha1.HighAvailability{NodeSelector: map[string]string{"a b": ""}}
		}, "spec.highAvailability.nodeSelector", "label of nodes"},
		"a toleration is one that the API server takes": {func(w *v1alpha1.Wukong) {
			w.Spec.HighAvailability = &v1alpha1.HighAvailability{Tolerations: []corev1.Toleration{{}}}
		}, "spec.highAvailability.tolerations[0]", "operator must be Exists"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			request, errs := render.ParseWukong(wukong(c.change))
			if request != nil || len(errs) != 1 {
				t.Fatalf("want no request and one error, got %v and %v", request, errs)
			}
			if got := errs[0]; got.Field != c.path || !strings.Contains(got.Error(), c.text) {
				t.Errorf("want %s: …%s…, got %v", c.path, c.text, got)
			}
			if strings.ContainsAny(errs[0].Error(), "\n\x00") {
				t.Errorf("the message has control characters: %q", errs[0].Error())
			}
		})
	}
}

func TestParseWukongAcceptsWhatWorks(t *testing.T) {
	cases := map[string]func(*v1alpha1.Wukong){
		"an empty gateway counts as none":               gateway(""),
		"every address of a /31 is usable":              address("10.0.0.0/31"),
		"every address of a /32 is usable":              address("10.0.0.255/32"),
		"every address of a /127 is usable":             address("2001:db8::1/127"),
		"a link-local gateway needs no on-link":         both(address("2001:db8::5/64"), gateway("fe80::1")),
		"names that YAML 1.1 retypes are names":         network(func(n *v1alpha1.WukongNetwork) { n.Name = "yes" }),
		"a gateway repeated is one default route":       also("192.0.2.11/24", "192.0.2.1"),
		"an off-link default route is said with onLink": both(gateway(""), route(v1alpha1.Route{To: "0.0.0.0/0", Via: "203.0.113.1", OnLink: true})),
		"two metrics make two routes to one place":      both(route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.1", Metric: number(1)}), route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2", Metric: number(2)})),
		"two networks have routes to one place by two metrics": both(route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2"}), func(w *v1alpha1.Wukong) {
			w.Spec.Networks = append(w.Spec.Networks, static("b", "198.51.100.5/24", ""))
			w.Spec.Networks[1].IPConfig.Routes = []v1alpha1.Route{{To: "10.0.0.0/8", Via: "198.51.100.1", Metric: number(0)}}
		}),
		"two networks have default routes":                    more(static("b", "198.51.100.5/24", "198.51.100.1")),
		"a /128 has an off-link gateway":                      both(address("2001:db8::10/128"), route(v1alpha1.Route{To: "::/0", Via: "2001:db8:ffff::1", OnLink: true})),
		"a link-local IPv4 gateway is off the link":           both(gateway(""), route(v1alpha1.Route{To: "0.0.0.0/0", Via: "169.254.1.1", OnLink: true})),
		"a Wukong without networks asks for nothing":          func(w *v1alpha1.Wukong) { w.Spec.Networks = nil },
		"a name of 60 characters makes a machine's name":      func(w *v1alpha1.Wukong) { w.Name = strings.Repeat("w", 60) },
		"a long name does when the machine is somebody's":     func(w *v1alpha1.Wukong) { w.Name, w.Spec.VirtualMachineName = strings.Repeat("w", 253), "db" },
		"the pod network's ipConfig is not looked at":         network(func(n *v1alpha1.WukongNetwork) { n.Name = "default"; n.IPConfig.Address = nil }),
		"in mode dhcp a leftover address is not looked at":    both(address("whatever"), ip(func(c *v1alpha1.IPConfig) { c.Mode = v1alpha1.IPModeDHCP })),
		"an MTU below 1280 does for IPv4":                     network(func(n *v1alpha1.WukongNetwork) { n.MTU = number(576) }),
		"an IPv6-only network may have an IPv4 DNS server":    both(address("2001:db8::5/64"), ip(func(c *v1alpha1.IPConfig) { c.DNSServers = []v1alpha1.Address{"192.0.2.53"} })),
		"texts that select a network are never interpreted":   network(func(n *v1alpha1.WukongNetwork) { n.BridgeName, n.PhysicalInterface = "{{ x }}\n", "eth*" }),
		"an address that is its own DNS server is a server's": ip(func(c *v1alpha1.IPConfig) { c.DNSServers = []v1alpha1.Address{"192.0.2.10"} }),
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			if _, errs := render.ParseWukong(wukong(change)); len(errs) > 0 {
				t.Error(errs)
			}
		})
	}
}

func TestParseWukongCanonicalises(t *testing.T) {
	mac := v1alpha1.MACAddress("02:AB:00:00:00:0F")
	request, errs := render.ParseWukong(wukong(both(address("2001:DB8:0:0::5/64"), ip(func(c *v1alpha1.IPConfig) {
		c.DNSServers = []v1alpha1.Address{"2001:db8::53", "", "2001:DB8::53"}
		c.SearchDomains = []v1alpha1.DomainName{"Example.com", "example.com"}
	}), network(func(n *v1alpha1.WukongNetwork) { n.MACAddress = &mac }))))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	n := request.Networks[0]
	got := []any{n.Addresses[0].Prefix.String(), len(n.DNS), n.DNS[0].String(), n.Search, n.MAC, n.Interface}
	want := []any{"2001:db8::5/64", 1, "2001:db8::53", []string{"example.com"}, "02:ab:00:00:00:0f", "net0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("canonical forms (-want +got):\n%s", diff)
	}
}

func TestParseWukongReportsWhatHasNoEffect(t *testing.T) {
	cases := map[string]struct {
		change func(*v1alpha1.Wukong)
		want   []string
	}{
		"everything asked for has an effect": {nil, nil},
		"old fields": {func(w *v1alpha1.Wukong) {
			w.Spec.OSImage, w.Spec.RestoreFromSnapshot, w.Spec.Networks[0].NodeIP = "x", "y", "z"
		}, []string{"spec.osImage", "spec.restoreFromSnapshot", at + ".nodeIP"}},
		"a machine without disks": {func(w *v1alpha1.Wukong) { w.Spec.CPU, w.Spec.Memory = 2, "1Gi" }, []string{"spec.cpu", "spec.memory"}},
		"somebody else's machine": {func(w *v1alpha1.Wukong) {
			w.Spec.VirtualMachineName, w.Spec.CPU, w.Spec.SSHKeySecret = "db", 2, "keys"
			w.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
		}, []string{"spec.cpu", "spec.disks", "spec.sshKeySecret"}},
		"nothing is told to a guest that is configured by hand": {func(w *v1alpha1.Wukong) {
			w.Spec.GuestConfig, w.Spec.CloudInitUser = v1alpha1.GuestConfigManual, &v1alpha1.CloudInitUser{Name: "a"}
			w.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
		}, []string{"spec.cloudInitUser"}},
		"a type other than bridge":   {network(func(n *v1alpha1.WukongNetwork) { n.Type = v1alpha1.NetworkSRIOV }), nil},
		"an address from a pool":     {ip(func(c *v1alpha1.IPConfig) { c.Address, c.Gateway, c.IPPool = nil, nil, "p" }), nil},
		"policy routing":             {ip(sourceRouting), nil},
		"policy routing to nowhere":  {both(gateway(""), ip(sourceRouting)), []string{at + ".ipConfig.sourceRouting"}},
		"policy routing with DHCP":   {ip(func(c *v1alpha1.IPConfig) { *c = v1alpha1.IPConfig{Mode: v1alpha1.IPModeDHCP, SourceRouting: true} }), []string{at + ".ipConfig.sourceRouting"}},
		"static fields in mode dhcp": {ip(func(c *v1alpha1.IPConfig) { c.Mode = v1alpha1.IPModeDHCP }), []string{at + ".ipConfig.address", at + ".ipConfig.gateway"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			request, errs := render.ParseWukong(wukong(c.change))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			var got []string
			for _, n := range request.Notices {
				got = append(got, n.Field)
				if n.Message == "" || len(n.Message) > 512 || len(n.Field) > 256 {
					t.Errorf("notice does not fit the schema: %+v", n)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunStrategyFoldsBothPlaces(t *testing.T) {
	no := false
	cases := map[string]struct {
		start *v1alpha1.StartStrategy
		ha    *v1alpha1.HighAvailability
		want  string
	}{
		"nothing said means always":                      {nil, nil, "Always"},
		"a run strategy is taken as it is":               {&v1alpha1.StartStrategy{RunStrategy: "RerunOnFailure", AutoStart: &no}, nil, "RerunOnFailure"},
		"a machine that is not started is Manual":        {&v1alpha1.StartStrategy{AutoStart: &no}, nil, "Manual"},
		"restartPolicy counts when no start is said":     {&v1alpha1.StartStrategy{}, &v1alpha1.HighAvailability{RestartPolicy: "OnFailure"}, "RerunOnFailure"},
		"a machine that is never restarted runs once":    {nil, &v1alpha1.HighAvailability{RestartPolicy: "Never"}, "Once"},
		"a machine that is always restarted runs always": {nil, &v1alpha1.HighAvailability{RestartPolicy: "Always"}, "Always"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			request, errs := render.ParseWukong(wukong(both(disk(v1alpha1.Disk{Name: "root", Size: "1Gi"}), func(w *v1alpha1.Wukong) {
				w.Spec.StartStrategy, w.Spec.HighAvailability = c.start, c.ha
			})))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if got := string(request.Machine.RunStrategy); got != c.want {
				t.Errorf("want %s, got %s", c.want, got)
			}
		})
	}
}

func TestTolerationsAreThoseThatTheAPIServerTakes(t *testing.T) {
	seconds := int64(5)
	cases := map[string]struct {
		toleration corev1.Toleration
		ok         bool
	}{
		"a key that exists":               {corev1.Toleration{Key: "example.com/x", Operator: "Exists"}, true},
		"a key with a value":              {corev1.Toleration{Key: "x", Value: "y", Effect: "NoSchedule"}, true},
		"everything":                      {corev1.Toleration{Operator: "Exists"}, true},
		"a time before it is evicted":     {corev1.Toleration{Key: "x", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: &seconds}, true},
		"a time without eviction":         {corev1.Toleration{Key: "x", Operator: "Exists", TolerationSeconds: &seconds}, false},
		"an operator that does not exist": {corev1.Toleration{Key: "x", Operator: "Near"}, false},
		"an effect that does not exist":   {corev1.Toleration{Key: "x", Effect: "Never"}, false},
		"a key that is no label's":        {corev1.Toleration{Key: "a b", Operator: "Exists"}, false},
		"a value where the key is enough": {corev1.Toleration{Key: "x", Operator: "Exists", Value: "y"}, false},
		"a value that is no label's":      {corev1.Toleration{Key: "x", Value: "a b"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, errs := render.ParseWukong(wukong(func(w *v1alpha1.Wukong) {
				w.Spec.HighAvailability = &v1alpha1.HighAvailability{Tolerations: []corev1.Toleration{c.toleration}}
			}))
			if ok := len(errs) == 0; ok != c.ok {
				t.Errorf("accepted: %v, %v", ok, errs)
			}
		})
	}
}
