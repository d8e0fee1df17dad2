package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/version"
	"novasphere.dev/wukong-network/conflicts"
)

// What controllers count belongs to the process: it is registered once, also where tests run many managers.
var (
	allocations  = Allocations.counter()
	detected     = ConflictsDetected.counter()
	applies      = PolicyApply.counter()
	untilReady   = NetworkReadyDuration.histogram([]float64{1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600})
	requests     = QueryRequests.counter()
	requestTimes = QueryDuration.histogram([]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10})
	current      = &state{}
)

// collectors are what Register registers.
func collectors() []prometheus.Collector {
	untilReady.WithLabelValues() // so that it is there before anything is measured
	return []prometheus.Collector{buildInfo(), allocations, detected, applies, untilReady, requests, requestTimes, current}
}

var register = sync.OnceFunc(func() { ctrlmetrics.Registry.MustRegister(collectors()...) })

// Register adds the metrics to those that the manager serves. It may be called by each manager of a process.
func Register() { register() }

func buildInfo() prometheus.Collector {
	build := version.Read()
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: BuildInfo.Name, Help: BuildInfo.Help}, BuildInfo.Labels)
	g.WithLabelValues(build.Version, build.GoVersion).Set(1)
	return g
}

// Leased counts an address that was leased.
func Leased(pool string) { allocations.WithLabelValues(pool, Success).Inc() }

// Refused counts an address that was asked for and is not given, for a reason of the vocabulary.
func Refused(pool, reason string) { allocations.WithLabelValues(pool, resultOf(reason)).Inc() }

func resultOf(reason string) string {
	switch reason {
	case v1alpha1.ReasonAddressInUse, v1alpha1.ReasonAddressCooling, v1alpha1.ReasonAddressConflict, v1alpha1.ReasonMACConflict, v1alpha1.ReasonAddressReserved:
		return "conflict"
	case v1alpha1.ReasonPoolExhausted:
		return "exhausted"
	case v1alpha1.ReasonAddressQuotaExceeded:
		return "quota"
	}
	return "refused"
}

// Collided counts a collision that was found on a leased address, by what the other side is.
func Collided(pool string, other conflicts.Kind) {
	detected.WithLabelValues(pool, detectorOf(other)).Inc()
}

func detectorOf(kind conflicts.Kind) string {
	switch kind {
	case conflicts.NodeAddress, conflicts.NodeInterface:
		return "node"
	case conflicts.Service, conflicts.ServiceExternalIP:
		return "service"
	case conflicts.GuestReport:
		return "guest"
	case conflicts.PodNetwork:
		return "pod"
	case conflicts.Lease, conflicts.Request:
		return "lease"
	}
	return "declaration"
}

// Applied, failed, retried and repaired are what came of asking a node to carry out a revision.
const (
	Applied  = "applied"
	Failed   = "failed"
	Retried  = "retried"
	Repaired = "repaired"
)

// Enacted counts what came of asking nodes of an uplink.
func Enacted(uplink, result string, nodes int) {
	if nodes > 0 {
		applies.WithLabelValues(uplink, result).Add(float64(nodes))
	}
}

// ForgetPool drops the counters of an AddressPool that is gone.
func ForgetPool(name string) {
	allocations.DeletePartialMatch(prometheus.Labels{"pool": name})
	detected.DeletePartialMatch(prometheus.Labels{"pool": name})
}

// ForgetUplink drops the counters of a HostUplink that is gone.
func ForgetUplink(name string) { applies.DeletePartialMatch(prometheus.Labels{"uplink": name}) }
