package gitops

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// requests are specs that only a person can correct, by the word that says so and what else it is about. Each is of the object
// that tells it, and is removed afterwards.
var requests = map[string]struct {
	// before is what else is needed, and stays.
	before, request string
	tells           id
}{
	"InvalidSpec":         {request: wukongText("bad", "lan", "mode: static"), tells: wukong("bad")},
	"HostNetworkNotFound": {request: wukongText("bad", "nowhere", static("192.0.2.1/24")), tells: wukong("bad")},
	"HostNetworkAmbiguous": {request: strings.Replace(wukongText("bad", "lan", static("192.0.2.1/24")), "hostNetwork: lan,", "hostNetwork: lan, vlanId: 77,", 1),
		tells: wukong("bad")},
	"HostNetworkNotAllowed": {before: world.HostNetwork("closed", "lan", "vlan: 10", "provision: Always", "allowedNamespaces: {names: [team-b]}"),
		request: wukongText("bad", "closed", static("192.0.2.1/24")), tells: wukong("bad")},
	"AddressInUse":    {request: wukongText("bad", "lan", static("192.0.2.10/24")), tells: wukong("bad")},
	"AddressConflict": {request: wukongText("bad", "lan", static("203.0.113.97/24")), tells: wukong("bad")},
	"AddressReserved": {before: reservationText("kept", "192.0.2.100-192.0.2.110"),
		request: wukongText("bad", "lan", static("192.0.2.101/24")), tells: wukong("bad")},
	"AddressesHeld": {request: reservationText("bad", "192.0.2.10-192.0.2.11"), tells: reservation("bad")},
	"AddressQuotaExceeded": {before: world.HostNetwork("few", "lan", "vlan: 11", "allowedNamespaces: {selector: {}, maxAddresses: 0}"),
		request: wukongText("bad", "few", static("192.0.2.1/24")), tells: wukong("bad")},
	"MACConflict": {request: strings.Replace(wukongText("bad", "lan", static("192.0.2.1/24")), "hostNetwork: lan,", `hostNetwork: lan, macAddress: "02:aa:00:00:00:99",`, 1),
		tells: wukong("bad")},
	"PoolNotFound": {request: wukongText("bad", "lan", "mode: static, ipPool: nowhere"), tells: wukong("bad")},
	"PoolNotAllowed": {before: poolText("shut", "198.51.100.0/24", "allowedNamespaces: {names: [team-b]}"),
		request: wukongText("bad", "lan", "mode: static, ipPool: shut"), tells: wukong("bad")},
	"PoolOnly": {before: world.HostNetwork("drawn", "lan", "vlan: 12", "explicitAddresses: PoolOnly"),
		request: wukongText("bad", "drawn", static("192.0.2.1/24")), tells: wukong("bad")},
	"PoolSegmentMismatch": {before: world.HostNetwork("aside", "lan", "vlan: 13"),
		request: wukongText("bad", "aside", "mode: static, ipPool: open"), tells: wukong("bad")},
	"PoolExhausted": {before: poolText("tiny", "198.51.100.128/25", "ranges: [198.51.100.129-198.51.100.129]", "gateway: 198.51.100.129", "allowedNamespaces: {selector: {}}"),
		request: wukongText("bad", "lan", "mode: static, ipPool: tiny"), tells: wukong("bad")},
	"InvalidSpec of a pool": {request: poolText("bad", "2001:db8::/64", `ranges: ["2001:db8::9-2001:db8::1"]`), tells: pool("bad")},
	"AddressOutsidePool":    {request: wukongText("bad", "lan", "mode: static, ipPool: open, address: 192.0.2.1/24"), tells: wukong("bad")},
	"AddressExcluded":       {request: wukongText("bad", "lan", static("192.0.2.201/24")), tells: wukong("bad")},
	"PrefixLengthMismatch":  {request: wukongText("bad", "lan", static("192.0.2.1/25")), tells: wukong("bad")},
	"NoUplink":              {request: world.HostNetwork("bad", "elsewhere", "provision: Always"), tells: network("bad")},
	"NoMatchingNodes":       {request: world.HostUplink("bad", "elsewhere", "eth2", "nodeSelector: {matchLabels: {no: node}}"), tells: uplink("bad")},
	"NativeVLANMismatch":    {request: world.HostUplink("bad", "lan", "eth2", "nodeSelector: {matchLabels: {no: node}}", "nativeVlan: 5"), tells: uplink("bad")},
	"BridgeNameTaken":       {request: world.HostNetwork("bad", "lan", "provision: Always", "vlan: 14", "bridge: {name: br-lan}"), tells: network("bad")},
	"SegmentTaken":          {request: world.HostNetwork("bad", "lan", "provision: Always"), tells: network("bad")},
	"UplinkPortTaken":       {request: world.HostNetwork("bad", "lan", "provision: Always", "trunk: [{min: 100, max: 110}]"), tells: network("bad")},
	"ExternalPolicyMissing": {before: world.HostNetwork("piped", "piped", "provision: Always"), request: world.HostUplink("bad", "piped", "eth2", "nodeSelector: {}", "management: External", "externalPolicy: nowhere"), tells: uplink("bad")},
}

