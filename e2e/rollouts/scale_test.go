package rollouts

import (
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/fleet"
	"novasphere.dev/wukong-network/e2e/history"
	"novasphere.dev/wukong-network/e2e/world"
)

const (
	// users is how many Wukongs wait for the network while it is rolled out.
	users = 5
	// mostPerEvent is how many writes of a status, of all kinds of ours together, there may be for each event of an enactment,
	// with at least manyNodes: statuses follow time, so with few nodes there are more for each.
	mostPerEvent, manyNodes = 0.005, 5000
)

// TestRolloutOverManyNodesWritesFewStatuses rolls a network out over all nodes while Wukongs wait for it. Statuses are written
// at the pace of people, not of nodes. WUKONG_ROLLOUT_PROFILE names a file for a CPU profile.
func TestRolloutOverManyNodesWritesFewStatuses(t *testing.T) {
	nodes := number(t, "WUKONG_ROLLOUT_NODES", 0)
	if nodes == 0 {
		t.Skip("it takes minutes, and WUKONG_ROLLOUT_NODES says how many nodes: make rollout")
	}
	c := cluster.ForTest(t, cluster.Options{})
	w, err := world.Prepare(t.Context(), c)
	must(t, err)
	recorder, err := history.Record(t.Context(), c.EtcdURL())
	must(t, err)
	d := &fleet.Fleet{Admin: w.Admin, Apply: time.Second, Uplink: "up"}
	populate(t, d, nodes)
	must(t, d.Start(t.Context()))

	stop, err := w.RunController(t.Context(), controllers.DefaultConfig())
	must(t, err)
	namespace := c.Namespace(t)
	manifests := network("blue", "lab", "vlan: 100")
	for i := range users {
		manifests += wukong(namespace, fmt.Sprintf("web-%d", i), "blue", fmt.Sprintf("192.0.2.%d/24", i+1))
	}
	must(t, c.Apply(t.Context(), []byte(manifests)))
	eventually(t, time.Minute, func() string { return leased(t, w, namespace) })
	time.Sleep(2 * time.Second) // what the beginning brings is not what is counted
	w.Requests.Reset()
	must(t, recorder.Sync(t.Context()))
	from := recorder.Len()

	before, began := cpu(t), time.Now()
	profiled := profile(t)
	must(t, c.Apply(t.Context(), []byte(uplink("up", "lab", "nodeSelector: {}"))))
	eventually(t, 30*time.Minute, func() string { return rolledOut(t, w, d, namespace, nodes) })
	took := time.Since(began)
	profiled()
	report(t, w, d, nodes, took, cpu(t)-before)
	must(t, recorder.Sync(t.Context()))
	if nodes >= manyNodes {
		checkStatusWrites(t, w, d)
	}
	checkWukongWrites(t, recorder.Events(from))
	must(t, stop())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// populate makes the nodes.
func populate(t *testing.T, d *fleet.Fleet, nodes int) {
	t.Helper()
	began := time.Now()
	must(t, d.Join(t.Context(), 0, nodes))
	t.Logf("%d nodes joined in %.1fs", nodes, time.Since(began).Seconds())
}

func leased(t *testing.T, w *world.World, namespace string) string {
	t.Helper()
	list := &v1alpha1.WukongList{}
	must(t, w.Admin.List(t.Context(), list, client.InNamespace(namespace)))
	for _, o := range list.Items {
		if o.Status.ObservedGeneration != o.Generation || o.Status.Addresses == "" {
			return o.Name + " has no address"
		}
	}
	return ""
}

// rolledOut says what is missing until every node has the network, and everybody knows.
func rolledOut(t *testing.T, w *world.World, d *fleet.Fleet, namespace string, nodes int) string {
	t.Helper()
	must(t, d.Failure())
	time.Sleep(200 * time.Millisecond)
	u, n := &v1alpha1.HostUplink{}, &v1alpha1.HostNetwork{}
	must(t, w.Admin.Get(t.Context(), client.ObjectKey{Name: "up"}, u))
	must(t, w.Admin.Get(t.Context(), client.ObjectKey{Name: "blue"}, n))
	all := fmt.Sprintf("%d/%d", nodes, nodes)
	if !isReady(u.Status.Conditions) || u.Status.NodesSummary != all || !isReady(n.Status.Conditions) || n.Status.NodesSummary != all {
		return fmt.Sprintf("HostUplink %q, HostNetwork %q: %s", u.Status.NodesSummary, n.Status.NodesSummary, text(u.Status.Conditions))
	}
	list := &v1alpha1.WukongList{}
	must(t, w.Admin.List(t.Context(), list, client.InNamespace(namespace)))
	for _, o := range list.Items {
		if !isReady(o.Status.Conditions) || o.Status.Nodes != all {
			return fmt.Sprintf("Wukong %s: %q: %s", o.Name, o.Status.Nodes, text(o.Status.Conditions))
		}
	}
	return ""
}

func isReady(conditions []metav1.Condition) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue
	})
}

