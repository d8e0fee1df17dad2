package main

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// runbookBase comes before the name of an alert's page in its runbook_url: the path within this repository. docs/observability.md
// says how a user puts the place in which the folder is published instead.
const runbookBase = "docs/runbooks/"

// job is what Prometheus calls the manager: the label that the ServiceMonitor takes the job from.
const job = "wukong-network"

// Alert is an alerting rule. Its page is docs/runbooks/NAME.md.
type Alert struct {
	Name string
	// For is how long the expression must hold.
	For string
	// Severity is critical (somebody is woken), warning (somebody looks today) or info.
	Severity string
	Expr     string
	Summary  string
	// Description names the objects and the command to run next.
	Description string
}

// Recording is a recording rule.
type Recording struct{ Name, Expr string }

// recordings are what several rules and panels read. Every gauge is taken once, also while two replicas say it.
var recordings = []Recording{
	{"wukong:ip_pool_size:sum", `sum by (pool, family) (max by (pool, family, state) (wukong_ip_pool_addresses))`},
	{"wukong:ip_pool_free:max", `max by (pool, family) (wukong_ip_pool_addresses{state="free"})`},
	{"wukong:ip_pool_used:ratio", `1 - wukong:ip_pool_free:max / wukong:ip_pool_size:sum`},
	{"wukong:policy_nodes_applied:max", `max by (uplink) (wukong_policy_enactments{state="applied"})`},
	{"wukong:policy_nodes_pending:sum", `sum by (uplink) (max by (uplink, state) (wukong_policy_enactments{state=~"waiting|applying|retrying|unknown"}))`},
	{"wukong:wukongs_ready:ratio", `(sum(max by (ready, stalled, reason) (wukong_objects{kind="Wukong", ready="True"})) or vector(0)) / sum(max by (ready, stalled, reason) (wukong_objects{kind="Wukong"}))`},
	{"wukong:network_ready_duration_seconds:p95", `histogram_quantile(0.95, sum by (le) (rate(wukong_network_ready_duration_seconds_bucket[1h])))`},
}

// ofHosts are reasons for which a Wukong is not Ready that its owner can do nothing about.
var ofHosts = strings.Join([]string{
	v1alpha1.ReasonNodeNetworkProgressing, v1alpha1.ReasonNodeNetworkDegraded, v1alpha1.ReasonNodeNotConfigured, v1alpha1.ReasonNodeDrifted,
	v1alpha1.ReasonNoEligibleNodes, v1alpha1.ReasonNoMatchingNodes, v1alpha1.ReasonNoUplink, v1alpha1.ReasonNmstateMissing,
	v1alpha1.ReasonKubeVirtMissing, v1alpha1.ReasonMultusMissing, v1alpha1.ReasonBindingPluginMissing,
}, "|")

