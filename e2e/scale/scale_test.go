package scale

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/fleet"
	"novasphere.dev/wukong-network/e2e/manager"
	"novasphere.dev/wukong-network/e2e/world"
)

// What is demanded, as ratios of numbers of the same run, so that the machine does not matter.
const (
	// mostOfBare is the heap of the controller over that of a cache that keeps the same objects whole.
	mostOfBare = 0.5
	// mostPerWukong is what a Wukong costs beside many others, over what it costs beside a fifth of them.
	mostPerWukong = 1.2
	// mostOfLimit is the heap over the limit that the Deployment gives the container, with the full number of Wukongs: what is left is
	// for garbage. The peak of the process is to stay below the limit.
	mostOfLimit = 0.5
	// mostStart is the time from execution until nothing waits any more, over that in which a bare client lists the same objects.
	mostStart = 4.0
)

// Numbers of Wukongs: those of CI, and those from which the limits of a full run are held.
const (
	fewWukongs, fullWukongs = 250, 10_000
	// perNode is how many Wukongs there are for each node.
	perNode = 10
)

// TestTheManagerAtScale measures the controller with a fifth of the Wukongs, and with all of them. WUKONG_SCALE is their number.
// WUKONG_SCALE_PROFILE names a file for a profile of the heap; that of the processor while it starts is beside it, with .cpu at its end.
func TestTheManagerAtScale(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	all := fewWukongs
	if text := os.Getenv("WUKONG_SCALE"); text != "" {
		var err error
		all, err = strconv.Atoi(text)
		must(t, err)
	}
	c := cluster.ForTest(t, cluster.Options{})
	w, err := world.Prepare(t.Context(), c)
	must(t, err)
	binary, err := manager.Build(t.Context(), t.TempDir(), nil)
	must(t, err)
	h := &hall{World: w, t: t, binary: binary, fleet: &fleet.Fleet{Admin: w.Admin, Uplink: "up", More: moreNICs}}
	must(t, h.prepareScrapes())
	must(t, h.fleet.Start(t.Context()))
	declare(t, w)
	h.inProcess("") // what is made once stays
	nothing := h.inProcess("")
	h.fill(0, all/5)
	few := h.measure(all / 5)
	few.heap = h.inProcess("")
	h.fill(all/5, all)
	many := h.measure(all)
	many.heap = h.inProcess(os.Getenv("WUKONG_SCALE_PROFILE"))
	bare, costs := h.bareCache(), h.costs()
	h.report([]figures{few, many}, nothing, bare, costs)
	h.check(few, many, nothing, bare, all)
}

// hall is a cluster full of objects.
type hall struct {
	*world.World
	t      *testing.T
	binary string
	fleet  *fleet.Fleet
	token  string // of who may read metrics
}

// figures are what was measured with a number of Wukongs.
type figures struct {
	wukongs, nodes int
	// synced is from execution until the cache has everything, idle until nothing waits in a queue any more.
	synced, idle time.Duration
	cpu          time.Duration // until idle
	peak, rss    int64         // of the process, in bytes
	heap         int64         // of a controller in this process, after garbage collection
	looks        float64       // reconciles of Wukongs until idle
	written      int           // objects that the start wrote to
}

// fill makes nodes, Wukongs and their machines, and has a controller do its work, until it rests.
func (h *hall) fill(from, below int) {
	h.t.Helper()
	began := time.Now()
	must(h.t, h.fleet.Join(h.t.Context(), from/perNode, below/perNode))
	p := h.start("filling", "--leader-elect=false") // a busy machine is no reason to end
	must(h.t, each(h.t.Context(), from, below, func(ctx context.Context, i int) error { return h.Admin.Create(ctx, wukong(i)) }))
	must(h.t, each(h.t.Context(), from, below, func(ctx context.Context, i int) error {
		for {
			done, err := runs(ctx, h.Admin, i, below/perNode)
			if done || err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-p.Exited():
				return fmt.Errorf("the controller ended: %s", p.Log())
			case <-time.After(100 * time.Millisecond):
			}
		}
	}))
	h.rests(p, below)
	h.settles()
	must(h.t, h.fleet.Failure())
	must(h.t, p.Stop())
	h.t.Logf("%d Wukongs on %d nodes after %.0fs: %v", below, below/perNode, time.Since(began).Seconds(), h.reasons())
}

