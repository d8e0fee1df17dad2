package controllers_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/e2e/lab"
)

// scrape gives the series of our metrics that have a label of the value, as NAME{LABELS} without that label. A histogram is
// its count.
func scrape(t *testing.T, value string) map[string]float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "wukong_") {
			continue
		}
		for _, m := range family.GetMetric() {
			var rest []string
			found := value == ""
			for _, l := range m.GetLabel() {
				if l.GetValue() == value && value != "" {
					found = true
					continue
				}
				rest = append(rest, l.GetValue())
			}
			if found {
				key := strings.TrimPrefix(family.GetName(), "wukong_")
				if len(rest) > 0 {
					key += " " + strings.Join(rest, " ")
				}
				out[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

// says waits until the series about something are these, among those that are not zero.
func says(t *testing.T, about string, want map[string]float64) {
	t.Helper()
	eventually(t, func() error {
		got := scrape(t, about)
		maps.DeleteFunc(got, func(_ string, v float64) bool { return v == 0 })
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("metrics of %s (-want +got):\n%s", about, diff)
		}
		return nil
	})
}

func TestMetricsTellTheStoryOfAPoolAndAnUplinkAndNothingIsLeftOfThem(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	labNodes(t, w, "metered", 96, 2)
	uplink := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "metered"}, Spec: v1alpha1.HostUplinkSpec{
		PhysicalNetwork: "metered", Interface: "eth1", NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"fabric": "metered"}}}}
	network := &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "metered-net"}, Spec: v1alpha1.HostNetworkSpec{
		PhysicalNetwork: "metered", Linger: &metav1.Duration{}, AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: []string{ns}}}}
	pool := poolOf("metered", "metered-pool", "192.0.2.0/24", "192.0.2.10-192.0.2.11")
	create(t, w, uplink, network, pool)
	says(t, "metered-pool", map[string]float64{"ip_pool_addresses IPv4 free": 2})

	// A broken node.
	if err := w.Lab.Fail("metered-1", lab.Fault{Error: "InvalidArgument: eth1 is on fire"}); err != nil {
		t.Fatal(err)
	}
	before := scrape(t, "")["network_ready_duration_seconds"]
	first, second := drawing(ns, "first", "metered-net", "metered-pool"), drawing(ns, "second", "metered-net", "metered-pool")
	create(t, w, first, second)
	says(t, "metered", map[string]float64{"policy_enactments failing": 1, "policy_enactments waiting": 1, "policy_apply_total failed": 1})
	if err := w.Lab.Repair("metered-1"); err != nil {
		t.Fatal(err)
	}
	for _, wk := range []*v1alpha1.Wukong{first, second} {
		eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	}
	eventually(t, func() error {
		got := scrape(t, "metered")
		if got["policy_enactments applied"] != 2 || got["policy_apply_total applied"] != 2 || got["policy_apply_total retried"] < 1 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	if got := scrape(t, "")["network_ready_duration_seconds"] - before; got < 2 {
		t.Errorf("%v times to Ready were measured", got)
	}
	full := map[string]float64{"ip_pool_addresses IPv4 allocated": 2, "ip_allocations_total success": 2}
	says(t, "metered-pool", full)

	// A pool that is exhausted.
	third := drawing(ns, "third", "metered-net", "metered-pool")
	create(t, w, third)
	full["ip_pool_missing_addresses IPv4"], full["ip_allocations_total exhausted"] = 1, 1
	says(t, "metered-pool", full)
	quiet(t, w) // a second look at the same refusal counts nothing
	says(t, "metered-pool", full)

	// A pool that does not exist: what a tenant writes is no label.
	fourth := drawing(ns, "fourth", "metered-net", "tenants-own-words")
	create(t, w, fourth)
	eventually(t, lacks(w, fourth, v1alpha1.ReasonPoolNotFound))
	says(t, "tenants-own-words", map[string]float64{})

	// A collision.
	const onNode = `{"interfaces":[{"name":"eth2","type":"ethernet","state":"up","ipv4":{"enabled":%t%s}}]}`
	if err := w.Lab.Change("metered-2", fmt.Sprintf(onNode, true, `,"address":[{"ip":"192.0.2.10","prefix-length":24}]`)); err != nil {
		t.Fatal(err)
	}
	full["ip_conflicts conflict"], full["ip_conflicts_detected_total node"] = 1, 1
	says(t, "metered-pool", full)
	if err := w.Lab.Change("metered-2", fmt.Sprintf(onNode, false, "")); err != nil {
		t.Fatal(err)
	}
	delete(full, "ip_conflicts conflict")
	says(t, "metered-pool", full)

	// Nothing is left.
	for _, o := range []client.Object{first, second, third, fourth, pool, network, uplink} {
		if err := w.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"metered", "metered-pool"} {
		eventually(t, func() error {
			if got := scrape(t, name); len(got) > 0 {
				return fmt.Errorf("series of %s are left: %v", name, got)
			}
			return nil
		})
	}
}

func TestNoLabelNamesAnAddressAMACAddressOrATenantAndWhatRulesReadIsThere(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	network := fabricOf(t, w, "nameless", 98, 1, ns)
	wk := static(ns, "tenant-web", network.Name, "192.0.2.98/24")
	create(t, w, wk)
	eventually(t, ready(w, wk, metav1.ConditionTrue, ""))
	scanned := scrape(t, "")["collision_scan_last_success_timestamp_seconds"]
	eventually(t, func() error {
		if now := scrape(t, "")["collision_scan_last_success_timestamp_seconds"]; scanned == 0 || now <= scanned {
			return fmt.Errorf("the last scan was at %v, and before at %v", now, scanned)
		}
		return nil
	})
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if strings.HasPrefix(family.GetName(), "wukong_") && strings.ContainsAny(l.GetValue(), ":/") ||
					slices.ContainsFunc([]string{ns, "tenant-web", "192.0.2.", "192-0-2-"}, func(s string) bool { return strings.Contains(l.GetValue(), s) }) {
					t.Errorf("%s has %s=%q", family.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	for _, d := range metrics.Inherited() {
		i := slices.Index(names, d.Name)
		if i < 0 {
			t.Errorf("%s is read by rules or the dashboard and does not exist", d.Name)
			continue
		}
		var labels []string
		for _, l := range families[i].GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		if diff := cmp.Diff(d.Labels, labels); diff != "" {
			t.Errorf("%s: labels (-documented +got):\n%s", d.Name, diff)
		}
		if got := strings.ToLower(families[i].GetType().String()); got != string(d.Type) {
			t.Errorf("%s is a %s", d.Name, got)
		}
	}
}
