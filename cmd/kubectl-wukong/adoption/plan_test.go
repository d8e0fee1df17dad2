package adoption

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
)

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
