package metrics

import (
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
)

// registry collects the state of objects alone.
func registry(t *testing.T, perObject bool, objects ...client.Object) *prometheus.Registry {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	scan := time.Unix(1700000000, 500e6)
	source := &Source{Reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(),
		LastScan: func() time.Time { return scan }, PerObject: perObject}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(&state{sources: []*Source{source}})
	return r
}

func objectsOfEveryKind() []client.Object {
	ready := []metav1.Condition{{Type: "Ready", Status: "True", Reason: "PoolReady"}}
	stalled := []metav1.Condition{{Type: "Ready", Status: "False", Reason: "AddressInUse"}, {Type: "Stalled", Status: "True", Reason: "AddressInUse"}}
	lease := func(address, pool, conflict string) *v1alpha1.AddressLease {
		return &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-" + address},
			Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: "lab", Phase: v1alpha1.LeaseAllocated, Pool: pool, Conflict: conflict}}
	}
	return []client.Object{
		&v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "small"}, Spec: v1alpha1.AddressPoolSpec{Subnet: "192.0.2.0/24"},
			Status: v1alpha1.AddressPoolStatus{Total: "254", Allocated: 10, Reserved: 4, Cooling: 1, Free: "239", Missing: 2, Conditions: ready}},
		&v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "large"}, Spec: v1alpha1.AddressPoolSpec{Subnet: "2001:db8::/64"},
			Status: v1alpha1.AddressPoolStatus{Total: "2^64", Free: "about 2^64", Conditions: ready}},
		&v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "new"}, Spec: v1alpha1.AddressPoolSpec{Subnet: "192.0.2.0/24"}},
		&v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "lab"},
			Status: v1alpha1.HostUplinkStatus{Nodes: v1alpha1.NodeCounts{Matching: 5, LeftOut: 1, Applied: 3, Failing: 1, Drifted: 1}}},
		&v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web"}, Status: v1alpha1.WukongStatus{Conditions: stalled}},
		&v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-b", Name: "db"}, Status: v1alpha1.WukongStatus{Conditions: stalled}},
		lease("192.0.2.1", "small", "192.0.2.1 on lab collides"),
		lease("192.0.2.2", "small", v1alpha1.ConflictWarning+"192.0.2.2 on lab is reported by a guest"),
		lease("192.0.2.3", "gone", "192.0.2.3 on lab collides"),
		lease("192.0.2.4", "", ""),
	}
}