// alerts wake people by what platform engineers own alone: what a tenant asks for in vain is the tenant's to see.
var alerts = []Alert{
	{"WukongControllerDown", "10m", "critical", `absent(wukong_ip_conflicts)`,
		"No replica of wukong-network is at work",
		"Nothing was heard of a leading replica for 10 minutes: no address is given, no host changes. Run: kubectl -n wukong-network get pods,leases"},
	{"WukongAddressConflict", "2m", "critical", `max by (pool) (wukong_ip_conflicts{severity="conflict"}) > 0`,
		"{{ $value }} leased addresses are used by something else, too",
		"Two machines may answer for one address{{ with $labels.pool }} of AddressPool {{ . }}{{ end }}. Run: kubectl get addressleases -o wide"},
	{"WukongIPPoolExhausted", "5m", "critical", `max by (pool, family) (wukong_ip_pool_missing_addresses) > 0`,
		"AddressPool {{ $labels.pool }} lacks {{ $value }} addresses",
		"Wukongs wait for addresses that the pool does not have. Run: kubectl wukong pool show {{ $labels.pool }}"},
	{"WukongPolicyDegraded", "5m", "warning", `max by (uplink) (wukong_policy_enactments{state="failing"}) > 0`,
		"{{ $value }} nodes failed to build the networks of HostUplink {{ $labels.uplink }}",
		"A node gave up on the revision, and no other node moves once as many fail as may be unavailable. Run: kubectl wukong host status {{ $labels.uplink }}"},
	{"WukongNetworkStalled", "5m", "warning", `sum by (kind, reason) (max by (kind, ready, reason) (wukong_objects{kind=~"AddressReservation|HostNetwork|HostUplink", stalled="True"})) > 0`,
		"{{ $value }} objects of kind {{ $labels.kind }} wait for a person: {{ $labels.reason }}",
		"docs/reasons.md says what {{ $labels.reason }} means and what to do. Run: kubectl get hostuplinks,hostnetworks,addressreservations"},
	{"WukongCollisionScanStale", "5m", "warning", `time() - max(wukong_collision_scan_last_success_timestamp_seconds) > 300 or count(wukong_ip_conflicts) unless on () wukong_collision_scan_last_success_timestamp_seconds`,
		"Leases are not compared with what uses addresses any more",
		"Collisions that begin now are not found. Run: kubectl -n wukong-network logs deployment/wukong-network --since=15m"},
	{"WukongQueryErrors", "10m", "warning", `sum by (path) (rate(wukong_query_requests_total{code=~"5.."}[5m])) / sum by (path) (rate(wukong_query_requests_total[5m])) > 0.05`,
		"{{ $value | humanizePercentage }} of the requests to {{ $labels.path }} fail",
		"The query server answers with errors. Run: kubectl -n wukong-network logs deployment/wukong-network --since=15m"},
	{"WukongReconcileErrors", "15m", "warning", `sum by (controller) (rate(controller_runtime_reconcile_errors_total{job="` + job + `"}[5m])) / sum by (controller) (rate(controller_runtime_reconcile_total{job="` + job + `"}[5m])) > 0.1`,
		"{{ $value | humanizePercentage }} of the looks of controller {{ $labels.controller }} end with an error",
		"What it cares for is late or does not happen. Run: kubectl -n wukong-network logs deployment/wukong-network --since=15m"},
	{"WukongNetworkNotReady", "15m", "warning", `sum by (reason) (max by (ready, stalled, reason) (wukong_objects{kind="Wukong", ready="False", reason=~"` + ofHosts + `"})) > 0`,
		"{{ $value }} Wukongs wait for hosts: {{ $labels.reason }}",
		"Their owners can do nothing about it. docs/reasons.md says what {{ $labels.reason }} means. Run: kubectl wukong host status"},
	{"WukongIPPoolNearlyFull", "15m", "warning", `wukong:ip_pool_used:ratio > 0.85`,
		"AddressPool {{ $labels.pool }} is {{ $value | humanizePercentage }} full",
		"Soon Wukongs will wait for addresses. Run: kubectl wukong pool show {{ $labels.pool }}"},
	{"WukongPolicyStuck", "30m", "warning", `wukong:policy_nodes_pending:sum > 0 unless on (uplink) changes(wukong:policy_nodes_applied:max[10m]) > 0`,
		"The rollout of HostUplink {{ $labels.uplink }} stands still with {{ $value }} nodes to go",
		"Nodes wait, work or do not answer, and none of them has got the revision for a while. Run: kubectl wukong host status {{ $labels.uplink }}"},
	{"WukongIPPoolFullIn4Days", "1h", "info", `predict_linear(wukong:ip_pool_free:max[1d], 4 * 86400) < 0 and wukong:ip_pool_free:max offset 1d`,
		"AddressPool {{ $labels.pool }} will be full within 4 days",
		"That is where the last day leads. Run: kubectl wukong pool show {{ $labels.pool }}"},
}

// rule is a rule as Prometheus reads it.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type ruleGroup struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

// ruleGroups are the groups of rules. Those that alert come after those that record, and read what these have just written.
func ruleGroups() []ruleGroup {
	recording := ruleGroup{Name: "wukong-network.rules", Interval: "30s"}
	for _, r := range recordings {
		recording.Rules = append(recording.Rules, rule{Record: r.Name, Expr: r.Expr})
	}
	alerting := ruleGroup{Name: "wukong-network.alerts", Interval: "30s"}
	for _, a := range alerts {
		alerting.Rules = append(alerting.Rules, rule{Alert: a.Name, Expr: a.Expr, For: a.For, Labels: map[string]string{"severity": a.Severity},
			Annotations: map[string]string{"summary": a.Summary, "description": a.Description, "runbook_url": runbookBase + a.Name + ".md"}})
	}
	return []ruleGroup{recording, alerting}
}

// rulesManifest is config/monitoring/rules.yaml.
func rulesManifest() ([]byte, error) {
	type metadata struct {
		Name      string            `yaml:"name"`
		Namespace string            `yaml:"namespace"`
		Labels    map[string]string `yaml:"labels"`
	}
	var b bytes.Buffer
	b.WriteString("# make generate writes this file from e2e/reference/rules.go. docs/runbooks has a page for each alert.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   metadata `yaml:"metadata"`
		Spec       any      `yaml:"spec"`
	}{"monitoring.coreos.com/v1", "PrometheusRule", metadata{"wukong-network", "wukong-network", map[string]string{"app.kubernetes.io/name": "wukong-network"}},
		struct {
			Groups []ruleGroup `yaml:"groups"`
		}{ruleGroups()}})
	return b.Bytes(), err
}
