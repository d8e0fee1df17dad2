package lab

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// nmstatectlVersion is what the simulated handlers claim to contain.
const nmstatectlVersion = "2.2.54"

// applyFailure is the message of an enactment whose apply failed: the whole standard error of nmstatectl, kilobytes of
// it, with the one meaningful line near the end.
func applyFailure(node, cause string, now time.Time) string {
	stamp := now.UTC().Format("2006-01-02T15:04:05Z")
	var log strings.Builder
	fmt.Fprintf(&log, "[%s INFO  nmstatectl] Nmstate version: %s\n", stamp, nmstatectlVersion)
	fmt.Fprintf(&log, "[%s INFO  nmstate::ifaces::inter_ifaces] Ignoring interface cilium_wg0 type wireguard\n", stamp)
	for i := range 24 { // one line for each pod's veth, as on any busy node
		mac := strings.ToLower(strings.ReplaceAll(derivedMAC(node, fmt.Sprint(i)), ":", ""))
		fmt.Fprintf(&log, "[%s INFO  nmstate::ifaces::inter_ifaces] Ignoring interface veth%s type ethernet\n", stamp, mac[4:])
	}
	fmt.Fprintf(&log, "[%s INFO  nmstate::query_apply::net_state] Rollbacked to checkpoint "+
		"/org/freedesktop/NetworkManager/Checkpoint/7\n", stamp)
	return fmt.Sprintf("error reconciling NodeNetworkConfigurationPolicy on node %s at desired state apply: %q,\n"+
		" , %sNmstateError: %s\n: failed to execute nmstatectl apply --no-commit --timeout 480: exit status 1",
		node, "", log.String(), cause)
}

// probeFailure is the message of an enactment that was applied, cut the node off, and was rolled back.
func probeFailure(node string, state map[string]any) string {
	current, _ := yaml.Marshal(state)
	return fmt.Sprintf("error reconciling NodeNetworkConfigurationPolicy on node %s at desired state apply: %q,\n"+
		" rolling back desired state configuration: failed runnig probes after network changes: failed runnig probe "+
		"'ping' with after network reconfiguration -> currentState: ---\n%s: failed to retrieve default gw at runProbes: "+
		"timed out waiting for the condition", node, "", current)
}

// retryMessage is all that an enactment says between two attempts.
func retryMessage(node string, attempt, attempts int) string {
	return fmt.Sprintf("failed to reconcile NodeNetworkConfigurationPolicy on node %s. Retrying %d/%d", node, attempt, attempts)
}
