package metrics

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Source is what gauges are read from.
type Source struct {
	// Reader is the cache of the manager.
	Reader client.Reader
	// LastScan gives when the last collision scan succeeded, zero before the first one.
	LastScan func() time.Time
	// PerObject says each condition of each object.
	PerObject bool
}

// Start serves the gauges of a source until ctx ends. It runs on the leader alone, so that no replica says what another one
// says already. Of several in one process the one that was started last, and still runs, counts.
func (s *Source) Start(ctx context.Context) error {
	current.set(s)
	<-ctx.Done()
	current.unset(s)
	return nil
}

// state collects the gauges at each scrape.
type state struct {
	mu      sync.Mutex
	sources []*Source // as they were started
}

func (c *state) set(s *Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = append(c.sources, s)
}

func (c *state) unset(s *Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = slices.DeleteFunc(c.sources, func(other *Source) bool { return other == s })
}

// running is the source that counts, or nil.
func (c *state) running() *Source {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sources) == 0 {
		return nil
	}
	return c.sources[len(c.sources)-1]
}

var (
	objectsDesc    = Objects.desc()
	conditionDesc  = ObjectCondition.desc()
	addressesDesc  = PoolAddresses.desc()
	missingDesc    = PoolMissing.desc()
	conflictsDesc  = Conflicts.desc()
	scanDesc       = CollisionScan.desc()
	enactmentsDesc = PolicyEnactments.desc()
	driftedDesc    = PolicyDrifted.desc()
)

// Describe is a part of prometheus.Collector.
func (c *state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{objectsDesc, conditionDesc, addressesDesc, missingDesc, conflictsDesc, scanDesc, enactmentsDesc, driftedDesc} {
		ch <- d
	}
}

// Collect is a part of prometheus.Collector.
func (c *state) Collect(ch chan<- prometheus.Metric) {
	s := c.running()
	if s == nil {
		return
	}
	// The cache answers from memory, so a scrape needs no time limit of its own.
	if err := s.collect(context.Background(), ch); err != nil {
		ch <- prometheus.NewInvalidMetric(objectsDesc, err)
	}
}

func (s *Source) collect(ctx context.Context, ch chan<- prometheus.Metric) error {
	seen := objects{perObject: s.PerObject, counts: map[[4]string]int{}, ch: ch}
	for _, read := range []func(context.Context, *objects) error{s.pools, s.reservations, s.networks, s.uplinks, s.wukongs, s.leases} {
		if err := read(ctx, &seen); err != nil {
			return err
		}
	}
	for key, count := range seen.counts {
		seen.gauge(objectsDesc, float64(count), key[:]...)
	}
	if at := s.LastScan(); !at.IsZero() {
		seen.gauge(scanDesc, float64(at.UnixMilli())/1000)
	}
	return nil
}

// objects is what one scrape has seen.
type objects struct {
	perObject bool
	counts    map[[4]string]int // by kind, ready, stalled and reason
	pools     []string
	ch        chan<- prometheus.Metric
}

func (o *objects) gauge(d *prometheus.Desc, value float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

// count takes in an object by its conditions. One that was not looked at yet is Unknown, without a reason.
func (o *objects) count(kind string, obj client.Object, conditions []metav1.Condition) {
	ready, reason := string(metav1.ConditionUnknown), ""
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); c != nil {
		ready, reason = string(c.Status), c.Reason
	}
	stalled := metav1.ConditionFalse
	if meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled) {
		stalled = metav1.ConditionTrue
	}
	o.counts[[4]string{kind, ready, string(stalled), reason}]++
	if !o.perObject {
		return
	}
	for _, c := range conditions {
		o.gauge(conditionDesc, 1, kind, obj.GetNamespace(), obj.GetName(), c.Type, string(c.Status), c.Reason)
	}
}

// read lists objects of the cache without copying them: nothing here changes one.
func (s *Source) read(ctx context.Context, list client.ObjectList) error {
	return s.Reader.List(ctx, list, client.UnsafeDisableDeepCopy)
}

func (s *Source) pools(ctx context.Context, o *objects) error {
	list := &v1alpha1.AddressPoolList{}
	if err := s.read(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		p := &list.Items[i]
		o.count("AddressPool", p, p.Status.Conditions)
		o.pools = append(o.pools, p.Name)
		st, family := p.Status, "IPv4"
		if strings.Contains(string(p.Spec.Subnet), ":") {
			family = "IPv6"
		}
		o.gauge(missingDesc, float64(st.Missing), p.Name, family)
		if st.Free == "" {
			continue // what it gives out is not known, because its spec cannot work
		}
		for state, value := range map[string]float64{"allocated": float64(st.Allocated), "reserved": float64(st.Reserved),
			"cooling": float64(st.Cooling), "free": number(st.Free)} {
			o.gauge(addressesDesc, value, p.Name, family, state)
		}
	}
	return nil
}

// number reads a count as a status writes it: a decimal number, or a power of two such as "2^64" or "about 2^64".
func number(s string) float64 {
	if power, ok := strings.CutPrefix(strings.TrimPrefix(s, "about "), "2^"); ok {
		n, _ := strconv.ParseFloat("0x1p"+power, 64)
		return n
	}
	n, _ := strconv.ParseFloat(s, 64)
	return n
}

func (s *Source) reservations(ctx context.Context, o *objects) error {
	list := &v1alpha1.AddressReservationList{}
	if err := s.read(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		o.count("AddressReservation", &list.Items[i], list.Items[i].Status.Conditions)
	}
	return nil
}

func (s *Source) networks(ctx context.Context, o *objects) error {
	list := &v1alpha1.HostNetworkList{}
	if err := s.read(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		o.count("HostNetwork", &list.Items[i], list.Items[i].Status.Conditions)
	}
	return nil
}

func (s *Source) uplinks(ctx context.Context, o *objects) error {
	list := &v1alpha1.HostUplinkList{}
	if err := s.read(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		u := &list.Items[i]
		o.count("HostUplink", u, u.Status.Conditions)
		n := u.Status.Nodes
		for state, nodes := range map[string]int32{"left_out": n.LeftOut, "waiting": n.Waiting, "applying": n.Applying, "retrying": n.Retrying,
			"applied": n.Applied, "failing": n.Failing, "unknown": n.Unknown} {
			o.gauge(enactmentsDesc, float64(nodes), u.Name, state)
		}
		o.gauge(driftedDesc, float64(n.Drifted), u.Name)
	}
	return nil
}

func (s *Source) wukongs(ctx context.Context, o *objects) error {
	list := &v1alpha1.WukongList{}
	if err := s.read(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		o.count("Wukong", &list.Items[i], list.Items[i].Status.Conditions)
	}
	return nil
}

// leases counts collisions, after pools has named the pools.
func (s *Source) leases(ctx context.Context, o *objects) error {
	list := &v1alpha1.AddressLeaseList{}
	if err := s.read(ctx, list); err != nil {
		return err
	}
	type key struct{ pool, severity string }
	counts := map[key]int{}
	for _, pool := range append(o.pools, "") {
		counts[key{pool, "conflict"}], counts[key{pool, "warning"}] = 0, 0
	}
	for i := range list.Items {
		spec := &list.Items[i].Spec
		switch {
		case spec.Conflict == "":
		case strings.HasPrefix(spec.Conflict, v1alpha1.ConflictWarning):
			counts[key{spec.Pool, "warning"}]++
		default:
			counts[key{spec.Pool, "conflict"}]++
		}
	}
	for k, count := range counts {
		o.gauge(conflictsDesc, float64(count), k.pool, k.severity)
	}
	return nil
}
