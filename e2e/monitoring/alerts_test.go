package monitoring

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// interval is how often rules are evaluated, and how far the samples of a story are apart.
const interval = 30 * time.Second

// firing is an alert that fires: its labels without name and severity, and its summary.
type firing struct{ Labels, Summary string }

// play evaluates the rules over series and gives what fires at each of the times, by alert.
func play(t *testing.T, series string, at ...time.Duration) map[time.Duration]map[string][]firing {
	t.Helper()
	out := map[time.Duration]map[string][]firing{}
	evaluate(t, series, slices.Max(at), func(now time.Duration, _ *promqltest.LazyLoader, all []*rules.Group) {
		if slices.Contains(at, now) {
			out[now] = fires(all)
		}
	})
	return out
}

// evaluate evaluates the rules over series, and has each of the times looked at.
func evaluate(t *testing.T, series string, until time.Duration, look func(now time.Duration, story *promqltest.LazyLoader, all []*rules.Group)) {
	t.Helper()
	lines := []string{"load " + interval.String()}
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, "  "+line)
		}
	}
	story, err := promqltest.NewLazyLoader(strings.Join(lines, "\n"), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true, Parser: expressions})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = story.Close() }()
	story.SubqueryInterval = interval
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, ruleFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(story.QueryEngine(), story.Storage()), AppendableV2: story.Storage(), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: promslog.NewNopLogger(), Parser: expressions,
	})
	loaded, errs := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var all []*rules.Group
	for _, g := range loaded {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *rules.Group) int { return -strings.Compare(a.Name(), b.Name()) }) // .rules before .alerts
	for _, g := range all {
		for _, r := range g.Rules() {
			if a, ok := r.(*rules.AlertingRule); ok {
				a.SetRestored(true)
			}
		}
	}
	for now := time.Duration(0); now <= until; now += interval {
		story.WithSamplesTill(time.Unix(0, 0).Add(now), func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range all {
				g.Eval(story.Context(), time.Unix(0, 0).Add(now))
				for _, r := range g.Rules() {
					if r.LastError() != nil {
						t.Fatalf("%s at %s: %v", r.Name(), now, r.LastError())
					}
				}
			}
		})
		look(now, story, all)
	}
}

func fires(groups []*rules.Group) map[string][]firing {
	out := map[string][]firing{}
	for _, g := range groups {
		for _, r := range g.Rules() {
			alerting, ok := r.(*rules.AlertingRule)
			if !ok {
				continue
			}
			for _, a := range alerting.ActiveAlerts() {
				if a.State != rules.StateFiring {
					continue
				}
				var rest []string
				a.Labels.Range(func(l labels.Label) {
					if l.Name != "alertname" && l.Name != "severity" {
						rest = append(rest, l.Name+"="+l.Value)
					}
				})
				out[r.Name()] = append(out[r.Name()], firing{strings.Join(rest, ","), a.Annotations.Get("summary")})
			}
			sort.Slice(out[r.Name()], func(i, j int) bool { return out[r.Name()][i].Labels < out[r.Name()][j].Labels })
		}
	}
	return out
}

// well is a manager at work with nothing to say: two replicas, of which the first one leads.
const well = `
	wukong_ip_conflicts{pool="", severity="conflict", pod="a"} 0x3000
	wukong_collision_scan_last_success_timestamp_seconds{pod="a"} 0+30x3000
	wukong_build_info{pod="a"} 1x3000
	wukong_build_info{pod="b"} 1x3000
`

// story is what is scraped, and what one alert makes of it.
type story struct {
	series string
	// silent is the last time at which the alert does not fire, and loud the first one at which it does.
	silent, loud time.Duration
	want         []firing
	// over is a time at which it does not fire any more; zero where it does not end.
	over time.Duration
}

