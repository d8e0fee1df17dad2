package monitoring

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// recorded are the values of a recorded series that are expected after twenty minutes, by their labels.
var recorded = map[string]struct {
	series string
	want   map[string]float64
}{
	"wukong:ip_pool_size:sum": {`
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="allocated", pod="a"} 80x100
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="allocated", pod="b"} 70x100
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 20x100`,
		map[string]float64{`{family="IPv4", pool="servers"}`: 100}},
	"wukong:ip_pool_free:max": {`
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 20x100
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="b"} 19x100`,
		map[string]float64{`{family="IPv4", pool="servers"}`: 20}},
	"wukong:ip_pool_used:ratio": {`
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="allocated", pod="a"} 60x100
		wukong_ip_pool_addresses{pool="servers", family="IPv4", state="free", pod="a"} 20x100`,
		map[string]float64{`{family="IPv4", pool="servers"}`: 0.75}},
	"wukong:policy_nodes_applied:max": {`
		wukong_policy_enactments{uplink="workers", state="applied", pod="a"} 7x100
		wukong_policy_enactments{uplink="workers", state="waiting", pod="a"} 2x100`,
		map[string]float64{`{uplink="workers"}`: 7}},
	"wukong:policy_nodes_pending:sum": {`
		wukong_policy_enactments{uplink="workers", state="applied", pod="a"} 7x100
		wukong_policy_enactments{uplink="workers", state="failing", pod="a"} 3x100
		wukong_policy_enactments{uplink="workers", state="applying", pod="a"} 1x100
		wukong_policy_enactments{uplink="workers", state="waiting", pod="a"} 2x100`,
		map[string]float64{`{uplink="workers"}`: 3}},
	"wukong:wukongs_ready:ratio": {`
		wukong_objects{kind="Wukong", ready="True", stalled="False", reason="NetworkReady", pod="a"} 6x100
		wukong_objects{kind="Wukong", ready="True", stalled="False", reason="NetworkReady", pod="b"} 5x100
		wukong_objects{kind="Wukong", ready="False", stalled="True", reason="AddressInUse", pod="a"} 2x100
		wukong_objects{kind="HostUplink", ready="False", stalled="True", reason="InvalidSpec", pod="a"} 9x100`,
		map[string]float64{`{}`: 0.75}},
	"wukong:network_ready_duration_seconds:p95": {`
		wukong_network_ready_duration_seconds_bucket{le="10", pod="a"} 0+9x100
		wukong_network_ready_duration_seconds_bucket{le="20", pod="a"} 0+10x100
		wukong_network_ready_duration_seconds_bucket{le="+Inf", pod="a"} 0+10x100`,
		map[string]float64{`{}`: 15}},
}

// check compares what was recorded under a name after some time of series, by labels.
func check(t *testing.T, record, series string, after time.Duration, want map[string]float64) {
	t.Helper()
	evaluate(t, series, after, func(now time.Duration, loader *promqltest.LazyLoader, _ []*rules.Group) {
		if now != after {
			return
		}
		query, err := loader.QueryEngine().NewInstantQuery(loader.Context(), loader.Queryable(), nil, record, time.Unix(0, 0).Add(now))
		if err != nil {
			t.Fatal(err)
		}
		defer query.Close()
		got, err := query.Exec(loader.Context()).Vector()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Errorf("want %v, got %v", want, got)
		}
		for _, sample := range got {
			of := labels.NewBuilder(sample.Metric).Del(model.MetricNameLabel).Labels().String()
			if value, ok := want[of]; !ok || math.Abs(value-sample.F) > 1e-9 {
				t.Errorf("%s is %v, want %v", sample.Metric, sample.F, want)
			}
		}
	})
}

func TestEachRecordedSeriesIsWhatItsNameSays(t *testing.T) {
	for _, g := range groups(t).Groups {
		for _, r := range g.Rules {
			if r.Record == "" {
				continue
			}
			t.Run(r.Record, func(t *testing.T) {
				story, ok := recorded[r.Record]
				if !ok {
					t.Fatal("no value is expected of it")
				}
				check(t, r.Record, story.series, 20*time.Minute, story.want)
			})
		}
	}
}

func TestWhereNoWukongIsReadyTheRatioIsNought(t *testing.T) {
	check(t, "wukong:wukongs_ready:ratio", `wukong_objects{kind="Wukong", ready="False", stalled="True", reason="AddressInUse", pod="a"} 2x100`,
		time.Minute, map[string]float64{"{}": 0})
}
