package rollouts

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// chapter is one change of what is declared. The end of the last one is the beginning of the first, so that the story can be
// told again and again in one place.
type chapter struct {
	name string
	do   func(*place) error
	// ends says whether the networks in the snapshot are what they have to be, to be sure of the reference.
	ends []string
}

var story = []chapter{
	{"rollout of two networks", func(p *place) error {
		return p.apply(uplink("up", "lab", "nodeSelector: {}", "rollout: {canary: 1, maxUnavailable: 2}") +
			network("blue", "lab", "vlan: 100", "provision: Always") + network("flat", "lab", "provision: Always"))
	}, []string{"blue", "flat"}},
	{"one network more", func(p *place) error {
		return p.apply(network("green", "lab", "vlan: 200", "provision: Always"))
	}, []string{"blue", "flat", "green"}},
	{"one network less", func(p *place) error {
		return p.drop(&v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "blue"}})
	}, []string{"flat", "green"}},
	{"the uplink goes", func(p *place) error {
		return p.drop(&v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "up"}}, &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "flat"}},
			&v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "green"}})
	}, nil},
}

func (p *place) drop(objects ...client.Object) error {
	for _, o := range objects {
		if err := p.Admin.Delete(p.ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// crashes are the ways in which a controller dies at a write.
var crashes = []world.Mishap{world.CrashBefore, world.CrashUnanswered, world.CrashAfter}

// trial is one crash.
type trial struct {
	site   world.Site
	mishap world.Mishap
}

const (
	crashNodes = 3
	// singlesFor bounds the time for single crashes.
	singlesFor = 90 * time.Second
	// settle is how long the end of a chapter has to last.
	settle = 150 * time.Millisecond
)

// tale is what all places share.
type tale struct {
	ends     []map[string]any // by chapter: the state in which it ends when nothing goes wrong
	trials   [][]trial        // by chapter
	deadline time.Time

	next   atomic.Int64 // telling
	tried  atomic.Int64
	struck atomic.Int64
	failed atomic.Bool
}

// relentless are crashes that happen to every controller: it dies at its first write, or with the second one, so that each
// brings the story on by one write at most, and there is a crash between any two of them.
var relentless = []trial{
	{world.Site{Occurrence: 2}, world.CrashBefore},
	{world.Site{Occurrence: 1}, world.CrashUnanswered},
	{world.Site{Occurrence: 1}, world.CrashAfter},
}

// TestACrashAtAnyWriteOfARolloutChangesNoEnd tells a story once with nothing going wrong, and notes every write of the
// controller. Then it is told again: three times with a crash before, during or after each and every write, and then with one
// crash in each chapter, at one write after the other. Each chapter comes to the same end. Single crashes come to an end after
// a while, those at writes for hosts first; WUKONG_CRASHES=all tries them all.
func TestACrashAtAnyWriteOfARolloutChangesNoEnd(t *testing.T) {
	began := time.Now()
	all := &tale{}
	places := []*place{stagePlace(t), stagePlace(t)}
	learn(t, all, places[0])
	started := time.Now()
	all.deadline = started.Add(singlesFor)
	if os.Getenv("WUKONG_CRASHES") == "all" {
		all.deadline = started.Add(24 * time.Hour)
	}
	tellings, positions := len(relentless), 0
	for i, trials := range all.trials {
		t.Logf("%s: %d writes", story[i].name, len(trials)/len(crashes))
		positions += len(trials)
		tellings = max(tellings, len(relentless)+len(trials))
	}
	var wg sync.WaitGroup
	for _, p := range places {
		wg.Go(func() {
			for n := all.turn(); n < tellings && all.goOn(n); n = all.turn() {
				all.tell(t, p, n)
			}
			p.gate.Kill()
			_ = p.stop()
		})
	}
	wg.Wait()
	t.Logf("%d crashes came about in %.0fs (%.0fs to start); single ones were tried at %d of %d positions (%d writes)",
		all.struck.Load(), time.Since(started).Seconds(), started.Sub(began).Seconds(), all.tried.Load(), positions, positions/len(crashes))
	if least := int64(positions/2) + all.tried.Load()/2; !t.Failed() && all.struck.Load() < least {
		t.Errorf("only %d crashes came about: the test does not see enough", all.struck.Load())
	}
}

func (a *tale) turn() int { return int(a.next.Add(1)) - 1 }

// goOn says whether there is time for a telling. Those with a crash at every write always take place.
func (a *tale) goOn(n int) bool {
	return !a.failed.Load() && (n < len(relentless) || time.Now().Before(a.deadline))
}

// stagePlace is a place with nodes and a controller.
func stagePlace(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	for n := range crashNodes {
		must(t, p.Lab.AddNode(t.Context(), withBridge(world.Node(fmt.Sprintf("node-%c", 'a'+n), byte('a'+n)))))
	}
	must(t, p.start())
	return p
}

// withBridge gives the node a bridge that is nobody's business.
func withBridge(spec lab.NodeSpec) lab.NodeSpec {
	spec.Existing = `interfaces: [{name: br-theirs, type: linux-bridge, state: up, bridge: {options: {stp: {enabled: false}}, port: [{name: eth2, vlan: {}}]}}]`
	return spec
}

// learn tells the story without a crash.
func learn(t *testing.T, all *tale, p *place) {
	t.Helper()
	for _, c := range story {
		p.gate.Arm(world.Site{}, "")
		must(t, c.do(p))
		must(t, p.until(time.Minute, func() (string, error) { return p.ended(c) }))
		must(t, p.calm(time.Second))
		end, err := p.snapshot()
		must(t, err)
		all.ends = append(all.ends, end)
		all.trials = append(all.trials, singles(p.gate.Sites()))
	}
}

// singles gives every crash at each write, writes of statuses last.
func singles(sites []world.Site) []trial {
	slices.SortStableFunc(sites, func(a, b world.Site) int {
		return cmp.Compare(strings.Count(a.Resource, "/status"), strings.Count(b.Resource, "/status"))
	})
	var out []trial
	for _, site := range sites {
		for n := range site.Occurrence {
			for _, mishap := range crashes {
				out = append(out, trial{world.Site{Method: site.Method, Resource: site.Resource, Occurrence: n + 1}, mishap})
			}
		}
	}
	return out
}

// ended says what a chapter without a crash still lacks.
func (p *place) ended(c chapter) (string, error) {
	uplinks, networks := &v1alpha1.HostUplinkList{}, &v1alpha1.HostNetworkList{}
	if err := errors.Join(p.Admin.List(p.ctx, uplinks), p.Admin.List(p.ctx, networks)); err != nil {
		return "", err
	}
	if len(networks.Items) != len(c.ends) || (len(c.ends) == 0) != (len(uplinks.Items) == 0) {
		return fmt.Sprintf("%d HostUplinks, %d HostNetworks", len(uplinks.Items), len(networks.Items)), nil
	}
	for _, n := range networks.Items {
		if !isReady(n.Status.Conditions) || n.Status.ReadyNodes != crashNodes {
			return fmt.Sprintf("%s: %s", n.Name, text(n.Status.Conditions)), nil
		}
	}
	for _, u := range uplinks.Items {
		if !isReady(u.Status.Conditions) || len(u.Status.Networks) != len(c.ends) {
			return fmt.Sprintf("%s: %s", u.Name, text(u.Status.Conditions)), nil
		}
	}
	return "", nil
}

// tell tells the story with crashes at every write, or with one crash in each chapter that has so many.
func (a *tale) tell(t *testing.T, p *place, n int) {
	for i, c := range story {
		fate, again := trial{}, n < len(relentless)
		if single := n - len(relentless); again {
			fate = relentless[n]
		} else if single < len(a.trials[i]) {
			fate = a.trials[i][single]
			a.tried.Add(1)
		}
		if err := a.play(p, c, fate, again, a.ends[i]); err != nil {
			a.failed.Store(true)
			t.Errorf("%s, %s at %s (again and again: %v): %v", c.name, fate.mishap, fate.site, again, err)
			return
		}
	}
}

// play plays a chapter, and compares its end.
func (a *tale) play(p *place, c chapter, fate trial, again bool, want map[string]any) error {
	p.gate.Arm(fate.site, fate.mishap)
	if err := c.do(p); err != nil {
		return err
	}
	began := time.Now() // of the wait since the last crash
	wrong := func() (string, error) {
		select {
		case <-p.gate.Struck():
			a.struck.Add(1)
			began = time.Now()
			next := []trial{fate}
			if !again {
				next = nil
			}
			if err := p.crash(next...); err != nil {
				return "", err
			}
		default:
		}
		got, err := p.snapshot()
		rest := diff.Diff(want, got)
		if rest != "" && time.Since(began) > time.Minute {
			err = errors.Join(err, errors.New(rest))
		}
		return rest, err
	}
	if err := p.until(time.Hour, wrong); err != nil {
		return fmt.Errorf("the end is another one (-want +got): %w", err)
	}
	time.Sleep(settle)
	rest, err := wrong()
	if rest != "" {
		err = errors.Join(err, fmt.Errorf("the end does not last (-want +got):\n%s", rest))
	}
	return err
}
