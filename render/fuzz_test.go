package render_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	sigsyaml "sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := sigsyaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// FuzzParseWukong: no manifest makes it panic, a refused one gives no request, and one that is accepted renders.
func FuzzParseWukong(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"web","namespace":"a"},"spec":{"networks":[{"name":"lan","ipConfig":{"mode":"static","address":"192.0.2.10/24","gateway":"192.0.2.1","routes":[{"to":"0.0.0.0/0","via":"fe80::1","onLink":true}]}}],"disks":[{"name":"a","size":"1Gi"}]}}`))
	f.Add([]byte(`{"spec":{"networks":[{"name":"default"},{"name":"b","vlanId":0,"macAddress":"x","ipConfig":{"mode":"dhcp"}}]}}`))
	f.Add([]byte(`{"metadata":{"name":"web"},"spec":{"networks":[{"name":"lan","ipConfig":{"mode":"static","address":"192.0.2.10/24","ipPool":"a","additionalAddresses":[{"ipPool":"b"}]}}]}}`))
	f.Add([]byte(`{"metadata":{"name":"w"},"spec":{"memory":"-1","cpu":-1,"cloudInitUser":{"name":""},"gpus":[{}],"highAvailability":{"nodeSelector":{"":""},"tolerations":[{}]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var w v1alpha1.Wukong
		if json.Unmarshal(text, &w) != nil {
			return
		}
		request, errs := render.ParseWukong(&w)
		if (request == nil) != (len(errs) > 0) {
			t.Fatalf("a request and errors at once: %v, %v", request, errs)
		}
		for _, e := range errs {
			if strings.ContainsFunc(e.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("a message with control characters: %q", e.Error())
			}
		}
		if request != nil {
			checkRendered(t, request)
		}
	})
}

// checkRendered renders a request and reads its network data back. One that waits for addresses from pools must not render.
func checkRendered(t *testing.T, request *render.Request) {
	t.Helper()
	waits := slices.ContainsFunc(request.Networks, func(n render.Network) bool {
		return n.Served() && slices.ContainsFunc(n.Addresses, func(a render.Address) bool { return !a.Explicit() })
	})
	choices := make([]render.Choice, len(request.Networks))
	for i := range choices {
		choices[i] = lanChoice
	}
	out, err := render.Wukong(request, choices, render.Options{})
	if waits != (err != nil) {
		t.Fatalf("waits for addresses: %v, %v", waits, err)
	}
	if waits {
		return
	}
	text, err := render.NetworkData(out.Delivered)
	if err != nil {
		t.Fatal(err)
	}
	if text == "" {
		return
	}
	checkNetworkData(t, text, out.Delivered)
}

// checkNetworkData has another reader read the text: it must see what was asked for, and nothing else.
func checkNetworkData(t *testing.T, text string, nics []render.NIC) {
	t.Helper()
	if diff := cmp.Diff(asked(nics), readDocument(t, text), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the document does not say what was asked for (-asked +document):\n%s\n%s", diff, text)
	}
}

// FuzzNoStringOfATenantReachesAHost: whatever a Wukong says, each policy is one of those that the HostNetworks alone give.
func FuzzNoStringOfATenantReachesAHost(f *testing.F) {
	f.Add("web", "lan", "data", "br0", "eth1", "wukong-lan", int32(100), "10.0.0.5/24")
	f.Add("web", "x", "", "{{ capture }}", "eth1\n", "", int32(0), "")
	f.Add("a", "lan", "", "", "ens192", "", int32(7), "192.0.2.1/24")
	uplinks, networks := offer()
	possible := policiesOf(uplinks, networks)
	f.Fuzz(func(t *testing.T, name, network, hostNetwork, bridge, nic, nad string, vlan int32, cidr string) {
		a := v1alpha1.CIDR(cidr)
		w := wukong(func(w *v1alpha1.Wukong) {
			w.Name = name
			w.Spec.Networks = []v1alpha1.WukongNetwork{{Name: network, HostNetwork: hostNetwork, BridgeName: bridge, PhysicalInterface: nic,
				NADName: nad, IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, Address: &a}}}
			if vlan != 0 {
				w.Spec.Networks[0].VLANID = &vlan
			}
		})
		out, _ := render.Plan(render.Input{Wukongs: []v1alpha1.Wukong{*w}, HostUplinks: uplinks, HostNetworks: networks,
			NADBridges: map[string]map[string]string{"team-a": {nad: bridge}}})
		for _, p := range out.Policies {
			if text, err := render.Manifest(&p); err != nil || !possible[string(text)] {
				t.Errorf("%v: a policy that the HostNetworks do not give:\n%s", err, text)
			}
		}
	})
}