var stories = map[string]map[string]story{
	"WukongControllerDown": {
		"nothing is scraped": {series: `up{job="wukong-network"} 0x100`, silent: 9*time.Minute + 30*time.Second, loud: 10 * time.Minute,
			want: []firing{{"", "No replica of wukong-network is at work"}}},
		"replicas run and none leads": {series: `wukong_build_info{pod="a"} 1x100`, silent: 9*time.Minute + 30*time.Second, loud: 10 * time.Minute,
			want: []firing{{"", "No replica of wukong-network is at work"}}},
		"another one takes over": {series: `
			wukong_ip_conflicts{pool="", severity="conflict", pod="a"} 0x10 stale
			wukong_ip_conflicts{pool="", severity="conflict", pod="b"} _x29 0x60`, silent: 20 * time.Minute},
	},
	"WukongAddressConflict": {
		"a collision in a pool": {series: well + `wukong_ip_conflicts{pool="servers", severity="conflict", pod="a"} 0x1 2x20 0x100`,
			silent: 2*time.Minute + 30*time.Second, loud: 3 * time.Minute, over: 13 * time.Minute,
			want: []firing{{"pool=servers", "2 leased addresses are used by something else, too"}}},
		"one that goes in time": {series: well + `wukong_ip_conflicts{pool="servers", severity="conflict", pod="a"} 0 1x3 0x100`, silent: 10 * time.Minute},
		"what a guest reports":  {series: well + `wukong_ip_conflicts{pool="servers", severity="warning", pod="a"} 1x100`, silent: 20 * time.Minute},
	},
	"WukongIPPoolExhausted": {
		"Wukongs wait": {series: well + `wukong_ip_pool_missing_addresses{pool="servers", family="IPv4", pod="a"} 3x20 0x100`,
			silent: 4*time.Minute + 30*time.Second, loud: 5 * time.Minute, over: 11 * time.Minute,
			want: []firing{{"family=IPv4,pool=servers", "AddressPool servers lacks 3 addresses"}}},
		"a pool that is full and suffices": {series: well + `
			wukong_ip_pool_missing_addresses{pool="servers", family="IPv4", pod="a"} 0x100
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 0x100`, silent: 20 * time.Minute},
	},
	"WukongPolicyDegraded": {
		"a node gave up": {series: well + `
			wukong_policy_enactments{uplink="workers", state="failing", pod="a"} 0x1 1x40 0x100
			wukong_policy_enactments{uplink="spare", state="failing", pod="a"} 0x100`,
			silent: 5*time.Minute + 30*time.Second, loud: 6 * time.Minute, over: 25 * time.Minute,
			want: []firing{{"uplink=workers", "1 nodes failed to build the networks of HostUplink workers"}}},
	},
	"WukongNetworkStalled": {
		"somebody has to act": {series: well + `
			wukong_objects{kind="HostNetwork", ready="False", stalled="True", reason="SegmentTaken", pod="a"} 1x20 0x100
			wukong_objects{kind="HostNetwork", ready="False", stalled="False", reason="NodeNetworkProgressing", pod="a"} 4x100`,
			silent: 4*time.Minute + 30*time.Second, loud: 5 * time.Minute, over: 11 * time.Minute,
			want: []firing{{"kind=HostNetwork,reason=SegmentTaken", "1 objects of kind HostNetwork wait for a person: SegmentTaken"}}},
		"what tenants ask for in vain": {series: well + `wukong_objects{kind="Wukong", ready="False", stalled="True", reason="InvalidSpec", pod="a"} 9x100`, silent: 20 * time.Minute},
	},
	"WukongCollisionScanStale": {
		"scans end": {series: `
			wukong_ip_conflicts{pool="", severity="conflict", pod="a"} 0x100
			wukong_collision_scan_last_success_timestamp_seconds{pod="a"} 0x100`,
			silent: 10 * time.Minute, loud: 10*time.Minute + 30*time.Second, want: []firing{{"", "Leases are not compared with what uses addresses any more"}}},
		"no scan since it leads": {series: `wukong_ip_conflicts{pool="", severity="conflict", pod="a"} 0x100`,
			silent: 4*time.Minute + 30*time.Second, loud: 5 * time.Minute, want: []firing{{"", "Leases are not compared with what uses addresses any more"}}},
		"scans go on": {series: well, silent: 60 * time.Minute},
	},
	"WukongQueryErrors": {
		"one in ten fails": {series: well + `
			wukong_query_requests_total{path="/v1/pools", code="200", pod="a"} 0+54x200
			wukong_query_requests_total{path="/v1/pools", code="500", pod="a"} 0+6x200`,
			silent: 10 * time.Minute, loud: 10*time.Minute + 30*time.Second, want: []firing{{"path=/v1/pools", "10% of the requests to /v1/pools fail"}}},
		"one in twenty-five fails, and some may not ask": {series: well + `
			wukong_query_requests_total{path="/v1/pools", code="200", pod="a"} 0+48x200
			wukong_query_requests_total{path="/v1/pools", code="403", pod="a"} 0+20x200
			wukong_query_requests_total{path="/v1/pools", code="500", pod="a"} 0+2x200`, silent: 60 * time.Minute},
	},
	"WukongReconcileErrors": {
		"one in five fails": {series: well + `
			controller_runtime_reconcile_total{job="wukong-network", controller="wukong", result="success", pod="a"} 0+8x200
			controller_runtime_reconcile_total{job="wukong-network", controller="wukong", result="error", pod="a"} 0+2x200
			controller_runtime_reconcile_errors_total{job="wukong-network", controller="wukong", pod="a"} 0+2x200`,
			silent: 15 * time.Minute, loud: 15*time.Minute + 30*time.Second,
			want: []firing{{"controller=wukong", "20% of the looks of controller wukong end with an error"}}},
		"those of somebody else": {series: well + `
			controller_runtime_reconcile_total{job="other", controller="wukong", result="error", pod="a"} 0+2x200
			controller_runtime_reconcile_errors_total{job="other", controller="wukong", pod="a"} 0+2x200`, silent: 60 * time.Minute},
	},
	"WukongNetworkNotReady": {
		"hosts keep a Wukong waiting": {series: well + `
			wukong_objects{kind="Wukong", ready="False", stalled="False", reason="NodeNotConfigured", pod="a"} 1x50 0x100
			wukong_objects{kind="Wukong", ready="False", stalled="True", reason="AddressInUse", pod="a"} 5x100`,
			silent: 14*time.Minute + 30*time.Second, loud: 15 * time.Minute, over: 26 * time.Minute,
			want: []firing{{"reason=NodeNotConfigured", "1 Wukongs wait for hosts: NodeNotConfigured"}}},
	},
	"WukongIPPoolNearlyFull": {
		"nine of ten are taken": {series: well + `
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="allocated", pod="a"} 80x100
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="reserved", pod="a"} 7x100
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="cooling", pod="a"} 3x100
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 10x100`,
			silent: 14*time.Minute + 30*time.Second, loud: 15 * time.Minute,
			want: []firing{{"family=IPv4,pool=servers", "AddressPool servers is 90% full"}}},
		"at the bound, and a vast pool": {series: well + `
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="allocated", pod="a"} 3x100
			wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 1x100
			wukong_ip_pool_addresses{pool="vast", family="IPv6", state="allocated", pod="a"} 1000x100
			wukong_ip_pool_addresses{pool="vast", family="IPv6", state="free", pod="a"} 18446744073709551616x100`, silent: 40 * time.Minute},
	},
	"WukongPolicyStuck": {
		"nothing moves": {series: well + `
			wukong_policy_enactments{uplink="workers", state="applied", pod="a"} 1x200
			wukong_policy_enactments{uplink="workers", state="applying", pod="a"} 1x200
			wukong_policy_enactments{uplink="workers", state="waiting", pod="a"} 8x200`,
			silent: 29*time.Minute + 30*time.Second, loud: 30 * time.Minute,
			want: []firing{{"uplink=workers", "The rollout of HostUplink workers stands still with 9 nodes to go"}}},
		"a long rollout that goes on": {series: well + `
			wukong_policy_enactments{uplink="workers", state="applied", pod="a"} 0x15 1x15 2x15 3x15 4x15 5x15 6x15 7x15 8x15 9x15
			wukong_policy_enactments{uplink="workers", state="waiting", pod="a"} 9x160`, silent: 75 * time.Minute},
	},
	"WukongIPPoolFullIn4Days": {
		"one address in two minutes": {series: well + `wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 3400-0.25x3400`,
			silent: 24*time.Hour + 59*time.Minute + 30*time.Second, loud: 25 * time.Hour,
			want: []firing{{"family=IPv4,pool=servers", "AddressPool servers will be full within 4 days"}}},
		"slowly": {series: well + `wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 4000-0.1x3400`, silent: 26 * time.Hour},
	},
}