// elsewhere are words that take more than a spec to come about, by the test that shows the word on an object as Stalled or not Ready.
var elsewhere = map[string]string{
	"DefinitionsRemoved":   "e2e/hosts/requests_test.go",
	"NodeNetworkDegraded":  "e2e/gitops/stories_test.go",
	"InUse":                "e2e/hosts/observed_test.go",
	"Paused":               "e2e/gitops/stories_test.go",
	"RolledBack":           "e2e/hosts/requests_test.go",
	"NodeDrifted":          "e2e/hosts/observed_test.go",
	"NoEligibleNodes":      "e2e/gitops/stories_test.go",
	"NmstateMissing":       "e2e/hosts/use_test.go",
	"NameTaken":            "controllers/wukong_test.go",
	"KubeVirtMissing":      "e2e/changes/components_test.go",
	"MultusMissing":        "e2e/changes/components_test.go",
	"GuestNetworkPending":  "e2e/changes/end_test.go",
	"RestartRequired":      "e2e/gitops/machine_states_test.go",
	"MachinePending":       "e2e/gitops/machine_states_test.go",
	"MachineNotFound":      "e2e/gitops/machine_states_test.go",
	"BindingPluginMissing": "controllers/bindings_test.go",
}

func poolText(name, subnet string, more ...string) string {
	return declaredText("AddressPool", name, append([]string{"subnet: " + subnet}, more...)...)
}

func reservationText(name, addresses string) string {
	return declaredText("AddressReservation", name, "reason: test", "addresses: ["+addresses+"]")
}

// declaredText is a manifest about the segment of network lan.
func declaredText(kind, name string, lines ...string) string {
	return "apiVersion: vm.novasphere.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec:\n  segment: {physicalNetwork: lan}\n  " +
		strings.Join(lines, "\n  ") + "\n"
}

func TestWhatOnlyAPersonCanSolveReadsAsFailedInTheFirstStatus(t *testing.T) {
	s := newStage(t, cluster.Options{})
	recording, err := record(t.Context(), s.Admin)
	s.must(err)
	s.run()
	// It refuses some of the requests before the controller sees them.
	_, err = s.Cluster.Kubectl(t.Context(), "delete", "validatingadmissionpolicybindings", "wukong-network-tenant-networks")
	s.must(err)
	s.apply(teamA, world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}"), world.HostNetwork("lan", "lan"),
		poolText("open", "192.0.2.0/24", "ranges: [192.0.2.200-192.0.2.207]", "exclude: [192.0.2.201]", "allowedNamespaces: {selector: {}}"))
	s.ready(pool("open"))
	s.apply(strings.Replace(wukongText("good", "lan", static("192.0.2.10/24")), "hostNetwork: lan,", `hostNetwork: lan, macAddress: "02:aa:00:00:00:99",`, 1))
	s.ready(uplink("workers"), network("lan"), wukong("good"))
	var names []string
	for name := range requests {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		r := requests[name]
		own := fmt.Sprintf("bad-%d", i) // the recording tells objects apart by their names
		r.request, r.tells.Name = strings.ReplaceAll(r.request, "name: bad}", "name: "+own+"}"), own
		t.Log(name)
		if r.before != "" {
			s.apply(r.before)
			s.observes(r.before)
		}
		s.apply(r.request)
		word, _, _ := strings.Cut(name, " ")
		s.fails(r.tells, word)
		s.remove(r.tells)
	}
	recording.sync(t)
	for _, line := range verdicts(t.Context(), s.tools, recording.revisions(), s.problems) {
		t.Error(line)
	}
}

// observes waits until the object of a manifest has a status.
func (s *stage) observes(manifest string) {
	s.t.Helper()
	object := &unstructured.Unstructured{}
	s.must(yaml.Unmarshal([]byte(strings.TrimPrefix(strings.TrimSpace(manifest), "---")), &object.Object))
	s.eventually(func() error {
		if err := s.Admin.Get(s.t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		if observed(object) != object.GetGeneration() {
			return fmt.Errorf("%s has no status yet", idOf(object))
		}
		return nil
	})
}

// Every word that the vocabulary gives to a person is in the table above, or is named with the test that shows it.
func TestEachWordForAPersonIsShown(t *testing.T) {
	told := map[string]bool{}
	for name := range requests {
		word, _, _ := strings.Cut(name, " ")
		told[word] = true
	}
	for _, r := range reasons.All() {
		file, excused := elsewhere[r.Word]
		for _, u := range r.Uses() {
			if slices.Contains(u.States, reasons.Act) && !told[r.Word] && !excused {
				t.Errorf("nothing shows that %s reads as failed at once (%s)", r.Word, u.Group)
			}
		}
		if !excused {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(file, "_test.go") || !regexp.MustCompile(`(v1alpha1\.Reason|")`+r.Word+`\b`).Match(text) {
			t.Errorf("%s is no test that speaks of %s", file, r.Word)
		}
	}
}
