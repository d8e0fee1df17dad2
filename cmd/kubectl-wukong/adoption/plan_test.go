package adoption

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/render"
)

// scene is what a test has, as manifests would have it.
type scene struct {
	pools        []v1alpha1.AddressPool
	reservations []v1alpha1.AddressReservation
	leases       []v1alpha1.AddressLease
	wukongs      []v1alpha1.Wukong
	machines     []kubevirtv1.VirtualMachineInstance
	csv          string
	rules        Rules
}

// facts puts the scene on a platform with HostNetworks lab (bridge br-lab, alias br-old), lab-100 and closed (not open to
// anybody), and attachments lan (br-lab), old (br-old), tagged (br-lab with VLAN 300), v100 (br-lab-100), shut (br-closed) and
// foreign (br-foreign, of which nobody knows).
func (s scene) facts(t testing.TB) Facts {
	t.Helper()
	uplinks := []v1alpha1.HostUplink{object[v1alpha1.HostUplink](t, `
metadata: {name: workers}
spec: {physicalNetwork: lab, interface: eth1, nodeSelector: {}}`)}
	networks := []v1alpha1.HostNetwork{object[v1alpha1.HostNetwork](t, `
metadata: {name: lab}
spec: {physicalNetwork: lab, default: true, aliases: {bridgeNames: [br-old]}, allowedNamespaces: {selector: {}}}`),
		object[v1alpha1.HostNetwork](t, `
metadata: {name: lab-100}
spec: {physicalNetwork: lab, vlan: 100, allowedNamespaces: {names: [team-a]}}`),
		object[v1alpha1.HostNetwork](t, `
metadata: {name: closed}
spec: {physicalNetwork: lab, vlan: 200}`)}
	f := Facts{Catalog: render.NewCatalog(uplinks, networks), Leases: s.leases, Wukongs: s.wukongs, Machines: s.machines,
		Attachments: map[string]Attachment{}, Namespaces: map[string]map[string]string{"team-a": {}, "team-b": {}}}
	for _, ns := range []string{"team-a", "team-b"} {
		for name, to := range map[string]Attachment{"lan": {Bridge: "br-lab"}, "old": {Bridge: "br-old"}, "tagged": {Bridge: "br-lab", VLAN: 300},
			"v100": {Bridge: "br-lab-100"}, "shut": {Bridge: "br-closed"}, "foreign": {Bridge: "br-foreign"}} {
			f.Attachments[ns+"/"+name] = to
		}
	}
	f.Pools = render.NewPools(f.Catalog, s.pools)
	for i := range s.reservations {
		f.Reservations = append(f.Reservations, render.NewReservation(f.Catalog, &s.reservations[i]))
	}
	if s.csv != "" {
		file, err := ReadFile("sheet.csv", []byte(s.csv))
		if err != nil {
			t.Fatal(err)
		}
		f.Files = []File{file}
	}
	return f
}

func object[T any](t testing.TB, text string) T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func office(t *testing.T) []v1alpha1.AddressPool {
	t.Helper()
	return []v1alpha1.AddressPool{object[v1alpha1.AddressPool](t, `
metadata: {name: office}
spec: {segment: {physicalNetwork: lab}, subnet: 192.0.2.0/24, ranges: [192.0.2.10-192.0.2.99], exclude: [192.0.2.90-192.0.2.99], gateway: 192.0.2.1, dnsServers: [192.0.2.53]}`)}
}

// nic is an interface of a machine: its network, its attachment, and what is known of it.
type nic struct {
	name, attachment, mac string
	from                  string
	addresses             []string
}

// running is a machine that belongs to a VirtualMachine.
func running(namespace, name string, nics ...nic) kubevirtv1.VirtualMachineInstance {
	yes := true
	vmi := kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachine", Name: name, Controller: &yes}}}}
	for _, n := range nics {
		network := kubevirtv1.Network{Name: n.name}
		device := kubevirtv1.Interface{Name: n.name}
		if n.attachment == "" {
			network.Pod, device.Masquerade = &kubevirtv1.PodNetwork{}, &kubevirtv1.InterfaceMasquerade{}
		} else {
			network.Multus, device.Bridge = &kubevirtv1.MultusNetwork{NetworkName: n.attachment}, &kubevirtv1.InterfaceBridge{}
		}
		vmi.Spec.Networks = append(vmi.Spec.Networks, network)
		vmi.Spec.Domain.Devices.Interfaces = append(vmi.Spec.Domain.Devices.Interfaces, device)
		vmi.Status.Interfaces = append(vmi.Status.Interfaces, kubevirtv1.VirtualMachineInstanceNetworkInterface{
			Name: n.name, MAC: n.mac, InfoSource: n.from, IPs: n.addresses})
	}
	return vmi
}