// policiesOf gives every policy that the uplinks can have: for each of their networks alone, as one Wukong network uses them.
func policiesOf(uplinks []v1alpha1.HostUplink, networks []v1alpha1.HostNetwork) map[string]bool {
	out := map[string]bool{}
	for i := range networks {
		always := append([]v1alpha1.HostNetwork{}, networks...)
		always[i].Spec.Provision = v1alpha1.ProvisionAlways
		plan, _ := render.Plan(render.Input{HostUplinks: uplinks, HostNetworks: always})
		for j := range plan.Policies {
			if text, err := render.Manifest(&plan.Policies[j]); err == nil {
				out[string(text)] = true
			}
		}
	}
	return out
}

// TestMACAddressesSurviveReadersOfYAML11 writes addresses that YAML 1.1 takes for numbers of base 60.
func TestMACAddressesSurviveReadersOfYAML11(t *testing.T) {
	for _, mac := range []v1alpha1.MACAddress{"52:54:00:12:34:56", "02:10:20:30:40:50", "02:00:00:00:00:01", "0e:10:20:30:40:50"} {
		out := objects(t, wukong(network(func(n *v1alpha1.WukongNetwork) { n.MACAddress = &mac })), render.Options{})
		text := out.Secret.StringData[render.NetworkDataKey]
		checkNetworkData(t, text, out.Delivered)
		numeric := !strings.ContainsAny(string(mac), "abcdef")
		if quoted := strings.Contains(text, `"`+string(mac)+`"`); numeric && !quoted {
			t.Errorf("%s is not quoted:\n%s", mac, text)
		}
	}
}

// FuzzTextsOfAWukong fuzzes the texts that a person writes, one by one, where FuzzParseWukong rarely gets past the JSON.
func FuzzTextsOfAWukong(f *testing.F) {
	f.Add("web", "lan", "192.0.2.10/24", "192.0.2.1", "8.8.8.8", "example.com", "10.0.0.0/8", "192.0.2.2", "02:00:00:00:00:01", int32(1500), false)
	f.Add("web", "yes", "2001:DB8::5/64", "fe80::1", "*a", "&b", "::/0", "2001:db8::1", "52:54:00:12:34:56", int32(1280), true)
	f.Add("w", "on", "10.0.0.1/31", "10.0.0.0", "1:2:3:4:5:6:7:8", "12:30", "0.0.0.0/0", "fe80::1%eth0", "x", int32(0), true)
	f.Fuzz(func(t *testing.T, name, network, cidr, gw, dns, search, to, via, mac string, mtu int32, onLink bool) {
		w := wukong(func(w *v1alpha1.Wukong) {
			n := static(network, v1alpha1.CIDR(cidr), v1alpha1.Address(gw))
			n.IPConfig.DNSServers = []v1alpha1.Address{v1alpha1.Address(dns)}
			n.IPConfig.SearchDomains = []v1alpha1.DomainName{v1alpha1.DomainName(search)}
			n.IPConfig.Routes = []v1alpha1.Route{{To: v1alpha1.Subnet(to), Via: v1alpha1.Address(via), OnLink: onLink, Metric: &mtu}}
			n.MACAddress, n.MTU, n.IPConfig.SourceRouting = (*v1alpha1.MACAddress)(&mac), &mtu, onLink
			w.Name, w.Spec.Networks = name, []v1alpha1.WukongNetwork{n, static("other", "198.51.100.5/24", "198.51.100.1"), {Name: "last"}}
			w.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
		})
		if request, _ := render.ParseWukong(w); request != nil {
			checkRendered(t, request)
		}
	})
}
