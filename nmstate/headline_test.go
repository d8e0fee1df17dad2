package nmstate

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const nodeDump = `---
dns-resolver:
  running:
    server:
    - 192.168.66.2
interfaces:
- name: eth0
  type: ethernet
  state: up
`

// applied wraps standard error of nmstatectl as the handler does.
func applied(stderr string) string {
	return "error reconciling NodeNetworkConfigurationPolicy on node node02 at desired state apply: \"\",\n" +
		" failed to execute nmstatectl set --no-commit --timeout 480: 'exit status 1' '' " +
		"'Using 'set' is deprecated, use 'apply' instead.\n" +
		"[2026-07-01T10:00:00Z INFO  nmstatectl] Nmstate version: 2.2.57\n" + stderr + "\n'"
}

func TestHeadlineIsTheOneMeaningfulLine(t *testing.T) {
	cases := map[string]struct{ message, want string }{
		"an unknown port": {
			applied("[2026-07-01T10:00:00Z ERROR nmstate::ifaces::inter_ifaces] InvalidArgument: x\nNmstateError: InvalidArgument: Controller interface br-flat is holding unknown port eth7"),
			"InvalidArgument: Controller interface br-flat is holding unknown port eth7",
		},
		"an interface that is not there": {
			applied("NmstateError: InvalidArgument: Failed to find unknown type interface eth7 in current state"),
			"InvalidArgument: Failed to find unknown type interface eth7 in current state",
		},
		"a port of two bridges": {
			applied("NmstateError: InvalidArgument: Port eth1 is overbooked by two controller: br-a, br-b"),
			"InvalidArgument: Port eth1 is overbooked by two controller: br-a, br-b",
		},
		"a verification error after retries": {
			applied(strings.Repeat("[2026-07-01T10:00:01Z INFO  nmstate::query_apply::net_state] Retrying on: VerificationError: Verification failure: eth1.interface.mtu desire '9000', current '1500'\n", 5) +
				"NmstateError: VerificationError: Verification failure: eth1.interface.mtu desire '9000', current '1500'"),
			"VerificationError: Verification failure: eth1.interface.mtu desire '9000', current '1500'",
		},
		"an interface that does not go": {
			applied("NmstateError: VerificationError: Absent/Down interface br-v100/linux-bridge still found as LinuxBridge(LinuxBridgeInterface { base: BaseInterface { name: \"br-v100\", description: None, profile_name: Some(\"br-v100\"), iface_type: LinuxBridge"),
			`VerificationError: Absent/Down interface br-v100/linux-bridge still found as LinuxBridge(LinuxBridgeInterface { base: BaseInterface { name: "br-v100", descri…`,
		},
		"a plugin of NetworkManager": {
			applied("NmstateError: PluginFailure: Failed to query devices from NetworkManager: DBus(FDO(ServiceUnknown(\"The name is not activatable\")))"),
			`PluginFailure: Failed to query devices from NetworkManager: DBus(FDO(ServiceUnknown("The name is not activatable")))`,
		},
		"a probe that failed after the change": {
			"error reconciling NodeNetworkConfigurationPolicy on node node02 at desired state apply: \"\",\n rolling back desired state configuration: " +
				"failed runnig probes after network changes: failed runnig probe 'ping4' with after network reconfiguration -> currentState: " +
				strings.Repeat(nodeDump, 50) + ": context deadline exceeded",
			"rolled back: the probe ping4 failed after the change",
		},
		"a probe that failed after rolling back, too": {
			"rolling back desired state configuration: failed runnig probes after network changes: failed runnig probe 'dns' with x -> currentState: " +
				nodeDump + ": timed out waiting for the condition: failed running probes after rollback: failed runnig probe 'dns' with x -> currentState: " + nodeDump,
			"the node lost its connectivity, and did not regain it after the change was rolled back",
		},
		"a rollback that failed": {
			"rolling back desired state configuration: commit: failed calling nmstatectl rollback: failed to execute nmstatectl rollback: 'exit status 1' '' ''",
			"the change failed and rolling it back failed too",
		},
		"a command that was stopped": {
			"error reconciling NodeNetworkConfigurationPolicy on node node02 at desired state apply: \"\",\n failed to execute nmstatectl set --no-commit --timeout 480: 'signal: killed' '' ''",
			"nmstatectl was stopped: signal: killed",
		},
		"a state that does not parse": {
			applied("serde_yaml::Error: interfaces[0].bridge: unknown field `ports`, expected one of `options`, `port` at line 3 column 5"),
			"serde_yaml::Error: interfaces[0].bridge: unknown field `ports`, expected one of `options`, `port` at line 3 column 5",
		},
		"a traceback of nmstatectl 1": {
			"error reconciling NodeNetworkConfigurationPolicy at desired state apply: ,\n failed to execute nmstatectl set --no-commit --timeout 480: 'exit status 1' '' '2021-04-15 08:14:08,025 root         WARNING  libnm version 1.26.7 mismatches\nTraceback (most recent call last):\n  File \"/usr/bin/nmstatectl\", line 11, in <module>\nlibnmstate.error.NmstateVerificationError: \ndesired\n=======\n---\nname: br1\n",
			"NmstateVerificationError: desired",
		},
		"an attempt of several": {
			"failed to reconcile NodeNetworkConfigurationPolicy on node node02. Retrying 2/5",
			"an attempt failed; retrying 2 of 5",
		},
		"an abort": {`reconciliation of enactment "node1.p" has aborted`, "aborted, because too many other nodes failed"},
		"line ends that were quoted": {
			`error reconciling NodeNetworkConfigurationPolicy on node n at desired state apply: "x\nNmstateError: InvalidArgument: boom\n"`,
			"InvalidArgument: boom",
		},
		"words that are not known": {"first line\nsecond line", "first line"},
		"nothing":                  {"", ""},
		"control characters":       {"a\x1b[31mred\x00\u202etxt", "a [31mred txt"},
		"nothing but noise":        {"---\n---\n", "--- ---"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Headline(c.message); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func FuzzHeadline(f *testing.F) {
	f.Add(applied("NmstateError: InvalidArgument: x"))
	f.Add("failed runnig probe 'ping4' -> currentState: " + nodeDump + ": context deadline exceeded")
	f.Add("\xff\xfe" + strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, message string) {
		got := Headline(message)
		if len(got) > maxHeadline || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("not a clean line: %q", got)
		}
	})
}