const (
	guest  = "domain, guest-agent, multus-status"
	plugin = "domain, multus-status"
)

// db has one interface that the cluster itself knows the address of.
func db() []kubevirtv1.VirtualMachineInstance {
	return []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "02:00:00:00:00:0a", plugin, []string{"192.0.2.10"}})}
}

func wukong(t *testing.T, namespace, name, rest string) v1alpha1.Wukong {
	t.Helper()
	w := object[v1alpha1.Wukong](t, rest)
	w.Namespace, w.Name = namespace, name
	return w
}

func lease(address, segment, namespace, name string) v1alpha1.AddressLease {
	return v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-" + strings.NewReplacer(".", "-", ":", "-").Replace(address) + "." + segment},
		Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: segment, Phase: v1alpha1.LeaseAllocated,
			Holder: &v1alpha1.LeaseHolder{Namespace: namespace, Name: name, Network: "lan"}}}
}

func kept(t *testing.T, address, holder string) v1alpha1.AddressReservation {
	t.Helper()
	return object[v1alpha1.AddressReservation](t, fmt.Sprintf(`
metadata: {name: kept}
spec: {segment: {physicalNetwork: lab}, addresses: [%s], reason: test%s}`, address, holder))
}

// lines gives the entries as a table has them, with bars between cells.
func lines(p *Plan) []string {
	var out []string
	for _, row := range p.Table().Rows {
		out = append(out, strings.Join(row, " | "))
	}
	return out
}