func TestEachAlertFiresWhenItShouldAndNotEarlier(t *testing.T) {
	for _, g := range groups(t).Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			if len(stories[r.Alert]) == 0 {
				t.Errorf("no story is told of %s", r.Alert)
			}
			for name, s := range stories[r.Alert] {
				t.Run(fmt.Sprintf("%s, %s", r.Alert, name), func(t *testing.T) {
					got := play(t, s.series, s.silent, s.loud, s.over)
					if found := got[s.silent][r.Alert]; len(found) > 0 {
						t.Errorf("at %s it fires: %+v", s.silent, found)
					}
					if s.loud != 0 {
						if diff := cmp.Diff(s.want, got[s.loud][r.Alert]); diff != "" {
							t.Errorf("at %s (-want +got):\n%s", s.loud, diff)
						}
					}
					if found := got[s.over][r.Alert]; s.over != 0 && len(found) > 0 {
						t.Errorf("at %s it still fires: %+v", s.over, found)
					}
				})
			}
		}
	}
}

func TestNothingFiresWhileAllIsWell(t *testing.T) {
	series := well + `
		wukong_objects{kind="Wukong", ready="True", stalled="False", reason="NetworkReady", pod="a"} 100x200
		wukong_objects{kind="HostUplink", ready="True", stalled="False", reason="Applied", pod="a"} 1x200
		wukong_policy_enactments{uplink="workers", state="applied", pod="a"} 10x200
		wukong_policy_enactments{uplink="workers", state="waiting", pod="a"} 0x200
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="allocated", pod="a"} 100x200
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 154x200
		wukong_ip_pool_missing_addresses{pool="servers", family="IPv4", pod="a"} 0x200
		wukong_network_ready_duration_seconds_bucket{le="+Inf", pod="a"} 0+1x200`
	if got := play(t, series, 90*time.Minute)[90*time.Minute]; len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