func (h *hall) start(name string, args ...string) *manager.Process {
	h.t.Helper()
	p, err := manager.Start(h.t.Context(), h.Cluster, h.binary, manager.Options{Name: name, Args: args, Env: []string{"MEMORY_LIMIT=" + strconv.Itoa(limit)}})
	must(h.t, err)
	return p
}

// limit is that of the Deployment, in bytes.
const limit = 1 << 30

// measure starts a controller in the world as it is.
func (h *hall) measure(wukongs int) figures {
	h.t.Helper()
	before := h.versions()
	p := h.start("measured")
	f := figures{wukongs: wukongs, nodes: wukongs / perNode}
	for !p.Ready() {
		select {
		case <-p.Exited():
			h.t.Fatalf("the controller ended: %s", p.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
	f.synced = time.Since(p.Began)
	f.idle, f.looks = h.rests(p, wukongs)
	var err error
	f.peak, f.rss, err = memory(p.PID())
	must(h.t, err)
	f.cpu, err = cpu(p.PID())
	must(h.t, err)
	must(h.t, p.Stop())
	for name, version := range h.versions() {
		if before[name] != version {
			f.written++
			h.t.Logf("the start wrote to %s", name)
		}
	}
	return f
}

// rests waits until every Wukong has been looked at and nothing waits in any queue, and says how long after its execution that was, and
// how often Wukongs were looked at.
func (h *hall) rests(p *manager.Process, wukongs int) (time.Duration, float64) {
	h.t.Helper()
	const calm = 2 * time.Second
	var since time.Time
	for deadline := time.Now().Add(time.Hour); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.Exited():
			h.t.Fatalf("the controller ended: %s", p.Log())
		default:
		}
		text, code, err := p.Scrape(h.token)
		if err != nil || code != 200 {
			continue // it does not listen yet
		}
		m := sums(text)
		looks := m[`controller_runtime_reconcile_total{controller="wukong"`]
		if m["workqueue_depth"]+m["controller_runtime_active_workers"] > 0 || looks < float64(wukongs) {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		} else if time.Since(since) > calm {
			return since.Sub(p.Began), looks
		}
	}
	h.t.Fatal("the controller does not rest within an hour")
	return 0, 0
}

// settles waits until nothing has been written for a while: some statuses follow time.
func (h *hall) settles() {
	h.t.Helper()
	const calm = 10 * time.Second
	before, since := h.versions(), time.Now()
	for time.Since(since) < calm {
		time.Sleep(time.Second)
		if now := h.versions(); !maps.Equal(before, now) {
			before, since = now, time.Now()
		}
	}
}

// sums adds the samples of each metric, over all labels; those of a controller are there by their first label, too.
func sums(text string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if f, err := strconv.ParseFloat(value, 64); found && err == nil {
			metric, labels, _ := strings.Cut(name, "{")
			out[metric] += f
			if first, _, ok := strings.Cut(labels, ","); ok {
				out[metric+"{"+first] += f
			}
		}
	}
	return out
}

// versions are the resource versions of what a start could write to.
func (h *hall) versions() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for _, kind := range []string{"Wukong", "AddressLease", "HostNetwork", "HostUplink", "AddressPool"} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		must(h.t, h.Admin.List(h.t.Context(), list))
		for _, o := range list.Items {
			out[kind+" "+o.Namespace+"/"+o.Name] = o.ResourceVersion
		}
	}
	return out
}

// reasons counts the Wukongs by what their Ready condition says.
func (h *hall) reasons() map[string]int {
	h.t.Helper()
	list := &v1alpha1.WukongList{}
	must(h.t, h.Admin.List(h.t.Context(), list))
	out := map[string]int{}
	for _, w := range list.Items {
		if c := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionReady); c != nil {
			out[c.Reason]++
		}
	}
	return out
}

// wukong asks for a machine with an address from the pool of its network.
func wukong(i int) *v1alpha1.Wukong {
	w := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: key(i).Namespace, Name: key(i).Name}}
	w.Spec.CPU, w.Spec.Memory = 2, "4Gi"
	w.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "20Gi", Boot: true, Image: "docker://quay.io/containerdisks/debian:12"}}
	w.Spec.CloudInitUser = &v1alpha1.CloudInitUser{Name: "ops", PasswordHash: "$6$wukong$" + strings.Repeat("x", 86)}
	w.Spec.Networks = []v1alpha1.WukongNetwork{{Name: "data", HostNetwork: networkName(i), IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, IPPool: networkName(i)}}}
	return w
}