// text gives the Ready condition in one line.
func text(conditions []metav1.Condition) string {
	for _, c := range conditions {
		if c.Type == v1alpha1.ConditionReady {
			return fmt.Sprintf("%s %s %s", c.Status, c.Reason, c.Message)
		}
	}
	return "no Ready"
}

// statusWrites counts the writes of statuses of ours, by kind.
func statusWrites(w *world.World) (total int, by map[string]int) {
	by = map[string]int{}
	for _, write := range w.Requests.Writes() {
		if kind, ok := strings.CutSuffix(write.Resource, "/status"); ok {
			by[kind]++
			total++
		}
	}
	return total, by
}

func report(t *testing.T, w *world.World, d *fleet.Fleet, nodes int, took, used time.Duration) {
	t.Helper()
	total, by := statusWrites(w)
	counts := w.Requests.Counts()
	t.Logf("%d nodes in %.1fs (%.0f per second), CPU of the controller and the driver %.1fs; %d events of enactments; status writes %v, %.4f per event; PATCH nodes %d, events %d",
		nodes, took.Seconds(), float64(nodes)/took.Seconds(), used.Seconds(), d.Writes.Load(), by, float64(total)/float64(d.Writes.Load()),
		counts["PATCH nodes"], counts["POST events"]+counts["PATCH events"])
}

func checkStatusWrites(t *testing.T, w *world.World, d *fleet.Fleet) {
	t.Helper()
	total, by := statusWrites(w)
	if per := float64(total) / float64(d.Writes.Load()); per > mostPerEvent {
		t.Errorf("%d writes of statuses (%v) for %d events of enactments, which is %.4f for each, want at most %.4f",
			total, by, d.Writes.Load(), per, mostPerEvent)
	}
}

// checkWukongWrites holds the writes of each Wukong against what its team could see of them: a condition with another outcome.
// The count of nodes alone is worth one more write, at the end.
func checkWukongWrites(t *testing.T, events []history.Event) {
	t.Helper()
	writes, changes, last := map[history.Object]int{}, map[history.Object]int{}, map[history.Object]string{}
	for _, e := range events {
		if e.Wukong == nil {
			continue
		}
		writes[e.Object]++
		var seen []string
		for _, c := range e.Wukong.Status.Conditions {
			seen = append(seen, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
		}
		if outcome := strings.Join(seen, " "); outcome != last[e.Object] {
			changes[e.Object]++
			last[e.Object] = outcome
		}
	}
	for object, count := range writes {
		t.Logf("%s: %d writes for %d changes of its conditions", object, count, changes[object])
		if count > changes[object]+1 {
			t.Errorf("%s: %d writes of its status for %d changes of its conditions: want one for each, and one for the last count of nodes", object, count, changes[object])
		}
	}
}

// cpu is what this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// profile writes where the CPU goes into the file that WUKONG_ROLLOUT_PROFILE names.
func profile(t *testing.T) (done func()) {
	t.Helper()
	path := os.Getenv("WUKONG_ROLLOUT_PROFILE")
	if path == "" {
		return func() {}
	}
	f, err := os.Create(path)
	must(t, err)
	must(t, pprof.StartCPUProfile(f))
	return func() { pprof.StopCPUProfile(); must(t, f.Close()) }
}