func TestPlan(t *testing.T) {
	static := `{spec: {networks: [{name: lan, ipConfig: {mode: static, address: 192.0.2.10/24}}]}}`
	novasphere := `
spec: {networks: [{name: default}, {name: lan, ipConfig: {mode: dhcp}}, {name: lan2, nadName: v100, ipConfig: {mode: static, address: 198.51.100.7/24}}]}
status: {phase: Running, networks: [{name: lan, ipAddress: 192.0.2.20}], networkStatus: [{ipAddress: 10.0.2.2}, {ipAddress: 192.0.2.20}, {ipAddress: 198.51.100.7}]}`
	cases := map[string]struct {
		scene scene
		want  []string
	}{
		"a machine that nothing serves gets a Wukong where a pool says what its subnet is": {
			scene{pools: office(t), machines: db()},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | create Wukong | team-a/db, reserved for it"}},
		"a machine whose subnet nobody knows is kept out of use": {
			scene{machines: db()},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | reserve | out of use; no Wukong: no pool covers 192.0.2.10, so the length of its subnet's prefix is not known: declare an AddressPool, or name it in a file"}},
		"a machine whose subnet nobody knows gets no Wukong": {
			scene{machines: db(), rules: Rules{As: AsWukongs}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | undecided | no Wukong can be made: no pool covers 192.0.2.10, so the length of its subnet's prefix is not known: declare an AddressPool, or name it in a file"}},
		"a machine is kept out of use on request, and addresses outside every pool are told": {
			scene{pools: office(t), rules: Rules{As: AsReservations}, machines: append(db(), running("team-a", "far", nic{"lan", "lan", "", plugin, []string{"198.51.100.5"}}))},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | reserve | out of use",
				"198.51.100.5 | lab | VirtualMachine team-a/far | cluster | reserve | out of use; outside every pool"}},
		"a guest alone is not believed": {
			scene{pools: office(t), machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "", guest, []string{"192.0.2.10"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | guest | undecided | reported by its guest alone, who may say anything: add --trust-guests if that will do, or name it in a file"}},
		"what says nothing about its source is a guest's word": {
			scene{pools: office(t), machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "", "", []string{"192.0.2.10"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | guest | undecided | reported by its guest alone, who may say anything: add --trust-guests if that will do, or name it in a file"}},
		"guests are believed on request": {
			scene{pools: office(t), rules: Rules{As: AsAuto, TrustGuests: true},
				machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "", guest, []string{"192.0.2.10"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | guest | create Wukong | team-a/db, reserved for it"}},
		"a file confirms a guest": {
			scene{pools: office(t), csv: "address,name,namespace\n192.0.2.10,db,team-a\n",
				machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "", guest, []string{"192.0.2.10"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | file,guest | create Wukong | team-a/db, reserved for it"}},
		"pod network, loopback, link-local, multicast and self-made addresses are passed over": {
			scene{rules: Rules{TrustGuests: true}, machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db",
				nic{"default", "", "", plugin, []string{"10.0.2.2"}},
				nic{"lan", "lan", "02:00:00:00:00:0a", guest, []string{"fe80::1", "127.0.0.1", "169.254.1.1", "224.0.0.1", "2001:db8::ff:fe00:a", "not an address", ""}})}},
			nil},
		"a machine that has ended has no address": {
			scene{machines: func() []kubevirtv1.VirtualMachineInstance {
				m := db()
				m[0].Status.Phase = kubevirtv1.Succeeded
				return m
			}()},
			nil},
		"aliases of bridges and tags of attachments tell the segment": {
			scene{rules: Rules{As: AsReservations}, machines: []kubevirtv1.VirtualMachineInstance{running("team-b", "m",
				nic{"a", "team-b/old", "", plugin, []string{"192.0.2.10"}}, nic{"b", "tagged", "", plugin, []string{"192.0.2.11"}}, nic{"c", "v100", "", plugin, []string{"192.0.2.12"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-b/m | cluster | reserve | out of use",
				"192.0.2.12 | lab.100 | VirtualMachine team-b/m | cluster | reserve | out of use",
				"192.0.2.11 | lab.300 | VirtualMachine team-b/m | cluster | reserve | out of use"}},
		"an attachment to a bridge that nobody declared tells nothing": {
			scene{machines: []kubevirtv1.VirtualMachineInstance{running("team-b", "m", nic{"a", "foreign", "", plugin, []string{"192.0.2.10"}}, nic{"b", "gone", "", plugin, []string{"192.0.2.11"}})}},
			[]string{"192.0.2.10 |  | VirtualMachine team-b/m | cluster | undecided | no HostNetwork has bridge br-foreign, to which attachment team-b/foreign leads: say it with --segment team-b/foreign=SEGMENT or --host-network team-b/foreign=NAME",
				"192.0.2.11 |  | VirtualMachine team-b/m | cluster | undecided | attachment team-b/gone cannot be read: say it with --segment team-b/gone=SEGMENT or --host-network team-b/gone=NAME"}},
		"whoever has the lease already is done with": {
			scene{pools: office(t), leases: []v1alpha1.AddressLease{lease("192.0.2.10", "lab", "team-a", "web")}, wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", static)}},
			[]string{"192.0.2.10 | lab | Wukong team-a/web | spec | none | leased: AddressLease ip-192-0-2-10.lab"}},
		"a lease of somebody else is a conflict, and so is the reservation for somebody else": {
			scene{machines: append(db(), running("team-b", "x", nic{"lan", "lan", "", plugin, []string{"192.0.2.11"}})),
				leases:       []v1alpha1.AddressLease{lease("192.0.2.10", "lab", "team-b", "web")},
				reservations: []v1alpha1.AddressReservation{kept(t, "192.0.2.11", ", for: {namespace: team-a, name: other}")}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | conflict | cluster: AddressLease ip-192-0-2-10.lab is Allocated for Wukong team-b/web network lan",
				"192.0.2.11 | lab | VirtualMachine team-b/x | cluster | conflict | cluster: AddressReservation kept keeps it for Wukong team-a/other"}},
		"an address that two say they have is a conflict, told from both sides": {
			scene{pools: office(t), machines: db(), csv: "address,name\n192.0.2.10,printer\n"},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | conflict | also claimed by printer (sheet.csv line 2)",
				"192.0.2.10 | lab | printer | file | conflict | sheet.csv line 2: also claimed by VirtualMachine team-a/db (cluster)"}},
		"a name without a namespace is whoever has that name": {
			scene{pools: office(t), machines: db(), csv: "address,name\n192.0.2.10,db\n"},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | file,cluster | create Wukong | team-a/db, reserved for it"}},
		"the gateway and the DNS server of a pool are nobody else's": {
			scene{pools: office(t), csv: "address,name\n192.0.2.1,db\n192.0.2.53,dns\n"},
			[]string{"192.0.2.1 | lab | db | file | conflict | sheet.csv line 2: it is the next hop of AddressPool office (spec.gateway)",
				"192.0.2.53 | lab | dns | file | conflict | sheet.csv line 3: it is the DNS server of AddressPool office (spec.dnsServers)"}},
		"what a pool excludes or a reservation keeps out of use needs nothing more": {
			scene{pools: office(t), csv: "address,name\n192.0.2.95,printer\n192.0.2.20,scanner\n", reservations: []v1alpha1.AddressReservation{kept(t, "192.0.2.16/28", "")}},
			[]string{"192.0.2.20 | lab | scanner | file | none | kept out of use by AddressReservation kept",
				"192.0.2.95 | lab | printer | file | none | kept out of use by AddressPool office"}},
		"a machine whose address is kept out of use can have no Wukong": {
			scene{pools: office(t), machines: db(), rules: Rules{As: AsWukongs}, reservations: []v1alpha1.AddressReservation{kept(t, "192.0.2.10", "")}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | undecided | AddressReservation kept keeps it out of use, so no Wukong can have it: change that, or use --adopt-as auto"}},
		"an address that is kept for the Wukong to be is no obstacle": {
			scene{pools: office(t), machines: db(), reservations: []v1alpha1.AddressReservation{kept(t, "192.0.2.10", ", for: {namespace: team-a, name: db, network: lan}")}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | create Wukong | team-a/db, reserved for it"}},
		"a Wukong of which NovaSphere wrote the status has its addresses kept for it; those of its guest on trust": {
			scene{pools: office(t), wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "old", novasphere)}},
			[]string{"192.0.2.20 | lab | Wukong team-a/old | status | undecided | reported by its guest alone, who may say anything: add --trust-guests if that will do, or name it in a file",
				"198.51.100.7 | lab.100 | Wukong team-a/old | spec,status | reserve | for team-a/old/lan2; outside every pool"}},
		"a file beside NovaSphere's status changes nothing, and a MAC address that differs is told": {
			scene{csv: "address,name,namespace,mac\n198.51.100.7,old,team-a,02:00:00:00:00:01\n192.0.2.20,old,team-a,\n", wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "old",
				strings.Replace(novasphere, "nadName: v100,", `nadName: v100, macAddress: "02:00:00:00:00:02",`, 1))}},
			[]string{"192.0.2.20 | lab | Wukong team-a/old | file,status | reserve | for team-a/old/lan",
				"198.51.100.7 | lab.100 | Wukong team-a/old | spec,file,status | conflict | sheet.csv line 2 says that its MAC address is 02:00:00:00:00:01, and spec says 02:00:00:00:00:02"}},
		"the status of NovaSphere is believed on request": {
			scene{rules: Rules{TrustGuests: true}, wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "old", novasphere)}},
			[]string{"192.0.2.20 | lab | Wukong team-a/old | status | reserve | for team-a/old/lan",
				"198.51.100.7 | lab.100 | Wukong team-a/old | spec,status | reserve | for team-a/old/lan2"}},
		"a Wukong that the controller has not looked at yet takes its lease by itself": {
			scene{wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", static)}},
			[]string{"192.0.2.10 | lab | Wukong team-a/web | spec | none | the Wukong asks for it: the controller takes the lease"}},
		"a Wukong that asks for what is kept out of use is a conflict": {
			scene{wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", static)}, reservations: []v1alpha1.AddressReservation{kept(t, "192.0.2.10", "")}},
			[]string{"192.0.2.10 | lab | Wukong team-a/web | spec | conflict | the Wukong asks for it, and AddressReservation kept keeps it out of use: change one of them"}},
		"a Wukong with a spec that cannot be read is told": {
			scene{wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", `{spec: {networks: [{name: lan, ipConfig: {mode: static}}]}}`)}},
			[]string{" |  | Wukong team-a/web | spec | undecided | its spec is invalid: spec.networks[0].ipConfig.address: Required value: mode static needs an address with its prefix length, such as 192.0.2.10/24, or an ipPool to take one from"}},
		"a Wukong that finds no HostNetwork is told": {
			scene{wukongs: []v1alpha1.Wukong{wukong(t, "team-b", "web", `{spec: {networks: [{name: lan, hostNetwork: lab-100, ipConfig: {mode: static, address: 192.0.2.10/24}}]}}`)}},
			[]string{`192.0.2.10 |  | Wukong team-b/web | spec | undecided | spec.networks[0].hostNetwork: hostNetwork "lab-100" selects a network that is not open to namespace "team-b": ask the platform team to list the namespace in the HostNetwork's allowedNamespaces`}},
		"a guest that has another address than its Wukong asks for is a conflict, told from both sides": {
			scene{rules: Rules{TrustGuests: true}, wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", `{spec: {virtualMachineName: db, networks: [{name: lan, ipConfig: {mode: static, address: 192.0.2.12/24}}]}}`)},
				machines: db()},
			[]string{"192.0.2.10 | lab | Wukong team-a/web | cluster | conflict | cluster says this, and spec says 192.0.2.12",
				"192.0.2.12 | lab | Wukong team-a/web | spec | conflict | spec says this, and cluster says 192.0.2.10"}},
		"further addresses of a guest are kept for its Wukong": {
			scene{rules: Rules{TrustGuests: true}, wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", `{spec: {virtualMachineName: db, networks: [{name: net0, macAddress: "02:00:00:00:00:0a", ipConfig: {mode: static, address: 192.0.2.10/24}}]}}`)},
				machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "02:00:00:00:00:0A", guest, []string{"192.0.2.10", "192.0.2.11"}})}},
			[]string{"192.0.2.10 | lab | Wukong team-a/web | spec,guest | none | the Wukong asks for it: the controller takes the lease",
				"192.0.2.11 | lab | Wukong team-a/web | guest | reserve | for team-a/web/net0"}},
		"a file that gives a machine another address than it has is a conflict": {
			scene{machines: db(), csv: "address,name,namespace,segment\n192.0.2.77,db,team-a,lab\n"},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | conflict | cluster says this, and sheet.csv line 2 says 192.0.2.77",
				"192.0.2.77 | lab | VirtualMachine team-a/db | file | conflict | sheet.csv line 2 says this, and cluster says 192.0.2.10"}},
		"a file that gives another MAC address or another segment is a conflict": {
			scene{machines: append(db(), running("team-a", "m", nic{"lan", "lan", "", plugin, []string{"192.0.2.20"}})),
				csv: "ip,name,namespace,mac,segment\n192.0.2.10,db,team-a,02-00-00-00-00-0B,\n192.0.2.20,m,team-a,,lab.100\n"},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | file,cluster | conflict | sheet.csv line 2 says that its MAC address is 02:00:00:00:00:0b, and cluster says 02:00:00:00:00:0a",
				"192.0.2.20 | lab | VirtualMachine team-a/m | cluster | conflict | cluster says that it is on lab, and sheet.csv line 3 says on lab.100",
				"192.0.2.20 | lab.100 | VirtualMachine team-a/m | file | conflict | sheet.csv line 3 says that it is on lab.100, and cluster says on lab"}},
		"a machine waits for all of its addresses": {
			scene{pools: office(t), machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "", plugin, []string{"192.0.2.10"}}, nic{"two", "foreign", "", plugin, []string{"198.51.100.5"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | undecided | waits for 198.51.100.5 of the same machine",
				"198.51.100.5 |  | VirtualMachine team-a/db | cluster | undecided | no HostNetwork has bridge br-foreign, to which attachment team-a/foreign leads: say it with --segment team-a/foreign=SEGMENT or --host-network team-a/foreign=NAME"}},
		"a machine waits for an address that it shares with somebody": {
			scene{pools: office(t), csv: "address,name\n192.0.2.11,printer\n", machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "", plugin, []string{"192.0.2.10", "192.0.2.11"}})}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | undecided | waits for 192.0.2.11 of the same machine",
				"192.0.2.11 | lab | VirtualMachine team-a/db | cluster | conflict | also claimed by printer (sheet.csv line 2)",
				"192.0.2.11 | lab | printer | file | conflict | sheet.csv line 2: also claimed by VirtualMachine team-a/db (cluster)"}},
		"a network that is not open to the namespace gets no Wukong": {
			scene{machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "shut", "", plugin, []string{"192.0.2.10"}})}, csv: "address,prefix length,name,namespace\n192.0.2.10,24,db,team-a\n"},
			[]string{`192.0.2.10 | lab.200 | VirtualMachine team-a/db | file,cluster | reserve | out of use; no Wukong: hostNetwork "closed" selects a network that is not open to namespace "team-a": ask the platform team to list the namespace in the HostNetwork's allowedNamespaces`}},
		"a machine that a Wukong of another machine has the name of gets none": {
			scene{pools: office(t), machines: db(), wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "db", `{spec: {virtualMachineName: other}}`)}},
			[]string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | reserve | out of use; no Wukong: there is a Wukong team-a/db already, for something else"}},
		"an instance without a VirtualMachine is kept out of use": {
			scene{pools: office(t), machines: func() []kubevirtv1.VirtualMachineInstance { m := db(); m[0].OwnerReferences = nil; return m }()},
			[]string{"192.0.2.10 | lab | VirtualMachineInstance team-a/db | cluster | reserve | out of use"}},
		"a file names Wukongs to come, Wukongs and things": {
			scene{pools: office(t), wukongs: []v1alpha1.Wukong{wukong(t, "team-a", "web", `{spec: {networks: [{name: lan}]}}`)},
				csv: "IP Address;Hostname;Project;Network;Phase\n192.0.2.30;later;team-a;lan;\n192.0.2.31;web;team-a;;Allocated\n192.0.2.32;Room 4;Haus A;;\n192.0.2.33;;;;\n192.0.2.34;gone;team-a;;Released\n"},
			[]string{"192.0.2.30 | lab | Wukong team-a/later | file | reserve | for team-a/later/lan",
				"192.0.2.31 | lab | Wukong team-a/web | file | reserve | for team-a/web",
				"192.0.2.32 | lab | Haus A/Room 4 | file | reserve | out of use",
				"192.0.2.33 | lab | somebody | file | reserve | out of use"}},
		"lines that cannot be read are told, and the others are taken": {
			scene{pools: office(t), csv: "address,name,mac,segment\n192.0.2.300,a,,\n192.0.2.40,b,nonsense,\n192.0.2.41,c,,Lab!\n,d,,\n,,,\n192.0.2.42,e,,\n"},
			[]string{"192.0.2.42 | lab | e | file | reserve | out of use",
				`192.0.2.41 |  | c | file | undecided | sheet.csv line 4: segment "Lab!" is not the name of a fabric: use at most 40 lower-case letters, digits and dashes that begin and end with a letter or digit`,
				" |  |  | file | undecided | sheet.csv line 5: has no address",
				`192.0.2.300 |  |  | file | undecided | sheet.csv line 2: "192.0.2.300" is not an address: write it as 192.0.2.1 or 2001:db8::1`,
				`192.0.2.40 |  | b | file | undecided | sheet.csv line 3: "nonsense" is no MAC address: correct it, or remove it`}},
		"a line that tells no segment, where no pool does either, is told": {
			scene{csv: "192.0.2.40,printer,"},
			[]string{"192.0.2.40 |  | printer | file | undecided | sheet.csv line 1: the segment is not known: add a column segment, or say it with --segment"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.scene.rules.As == "" {
				c.scene.rules.As = AsAuto
			}
			plan := NewPlan(c.scene.facts(t), c.scene.rules)
			if diff := cmp.Diff(c.want, lines(plan)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			accepted(t, plan)
			if got, most := len(plan.Reservations), plan.Count(ActionReserve)+plan.Count(ActionServe); got > most || got < plan.Count(ActionReserve) {
				t.Errorf("%d reservations for %d entries", got, most)
			}
			turned := c.scene
			slices.Reverse(turned.machines)
			slices.Reverse(turned.wukongs)
			slices.Reverse(turned.leases)
			if diff := cmp.Diff(plan, NewPlan(turned.facts(t), turned.rules)); diff != "" {
				t.Errorf("the order of the input matters (-want +got):\n%s", diff)
			}
		})
	}
}

// accepted holds the objects of a plan against their schemas.
func accepted(t *testing.T, plan *Plan) {
	t.Helper()
	for _, r := range plan.Reservations {
		if problems := manifests.Check("AddressReservation", r); len(problems) > 0 {
			t.Errorf("AddressReservation %s: %s", r.Name, problems)
		}
	}
	for _, w := range plan.Wukongs {
		if problems := manifests.Check("Wukong", w); len(problems) > 0 {
			t.Errorf("Wukong %s: %s", w.Name, problems)
		}
	}
}

func TestAWukongAsksForWhatItsMachineHas(t *testing.T) {
	s := scene{pools: append(office(t), object[v1alpha1.AddressPool](t, `
metadata: {name: six}
spec: {segment: {physicalNetwork: lab}, subnet: "2001:db8::/64", gateway: "2001:db8::1"}`)),
		csv: "address,name,namespace,segment\n198.51.100.9/28,db,team-a,lab.100\n",
		machines: []kubevirtv1.VirtualMachineInstance{running("team-a", "db",
			nic{"Data_2", "v100", "02:00:00:00:00:0b", guest, []string{"198.51.100.9"}},
			nic{"default", "lan", "02:00:00:00:00:0a", plugin, []string{"2001:db8::10", "192.0.2.11", "192.0.2.10"}})}}
	plan := NewPlan(s.facts(t), Rules{As: AsWukongs})
	if len(plan.Wukongs) != 1 {
		t.Fatalf("%d Wukongs: %s", len(plan.Wukongs), strings.Join(lines(plan), "\n"))
	}
	accepted(t, plan)
	var keeps []string
	for _, r := range plan.Reservations {
		keeps = append(keeps, fmt.Sprintf("%s for %s/%s/%s", r.Spec.Addresses[0], r.Spec.For.Namespace, r.Spec.For.Name, r.Spec.For.Network))
	}
	if diff := cmp.Diff([]string{"192.0.2.10 for team-a/db/net-default", "192.0.2.11 for team-a/db/net-default",
		"2001:db8::10 for team-a/db/net-default", "198.51.100.9 for team-a/db/data-2"}, keeps); diff != "" {
		t.Errorf("kept for it (-want +got):\n%s", diff)
	}
	want := object[v1alpha1.WukongSpec](t, `
virtualMachineName: db
guestConfig: Manual
networks:
- name: data-2
  hostNetwork: lab-100
  macAddress: "02:00:00:00:00:0b"
  ipConfig: {mode: static, address: 198.51.100.9/28}
- name: net-default
  hostNetwork: lab
  macAddress: "02:00:00:00:00:0a"
  ipConfig:
    mode: static
    address: 192.0.2.10/24
    gateway: 192.0.2.1
    additionalAddresses: [{address: 192.0.2.11/24}, {address: "2001:db8::10/64", gateway: "2001:db8::1"}]
`)
	if diff := cmp.Diff(want, plan.Wukongs[0].Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatAMappingSaysCountsWhereNothingTells(t *testing.T) {
	s := scene{pools: office(t), machines: append(db(), running("team-b", "m", nic{"lan", "foreign", "", plugin, []string{"192.0.2.12"}}))}
	f := s.facts(t)
	cases := map[string]struct {
		segments, hosts []string
		want            string
	}{
		"by the name of the attachment":                           {segments: []string{"foreign=lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
		"by its namespace and name, before others":                {segments: []string{"lab.7", "team-b/foreign=lab.300", "foreign=lab"}, want: "192.0.2.12 | lab.300 | VirtualMachine team-b/m | cluster | reserve | out of use; outside every pool; no Wukong: no HostNetwork on segment lab.300 is open to namespace team-b"},
		"by a HostNetwork":                                        {hosts: []string{"foreign=lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
		"for whatever does not tell":                              {segments: []string{"lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
		"but not against what the attachment tells, if not named": {segments: []string{"lab.9", "foreign=lab"}, want: "192.0.2.12 | lab | VirtualMachine team-b/m | cluster | create Wukong | team-b/m, reserved for it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rules := Rules{As: AsAuto, Mappings: mappings(t, f, c.segments, c.hosts)}
			want := []string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | create Wukong | team-a/db, reserved for it", c.want}
			if diff := cmp.Diff(want, lines(NewPlan(f, rules))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("one that contradicts the attachment it names is told", func(t *testing.T) {
		got := lines(NewPlan(f, Rules{As: AsAuto, Mappings: mappings(t, f, []string{"team-a/lan=lab.100", "foreign=lab"}, nil)}))
		want := "192.0.2.10 |  | VirtualMachine team-a/db | cluster | undecided | attachment team-a/lan leads to segment lab, and a mapping says lab.100: correct or remove the mapping"
		if !slices.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, strings.Join(got, "\n"))
		}
	})
	t.Run("a HostNetwork that does not exist, and what is no segment, are refused", func(t *testing.T) {
		if _, err := NewHostMapping(f.Catalog, "foreign=nowhere"); err == nil || !strings.Contains(err.Error(), `there is no HostNetwork "nowhere"`) {
			t.Errorf("got %v", err)
		}
		if _, err := NewMapping(f.Catalog, "foreign=Lab"); err == nil {
			t.Error("accepted")
		}
	})
}

func mappings(t testing.TB, f Facts, segments, hosts []string) []Mapping {
	t.Helper()
	var out []Mapping
	for _, text := range segments {
		m, err := NewMapping(f.Catalog, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	for _, text := range hosts {
		m, err := NewHostMapping(f.Catalog, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestOnlyWhatIsSelectedIsPlannedAndAllOfItIsCompared(t *testing.T) {
	s := scene{pools: office(t), csv: "192.0.2.10,web,team-b\n192.0.2.40,printer,\n192.0.2.41,later,team-a\n", machines: append(db(), running("team-b", "x", nic{"lan", "lan", "", plugin, []string{"192.0.2.11"}}))}
	f := s.facts(t)
	conflict := []string{"192.0.2.10 | lab | VirtualMachine team-a/db | cluster | conflict | also claimed by Wukong team-b/web (sheet.csv line 1)",
		"192.0.2.10 | lab | Wukong team-b/web | file | conflict | sheet.csv line 1: also claimed by VirtualMachine team-a/db (cluster)"}
	cases := map[string]struct {
		rules Rules
		want  []string
	}{
		"by namespace": {Rules{As: AsAuto, Namespace: "team-a"}, append(slices.Clone(conflict), "192.0.2.41 | lab | Wukong team-a/later | file | reserve | for team-a/later")},
		"by label":     {Rules{As: AsAuto, Selector: labels.SelectorFromSet(labels.Set{"app": "db"})}, conflict},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, lines(NewPlan(f, c.rules))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestASecondImportFindsWhatTheFirstMade(t *testing.T) {
	s := scene{pools: office(t), csv: "192.0.2.40,printer,\n192.0.2.41,later,team-a\n", machines: db()}
	first := NewPlan(s.facts(t), Rules{As: AsAuto})
	if len(first.Wukongs) != 1 || len(first.Reservations) != 3 {
		t.Fatalf("planned:\n%s", strings.Join(lines(first), "\n"))
	}
	for _, w := range first.Wukongs {
		s.wukongs = append(s.wukongs, *w)
	}
	for _, r := range first.Reservations {
		s.reservations = append(s.reservations, *r)
	}
	second := NewPlan(s.facts(t), Rules{As: AsAuto})
	if second.Due() || second.Findings() || second.Count(ActionNone) != 3 {
		t.Errorf("planned:\n%s", strings.Join(lines(second), "\n"))
	}
}

func TestAnAddressThatIsKeptForAWukongToBeIsNotReservedAgain(t *testing.T) {
	s := scene{pools: office(t), machines: db(), reservations: []v1alpha1.AddressReservation{kept(t, "192.0.2.10", ", for: {namespace: team-a, name: db}")}}
	plan := NewPlan(s.facts(t), Rules{As: AsAuto})
	if len(plan.Wukongs) != 1 || len(plan.Reservations) != 0 {
		t.Errorf("%d Wukongs and %d AddressReservations", len(plan.Wukongs), len(plan.Reservations))
	}
}

func TestAttachmentsAreReadInEveryFormThatMultusTakes(t *testing.T) {
	cases := map[string]struct {
		config string
		want   Attachment
	}{
		"a plugin":                     {`{"type":"bridge","bridge":"br-lab"}`, Attachment{Bridge: "br-lab"}},
		"a plugin with a VLAN":         {`{"type":"bridge","bridge":"br-lab","vlan":100}`, Attachment{"br-lab", 100}},
		"a list of plugins":            {`{"plugins":[{"type":"tuning"},{"type":"cnv-bridge","bridge":"br-lab","vlan":7}]}`, Attachment{"br-lab", 7}},
		"another plugin":               {`{"type":"macvlan","master":"eth1"}`, Attachment{}},
		"a VLAN that is no number":     {`{"bridge":"br-lab","vlan":"100"}`, Attachment{}},
		"what is no configuration":     {`br-lab`, Attachment{}},
		"a configuration that is null": {`null`, Attachment{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ReadAttachment(c.config); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