// address is what a Wukong was given, or empty.
func address(ctx context.Context, c client.Client, i int) string {
	w := &v1alpha1.Wukong{}
	if err := c.Get(ctx, key(i), w); err != nil || len(w.Status.Networks) == 0 || len(w.Status.Networks[0].Addresses) == 0 {
		return ""
	}
	plain, _, _ := strings.Cut(w.Status.Networks[0].Addresses[0].Address, "/")
	return plain
}

const mib = 1 << 20

// report prints a table for docs/performance.md.
func (h *hall) report(rows []figures, nothing int64, bare bareFigures, costs map[string]int64) {
	var out strings.Builder
	out.WriteString("\n| Wukongs | nodes | synced | nothing waits | CPU until then | looks at each | peak | resident | heap | written |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, f := range rows {
		fmt.Fprintf(&out, "| %d | %d | %.1f s | %.1f s | %.1f s | %.1f | %d MiB | %d MiB | %.1f MiB | %d |\n", f.wukongs, f.nodes, f.synced.Seconds(), f.idle.Seconds(), f.cpu.Seconds(),
			f.looks/float64(f.wukongs), f.peak/mib, f.rss/mib, float64(f.heap-nothing)/mib, f.written)
	}
	fmt.Fprintf(&out, "\nThe heap of a cache that keeps the same objects whole: %.1f MiB; listing them takes %.1f s.\n", float64(bare.heap)/mib, bare.took.Seconds())
	out.WriteString("\n| kind | objects | heap |\n|---|---:|---:|\n")
	rest := rows[len(rows)-1].heap - nothing
	cache := costs["AddressReservation"] // there are none, so this is what a cache costs by itself
	for kind := range costs {
		costs[kind] -= cache
	}
	for _, kind := range slices.SortedFunc(maps.Keys(costs), func(a, b string) int { return cmp.Compare(costs[b], costs[a]) }) {
		fmt.Fprintf(&out, "| %s | %d | %.1f MiB |\n", kind, bare.objects[kind], float64(costs[kind])/mib)
		rest -= costs[kind]
	}
	fmt.Fprintf(&out, "| everything else: indexes, the ledger of addresses, queues | | %.1f MiB |\n", float64(rest)/mib)
	h.t.Log(out.String())
}

func (h *hall) check(few, many figures, nothing int64, bare bareFigures, all int) {
	h.t.Helper()
	if got := float64(many.heap-nothing) / float64(bare.heap); got > mostOfBare {
		h.t.Errorf("the heap is %.2f of that of a cache that keeps the same objects whole, want at most %.2f", got, mostOfBare)
	} else {
		h.t.Logf("the heap is %.2f of that of a cache that keeps the same objects whole", got)
	}
	each := func(f figures) float64 { return float64(f.heap-nothing) / float64(f.wukongs) }
	h.t.Logf("a Wukong costs %.1f KiB beside %d, and %.1f KiB beside %d; its machine, its share of a node and its lease are part of it", each(few)/1024, few.wukongs, each(many)/1024, many.wukongs)
	if each(many) > mostPerWukong*each(few) {
		h.t.Errorf("a Wukong costs %.2f times as much beside many", each(many)/each(few))
	}
	for _, f := range []figures{few, many} {
		if f.written > 0 {
			h.t.Errorf("the start with %d Wukongs wrote to %d objects", f.wukongs, f.written)
		}
	}
	if all < fullWukongs {
		return
	}
	if got := float64(many.heap) / limit; got > mostOfLimit {
		h.t.Errorf("the heap is %.2f of the limit of the Deployment, want at most %.2f", got, mostOfLimit)
	}
	if many.peak > limit {
		h.t.Errorf("the peak is %d MiB, and the limit of the Deployment %d MiB", many.peak/mib, limit/mib)
	}
	if got := many.idle.Seconds() / bare.took.Seconds(); got > mostStart {
		h.t.Errorf("a start takes %.1f times as long as listing the objects, want at most %.1f", got, mostStart)
	}
}
