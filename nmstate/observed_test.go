package nmstate

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObservedTellsAddressesOfTheHostFromThoseThatNeverCollide(t *testing.T) {
	cases := map[string]map[string]Relevance{
		"worker": {
			"lo 127.0.0.1/8":                  NotUnicast,
			"lo ::1/128":                      NotUnicast,
			"eth0 192.168.66.101/24":          Counts,
			"eth0 fd00::101/64":               Counts,
			"eth0 fe80::5055:ff:fed1:5501/64": NotUnicast,
			"eth0.66 10.66.0.101/24":          Counts,
			"bond0 10.70.0.101/24":            Counts,
			"mvlan0 10.71.0.9/24":             Counts,
			"cni0 10.244.1.1/24":              ClusterInternal,
			"flannel.1 10.244.1.0/32":         ClusterInternal,
			"nodelocaldns 169.254.20.10/32":   NotUnicast,
			"kube-ipvs0 10.96.0.1/32":         ClusterInternal,
		},
		"ovn": {
			"lo 127.0.0.1/8":            NotUnicast,
			"br-ex 192.168.50.13/24":    Counts,
			"br-ex 169.254.169.2/29":    NotUnicast,
			"ovn-k8s-mp0 10.128.0.2/23": ClusterInternal,
			"enp4s0 192.0.2.77/24":      Counts,
			"enp5s0 192.0.2.78/24":      Counts,
		},
	}
	for file, want := range cases {
		t.Run(file, func(t *testing.T) {
			got := map[string]Relevance{}
			for _, o := range nodeOf(t, file).Observed() {
				got[o.Interface+" "+o.Prefix.String()] = o.Relevance
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhetherAnAddressCountsDependsOnTheStateAndKindOfItsInterface(t *testing.T) {
	cases := map[string]struct {
		name, kind, state, ip string
		want                  Relevance
	}{
		"up counts": {"eth1", "ethernet", "up", "192.0.2.1", Counts},
		"down counts: the address comes back with it": {"eth1", "ethernet", "down", "192.0.2.1", Counts},
		"ignore counts: keepalived holds VIPs there":  {"eth1", "ethernet", "ignore", "192.0.2.1", Counts},
		"a state that is not known counts":            {"eth1", "ethernet", "dormant", "192.0.2.1", Counts},
		"absent does not":                             {"eth1", "ethernet", "absent", "192.0.2.1", InterfaceAbsent},
		"an address announced from loopback counts":   {"lo", "loopback", "up", "192.0.2.1", Counts},
		"docker does not":                             {"docker0", "linux-bridge", "up", "172.17.0.1", ClusterInternal},
		"a network that docker made does not":         {"br-0123456789ab", "linux-bridge", "up", "172.18.0.1", ClusterInternal},
		"a network of docker has twelve digits":       {"br-0123456789abc", "linux-bridge", "up", "192.0.2.1", Counts},
		"and they are hexadecimal":                    {"br-0123456789ag", "linux-bridge", "up", "192.0.2.1", Counts},
		"a bridge of the host does":                   {"br-storage", "linux-bridge", "up", "192.0.2.1", Counts},
		"libvirt does not":                            {"virbr0", "linux-bridge", "up", "192.168.122.1", ClusterInternal},
		"calico does not":                             {"cali12345", "veth", "ignore", "10.0.0.1", ClusterInternal},
		"a dummy of somebody does":                    {"vip0", "dummy", "up", "192.0.2.1", Counts},
		"multicast does not":                          {"eth1", "ethernet", "up", "224.0.0.5", NotUnicast},
		"the unspecified address does not":            {"eth1", "ethernet", "up", "0.0.0.0", NotUnicast},
		"link-local of IPv4 does not":                 {"eth1", "ethernet", "up", "169.254.1.1", NotUnicast},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := ParseNodeState([]byte(fmt.Sprintf(
				`{"interfaces":[{"name":%q,"type":%q,"state":%q,"ipv4":{"address":[{"ip":%q,"prefix-length":24}]}}]}`,
				c.name, c.kind, c.state, c.ip)))
			got := n.Observed()
			if len(got) != 1 || got[0].Relevance != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestAddressesInRoutesResolversAndLLDPAreNotOfTheNode(t *testing.T) {
	for _, o := range nodeOf(t, "worker").Observed() {
		switch o.Prefix.Addr().String() {
		case "10.99.99.99", "192.168.66.2", "10.70.0.1", "fd00::53":
			t.Errorf("%s is reported on %s", o.Prefix, o.Interface)
		}
	}
}