func TestGaugesSayWhatTheObjectsSay(t *testing.T) {
	want := `
# HELP wukong_collision_scan_last_success_timestamp_seconds When every lease was last compared with all that is known to use addresses.
# TYPE wukong_collision_scan_last_success_timestamp_seconds gauge
wukong_collision_scan_last_success_timestamp_seconds 1.7000000005e+09
# HELP wukong_ip_conflicts Leased addresses that something else is known to use, by AddressPool, empty for addresses that Wukongs name themselves. What tenants and guests say is a warning.
# TYPE wukong_ip_conflicts gauge
wukong_ip_conflicts{pool="",severity="conflict"} 0
wukong_ip_conflicts{pool="",severity="warning"} 0
wukong_ip_conflicts{pool="gone",severity="conflict"} 1
wukong_ip_conflicts{pool="large",severity="conflict"} 0
wukong_ip_conflicts{pool="large",severity="warning"} 0
wukong_ip_conflicts{pool="new",severity="conflict"} 0
wukong_ip_conflicts{pool="new",severity="warning"} 0
wukong_ip_conflicts{pool="small",severity="conflict"} 1
wukong_ip_conflicts{pool="small",severity="warning"} 1
# HELP wukong_ip_pool_addresses Addresses of an AddressPool by state. The sum over the states is the size of the pool; above 2^53 it is a power of two.
# TYPE wukong_ip_pool_addresses gauge
wukong_ip_pool_addresses{family="IPv4",pool="small",state="allocated"} 10
wukong_ip_pool_addresses{family="IPv4",pool="small",state="cooling"} 1
wukong_ip_pool_addresses{family="IPv4",pool="small",state="free"} 239
wukong_ip_pool_addresses{family="IPv4",pool="small",state="reserved"} 4
wukong_ip_pool_addresses{family="IPv6",pool="large",state="allocated"} 0
wukong_ip_pool_addresses{family="IPv6",pool="large",state="cooling"} 0
wukong_ip_pool_addresses{family="IPv6",pool="large",state="free"} 1.8446744073709552e+19
wukong_ip_pool_addresses{family="IPv6",pool="large",state="reserved"} 0
# HELP wukong_ip_pool_missing_addresses Addresses that Wukongs wait for and the AddressPool does not have.
# TYPE wukong_ip_pool_missing_addresses gauge
wukong_ip_pool_missing_addresses{family="IPv4",pool="new"} 0
wukong_ip_pool_missing_addresses{family="IPv4",pool="small"} 2
wukong_ip_pool_missing_addresses{family="IPv6",pool="large"} 0
# HELP wukong_objects Objects by kind, status of the condition Ready, whether a person has to act (Stalled), and the reason of Ready.
# TYPE wukong_objects gauge
wukong_objects{kind="AddressPool",ready="True",reason="PoolReady",stalled="False"} 2
wukong_objects{kind="AddressPool",ready="Unknown",reason="",stalled="False"} 1
wukong_objects{kind="HostUplink",ready="Unknown",reason="",stalled="False"} 1
wukong_objects{kind="Wukong",ready="False",reason="AddressInUse",stalled="True"} 2
# HELP wukong_policy_drifted_nodes Nodes that have the revision of a HostUplink and no longer show what it built. They are counted as applied, too.
# TYPE wukong_policy_drifted_nodes gauge
wukong_policy_drifted_nodes{uplink="lab"} 1
# HELP wukong_policy_enactments Nodes that a HostUplink selects, by where they stand on the way to its revision.
# TYPE wukong_policy_enactments gauge
wukong_policy_enactments{state="applied",uplink="lab"} 3
wukong_policy_enactments{state="applying",uplink="lab"} 0
wukong_policy_enactments{state="failing",uplink="lab"} 1
wukong_policy_enactments{state="left_out",uplink="lab"} 1
wukong_policy_enactments{state="retrying",uplink="lab"} 0
wukong_policy_enactments{state="unknown",uplink="lab"} 0
wukong_policy_enactments{state="waiting",uplink="lab"} 0
`
	if err := testutil.GatherAndCompare(registry(t, false, objectsOfEveryKind()...), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestConditionsOfEachObjectAreSaidOnlyWhenAskedFor(t *testing.T) {
	want := `
# HELP wukong_status_condition Conditions of each object, with --object-metrics alone. The value is always 1.
# TYPE wukong_status_condition gauge
wukong_status_condition{kind="AddressPool",name="large",namespace="",reason="PoolReady",status="True",type="Ready"} 1
wukong_status_condition{kind="AddressPool",name="small",namespace="",reason="PoolReady",status="True",type="Ready"} 1
wukong_status_condition{kind="Wukong",name="db",namespace="team-b",reason="AddressInUse",status="False",type="Ready"} 1
wukong_status_condition{kind="Wukong",name="db",namespace="team-b",reason="AddressInUse",status="True",type="Stalled"} 1
wukong_status_condition{kind="Wukong",name="web",namespace="team-a",reason="AddressInUse",status="False",type="Ready"} 1
wukong_status_condition{kind="Wukong",name="web",namespace="team-a",reason="AddressInUse",status="True",type="Stalled"} 1
`
	if err := testutil.GatherAndCompare(registry(t, true, objectsOfEveryKind()...), strings.NewReader(want), ObjectCondition.Name); err != nil {
		t.Error(err)
	}
}

func TestNothingIsSaidWithoutASourceAndTheOneThatStartedLastCounts(t *testing.T) {
	first, second := &Source{}, &Source{}
	c := &state{}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	if families, err := r.Gather(); err != nil || len(families) > 0 {
		t.Errorf("without a source: %v, %v", families, err)
	}
	third := &Source{}
	for _, started := range []*Source{first, second, third} {
		if c.set(started); c.running() != started {
			t.Error("what was started last does not count")
		}
	}
	if c.unset(first); c.running() != third {
		t.Error("the end of the first source took the third one away")
	}
	if c.unset(third); c.running() != second {
		t.Error("the second source runs and does not count")
	}
	if c.unset(second); c.running() != nil {
		t.Error("the second source stays")
	}
}

// TestTheMetricsAreNamedAsPrometheusWants registers them as the manager does, twice.
func TestTheMetricsAreNamedAsPrometheusWants(t *testing.T) {
	Register()
	Register()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(collectors()...)
	Leased("lint")
	Collided("lint", conflicts.NodeInterface)
	Enacted("lint", Applied, 1)
	Query("/lint", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/lint", nil))
	state := registry(t, true, objectsOfEveryKind()...)
	var names []string
	for _, gatherer := range []prometheus.Gatherer{r, state} {
		problems, err := testutil.GatherAndLint(gatherer)
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
		families, err := gatherer.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			names = append(names, f.GetName())
			i := slices.IndexFunc(Definitions(), func(d Definition) bool { return d.Name == f.GetName() })
			if i < 0 {
				t.Errorf("%s is not defined", f.GetName())
				continue
			}
			d := Definitions()[i]
			if got := strings.ToLower(f.GetType().String()); got != string(d.Type) {
				t.Errorf("%s is a %s and defined as a %s", d.Name, got, d.Type)
			}
			for _, m := range f.GetMetric() {
				var labels []string
				for _, l := range m.GetLabel() {
					labels = append(labels, l.GetName())
					if fixed := d.Values[l.GetName()]; fixed != nil && !slices.Contains(fixed, l.GetValue()) {
						t.Errorf("%s has %s=%q, which is none of %q", d.Name, l.GetName(), l.GetValue(), fixed)
					}
				}
				if diff := cmp.Diff(slices.Sorted(slices.Values(d.Labels)), labels); diff != "" {
					t.Errorf("%s: labels (-defined +got):\n%s", d.Name, diff)
				}
			}
		}
	}
	for _, d := range Definitions() {
		if !slices.Contains(names, d.Name) {
			t.Errorf("%s is defined and not collected", d.Name)
		}
	}
	if served, err := testutil.GatherAndCount(ctrlmetrics.Registry, Allocations.Name); err != nil || served == 0 {
		t.Errorf("the manager does not serve what is counted: %v", err)
	}
	ForgetPool("lint")
	ForgetUplink("lint")
	if left := testutil.CollectAndCount(allocations) + testutil.CollectAndCount(detected) + testutil.CollectAndCount(applies); left > 0 {
		t.Errorf("%d series are left", left)
	}
}

func TestEveryReasonAndEveryKindOfClaimHasAPlaceAmongTheLabels(t *testing.T) {
	for _, r := range reasons.All() {
		if got := resultOf(r.Word); !slices.Contains(results, got) || got == Success {
			t.Errorf("%s is %q", r.Word, got)
		}
	}
	for kind, want := range map[conflicts.Kind]string{
		conflicts.Request: "lease", conflicts.Lease: "lease", conflicts.Reservation: "declaration", conflicts.Excluded: "declaration",
		conflicts.NodeAddress: "node", conflicts.NodeInterface: "node", conflicts.Gateway: "declaration", conflicts.DNSServer: "declaration",
		conflicts.Service: "service", conflicts.ServiceExternalIP: "service", conflicts.GuestReport: "guest", conflicts.PodNetwork: "pod",
	} {
		if got := detectorOf(kind); got != want || !slices.Contains(detectors, got) {
			t.Errorf("%s is %q, want %q", kind, got, want)
		}
	}
}

func TestCountsOfAStatusAreRead(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "254": 254, "9007199254740992": 1 << 53, "2^64": math.Pow(2, 64), "about 2^127": math.Pow(2, 127)} {
		if got := number(text); got != want {
			t.Errorf("number(%q) = %g, want %g", text, got, want)
		}
	}
}

func TestTheTimeToReadyIsThatOfARequest(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	look := func(generation, observed int64, now int, ready bool) Look {
		return Look{Key: types.NamespacedName{Name: "web"}, UID: "1", Generation: generation, Observed: observed, Created: start, Now: at(now), Ready: ready}
	}
	for name, c := range map[string]struct {
		looks []Look
		want  []time.Duration
	}{
		"a creation counts from the creation": {[]Look{look(1, -1, 2, false), look(1, 1, 5, true), look(1, 1, 9, true)}, []time.Duration{5 * time.Second}},
		"one that is ready at once counts":    {[]Look{look(1, -1, 2, true)}, []time.Duration{2 * time.Second}},
		"a change counts from its first sight": {[]Look{look(1, -1, 1, true), look(2, 1, 10, false), look(2, 2, 14, true)},
			[]time.Duration{time.Second, 4 * time.Second}},
		"a change while another one is under way begins anew": {[]Look{look(1, -1, 1, false), look(2, 1, 10, false), look(2, 2, 14, true)},
			[]time.Duration{4 * time.Second}},
		"what breaks and comes back is no request":       {[]Look{look(1, -1, 1, true), look(1, 1, 10, false), look(1, 1, 14, true)}, []time.Duration{time.Second}},
		"what was under way before a restart is unknown": {[]Look{look(1, 1, 10, false), look(1, 1, 14, true)}, nil},
		"another object of the name is another request": {[]Look{look(1, -1, 1, true), {Key: types.NamespacedName{Name: "web"}, UID: "2",
			Generation: 1, Observed: -1, Created: at(20), Now: at(23), Ready: true}}, []time.Duration{time.Second, 3 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			var w Stopwatch
			var got []time.Duration
			for _, l := range c.looks {
				if took, done := w.saw(l); done {
					got = append(got, took)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
			if w.Forget(types.NamespacedName{Name: "web"}); len(w.runs) > 0 {
				t.Error("a run is left")
			}
		})
	}
}
