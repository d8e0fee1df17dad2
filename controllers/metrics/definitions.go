package metrics

import "github.com/prometheus/client_golang/prometheus"

// Type is the type of a metric.
type Type string

// Types of metrics.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

// Definition says what a metric is.
type Definition struct {
	Name   string
	Type   Type
	Labels []string
	// Help is its meaning, one sentence that the scrape carries.
	Help string
	// Values are the values of labels that have a fixed list, by label.
	Values map[string][]string
}

func (d Definition) desc() *prometheus.Desc {
	return prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
}

func (d Definition) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
}

func (d Definition) histogram(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: buckets}, d.Labels)
}

// The metrics of the manager.
var (
	BuildInfo = Definition{Name: "wukong_build_info", Type: Gauge, Labels: []string{"version", "goversion"},
		Help: "Which version runs. The value is always 1."}

	Objects = Definition{Name: "wukong_objects", Type: Gauge, Labels: []string{"kind", "ready", "stalled", "reason"},
		Help:   "Objects by kind, status of the condition Ready, whether a person has to act (Stalled), and the reason of Ready.",
		Values: map[string][]string{"kind": kinds, "ready": {"True", "False", "Unknown"}, "stalled": {"True", "False"}}}
	ObjectCondition = Definition{Name: "wukong_status_condition", Type: Gauge, Labels: []string{"kind", "namespace", "name", "type", "status", "reason"},
		Help: "Conditions of each object, with --object-metrics alone. The value is always 1."}
	NetworkReadyDuration = Definition{Name: "wukong_network_ready_duration_seconds", Type: Histogram,
		Help: "Time from the creation of a Wukong, or the first sight of a change of its spec, until it is Ready."}

	PoolAddresses = Definition{Name: "wukong_ip_pool_addresses", Type: Gauge, Labels: []string{"pool", "family", "state"},
		Help:   "Addresses of an AddressPool by state. The sum over the states is the size of the pool; above 2^53 it is a power of two.",
		Values: map[string][]string{"family": {"IPv4", "IPv6"}, "state": {"allocated", "reserved", "cooling", "free"}}}
	PoolMissing = Definition{Name: "wukong_ip_pool_missing_addresses", Type: Gauge, Labels: []string{"pool", "family"},
		Help: "Addresses that Wukongs wait for and the AddressPool does not have.", Values: map[string][]string{"family": {"IPv4", "IPv6"}}}
	Allocations = Definition{Name: "wukong_ip_allocations_total", Type: Counter, Labels: []string{"pool", "result"},
		Help:   "Addresses that were asked for, by result. The pool is empty for an address that a Wukong names itself. A refusal counts once, however often it is looked at again.",
		Values: map[string][]string{"result": results}}
	Conflicts = Definition{Name: "wukong_ip_conflicts", Type: Gauge, Labels: []string{"pool", "severity"},
		Help:   "Leased addresses that something else is known to use, by AddressPool, empty for addresses that Wukongs name themselves. What tenants and guests say is a warning.",
		Values: map[string][]string{"severity": {"conflict", "warning"}}}
	ConflictsDetected = Definition{Name: "wukong_ip_conflicts_detected_total", Type: Counter, Labels: []string{"pool", "detector"},
		Help:   "Collisions found on leased addresses, by where the other side was seen.",
		Values: map[string][]string{"detector": detectors}}
	CollisionScan = Definition{Name: "wukong_collision_scan_last_success_timestamp_seconds", Type: Gauge,
		Help: "When every lease was last compared with all that is known to use addresses."}

	PolicyEnactments = Definition{Name: "wukong_policy_enactments", Type: Gauge, Labels: []string{"uplink", "state"},
		Help:   "Nodes that a HostUplink selects, by where they stand on the way to its revision.",
		Values: map[string][]string{"state": {"left_out", "waiting", "applying", "retrying", "applied", "failing", "unknown"}}}
	PolicyDrifted = Definition{Name: "wukong_policy_drifted_nodes", Type: Gauge, Labels: []string{"uplink"},
		Help: "Nodes that have the revision of a HostUplink and no longer show what it built. They are counted as applied, too."}
	PolicyApply = Definition{Name: "wukong_policy_apply_total", Type: Counter, Labels: []string{"uplink", "result"},
		Help:   "What came of asking nodes to carry out a revision of a HostUplink.",
		Values: map[string][]string{"result": {"applied", "failed", "retried", "repaired"}}}

	QueryRequests = Definition{Name: "wukong_query_requests_total", Type: Counter, Labels: []string{"path", "code"},
		Help: "Requests to the query server, by route and status code."}
	QueryDuration = Definition{Name: "wukong_query_request_duration_seconds", Type: Histogram, Labels: []string{"path"},
		Help: "How long requests to the query server took, by route."}
)

var (
	kinds = []string{"AddressPool", "AddressReservation", "HostNetwork", "HostUplink", "Wukong"}
	// results are Success, and otherwise the reasons for which an address is not given.
	results = []string{Success, "conflict", "exhausted", "quota", "refused"}
	// detectors are where the other side of a collision was seen.
	detectors = []string{"declaration", "guest", "lease", "node", "pod", "service"}
)

// Success is the result of an address that was leased.
const Success = "success"

// Definitions gives every metric of the manager, by subject.
func Definitions() []Definition {
	return []Definition{BuildInfo, Objects, ObjectCondition, NetworkReadyDuration, PoolAddresses, PoolMissing, Allocations, Conflicts,
		ConflictsDetected, CollisionScan, PolicyEnactments, PolicyDrifted, PolicyApply, QueryRequests, QueryDuration}
}

// Inherited are the metrics of the libraries below that rules and the dashboard read, with what they say.
func Inherited() []Definition {
	return []Definition{
		{Name: "controller_runtime_reconcile_total", Type: Counter, Labels: []string{"controller", "result"}, Help: "Looks at objects, by controller and result."},
		{Name: "controller_runtime_reconcile_errors_total", Type: Counter, Labels: []string{"controller"}, Help: "Looks that ended with an error, by controller."},
		{Name: "controller_runtime_reconcile_time_seconds", Type: Histogram, Labels: []string{"controller"}, Help: "How long looks took, by controller."},
		{Name: "workqueue_depth", Type: Gauge, Labels: []string{"controller", "name", "priority"}, Help: "Objects that wait to be looked at, by controller."},
		{Name: "workqueue_queue_duration_seconds", Type: Histogram, Labels: []string{"controller", "name"}, Help: "How long objects waited to be looked at."},
		{Name: "rest_client_requests_total", Type: Counter, Labels: []string{"code", "host", "method"}, Help: "Requests to the API server, by status code and method."},
		{Name: "process_resident_memory_bytes", Type: Gauge, Help: "Memory of the process."},
		{Name: "process_cpu_seconds_total", Type: Counter, Help: "Processor time of the process."},
		{Name: "go_goroutines", Type: Gauge, Help: "Goroutines of the process."},
	}
}
