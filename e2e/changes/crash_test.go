package changes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

const (
	oldAddress, newAddress = "192.0.2.60", "192.0.2.61"
	// singlesFor bounds the time for single crashes.
	singlesFor = 40 * time.Second
	// mostCrashes bounds the crashes in one chapter: more are no progress.
	mostCrashes = 60
	// settle is how long the end of a chapter has to last.
	settle = 150 * time.Millisecond
)

// chapter is one thing that people do to the machine. The last one ends as the first one began, so that the story can be told
// again and again.
type chapter struct {
	name string
	do   func(*tale) error
	// ended says, where nothing goes wrong, what is still missing at the end.
	ended func(*tale) string
}

var story = []chapter{
	{"the machine is asked for", func(a *tale) error { return a.ask(oldAddress) }, func(a *tale) string { return a.guestWith(oldAddress) }},
	{"its address changes", func(a *tale) error { return a.ask(newAddress) }, func(a *tale) string {
		return a.conditions(v1alpha1.ConditionReady + "=False/" + v1alpha1.ReasonRestartRequired)
	}},
	{"it is restarted", func(a *tale) error { return a.Machines.Restart(a.ctx, a.vm("web")) }, func(a *tale) string {
		return a.guestWith(newAddress) + a.free(oldAddress)
	}},
	{"its Wukong is deleted", func(a *tale) error {
		return a.Admin.Delete(a.ctx, &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "web"}})
	}, func(a *tale) string { return a.free(newAddress) }},
}

// fate is a crash of the controller at a write.
type fate struct {
	site   world.Site
	mishap world.Mishap
}

// relentless are crashes that happen to every controller, so that each brings the story on by one write at most, beside two about
// the Secret: the controller may not read Secrets, so the next one finds out by a write that it is there, and keeps it by another.
var relentless = []fate{
	{world.Site{Occurrence: 4}, world.CrashBefore},
	{world.Site{Occurrence: 3}, world.CrashUnanswered},
	{world.Site{Occurrence: 3}, world.CrashAfter},
}

// tale is the story in one namespace.
type tale struct {
	*trial
	gate  *world.Gate
	fates map[int][]fate   // single crashes by chapter
	ends  []map[string]any // by chapter
	done  int              // crashes that came about
}

// TestACrashAtAnyWriteAboutAMachineChangesNoEnd tells the story of a machine once with nothing going wrong. Then it is told again:
// three times with a crash before, during or after each and every write, and then with one crash in each chapter, for a while.
// Each chapter comes to the same end, and at no moment is the address of a running guest free.
func TestACrashAtAnyWriteAboutAMachineChangesNoEnd(t *testing.T) {
	a := &tale{trial: newTrial(t), fates: map[int][]fate{}}
	a.must(a.halt())
	t.Cleanup(func() {
		_ = a.halt() // it may complain about its dead connection
		a.must(a.start())
	})
	a.must(a.incarnate())
	for i, c := range story {
		a.gate.Arm(world.Site{}, "")
		a.must(c.do(a))
		a.eventually(func() string { return c.ended(a) })
		a.quiet()
		a.ends = append(a.ends, a.snapshot())
		for n, site := range writes(a.gate.Sites()) {
			a.fates[i] = append(a.fates[i], fate{site, []world.Mishap{world.CrashBefore, world.CrashUnanswered, world.CrashAfter}[n%3]})
		}
		t.Logf("%s: %d writes", c.name, len(a.fates[i]))
	}
	for _, f := range relentless {
		for i, c := range story {
			a.play(c, a.ends[i], f, true)
		}
	}
	singles := 0
	for deadline := time.Now().Add(singlesFor); time.Now().Before(deadline); singles++ {
		for i, c := range story {
			fates := a.fates[i]
			if singles < len(fates) {
				a.play(c, a.ends[i], fates[singles], false)
			} else {
				a.play(c, a.ends[i], fate{}, false)
			}
		}
		if singles >= max(len(a.fates[0]), len(a.fates[1]), len(a.fates[2]), len(a.fates[3])) {
			break
		}
	}
	t.Logf("%d crashes came about, and the story was told %d times with single ones", a.done, singles)
	if a.done < 2*len(story) {
		t.Errorf("only %d crashes came about: the test does not see enough", a.done)
	}
}

// writes gives each write by itself, those of statuses last.
func writes(sites []world.Site) []world.Site {
	slices.SortStableFunc(sites, func(a, b world.Site) int {
		return cmp.Compare(strings.Count(a.Resource, "/status"), strings.Count(b.Resource, "/status"))
	})
	var out []world.Site
	for _, site := range sites {
		for n := range site.Occurrence {
			out = append(out, world.Site{Method: site.Method, Resource: site.Resource, Occurrence: n + 1})
		}
	}
	return out
}

// incarnate starts a controller to which something happens, or nothing.
func (a *tale) incarnate(fates ...fate) error {
	a.gate = world.NewGate(world.Site{}, "")
	for _, f := range fates {
		a.gate.Arm(f.site, f.mishap)
	}
	stop, err := a.RunController(context.Background(), fast(), a.gate.Wrap)
	if err == nil {
		a.stop = sync.OnceValue(stop)
	}
	return err
}

// play plays a chapter in which the controller crashes once, or again and again, and compares the end.
func (a *tale) play(c chapter, want map[string]any, f fate, again bool) {
	a.t.Helper()
	a.gate.Arm(f.site, f.mishap)
	a.must(c.do(a))
	var lasts time.Time
	before, written := a.done, len(a.Requests.Writes())
	began := time.Now() // since the last crash
	for wrong := ""; ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-a.gate.Struck():
			if a.done++; a.done-before > mostCrashes {
				a.t.Fatalf("%s, %s at %s again and again: there is no end: %v", c.name, f.mishap, f.site, a.Requests.Writes()[written:])
			}
			a.gate.Kill()
			_ = a.halt() // it complains about its dead connection
			next := []fate{f}
			if !again {
				next = nil
			}
			a.must(a.incarnate(next...))
			began = time.Now()
		default:
		}
		a.safe()
		if wrong = diff.Diff(want, a.snapshot()); wrong != "" {
			lasts = time.Time{}
		} else if lasts.IsZero() {
			lasts = time.Now()
		}
		if !lasts.IsZero() && time.Since(lasts) > settle {
			return
		}
		if time.Since(began) > patience {
			a.t.Fatalf("%s, %s at %s (again and again: %v): after the writes %v the end is another one (-want +got):\n%s",
				c.name, f.mishap, f.site, again, a.Requests.Writes()[written:], wrong)
		}
	}
}

// safe fails when an address is free that the guest has.
func (a *tale) safe() {
	a.t.Helper()
	for _, address := range []string{oldAddress, newAddress} {
		before := a.phase(address)
		guest, booted := a.Machines.Guest(a.vm("web"))
		after := a.phase(address)
		free := (before == v1alpha1.LeaseCooling || before == v1alpha1.LeaseReleased) && before == after
		for _, p := range guest.NIC("lan").Addresses {
			if booted && free && p.Addr().String() == address {
				a.t.Fatalf("the guest has %s, and its lease is %s", address, before)
			}
		}
	}
}

func (a *tale) ask(address string) error {
	a.machine("web", network("lan", "lan", address+"/24"))
	return nil
}

// free says whether an address is not known to be free.
func (a *tale) free(address string) string {
	if got := a.phase(address); got != v1alpha1.LeaseCooling && got != v1alpha1.LeaseReleased {
		return fmt.Sprintf("the lease of %s is %s", address, got)
	}
	return ""
}

// guestWith says whether the guest lacks an address, or the status does not say so.
func (a *tale) guestWith(address string) string {
	guest, _ := a.Machines.Guest(a.vm("web"))
	if has := guest.NIC("lan").Addresses; len(has) != 1 || has[0].Addr().String() != address {
		return fmt.Sprintf("the guest has %v", has)
	}
	return a.conditions(v1alpha1.ConditionReady+"=True/"+v1alpha1.ReasonNetworkReady, v1alpha1.ConditionGuestInSync+"=True/"+v1alpha1.ReasonInSync)
}

// conditions says which of these a Wukong does not have.
func (a *tale) conditions(want ...string) string {
	w := a.wukong("web")
	for _, text := range want {
		if !slices.Contains(conditionTexts(w), text) {
			return fmt.Sprintf("not %s: %v", text, conditionTexts(w))
		}
	}
	return ""
}

func conditionTexts(w *v1alpha1.Wukong) []string {
	out := []string{fmt.Sprintf("current=%v", w.Status.ObservedGeneration == w.Generation)}
	for _, c := range w.Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(out)
	return out
}

// snapshot is everything that must not depend on what went wrong on the way.
func (a *tale) snapshot() map[string]any {
	a.t.Helper()
	out := map[string]any{}
	key := types.NamespacedName{Namespace: a.namespace, Name: "web"}
	w, vm := &v1alpha1.Wukong{}, &kubevirtv1.VirtualMachine{}
	if a.found(w, key) {
		out["conditions"] = conditionTexts(w)
		out["status"] = []any{w.Status.Phase, w.Status.Addresses, w.Status.NetworkDataSecret, w.Status.PendingRestart, w.Status.FormerSecrets}
	}
	if a.found(vm, a.vm("web")) {
		out["machine"] = []any{vm.Spec.Template.Spec.Volumes, vm.Spec.Template.Spec.Domain.Devices.Interfaces, vm.Spec.Template.ObjectMeta.Annotations}
	}
	secrets := &corev1.SecretList{}
	a.must(a.Admin.List(a.ctx, secrets, client.InNamespace(a.namespace)))
	var documents []string
	for _, s := range secrets.Items {
		documents = append(documents, s.Name+"\n"+string(s.Data["networkdata"]))
	}
	out["documents"] = documents
	for _, address := range []string{oldAddress, newAddress} {
		phase := a.phase(address)
		if phase == v1alpha1.LeaseCooling || phase == "" {
			phase = v1alpha1.LeaseReleased // it becomes that by itself
		}
		out["lease of "+address] = phase
	}
	if guest, booted := a.Machines.Guest(a.vm("web")); booted {
		out["guest"] = fmt.Sprint(guest.NICs, guest.Refused)
	}
	out["pods"] = len(a.pods(a.vm("web")))
	return out
}

// found reads an object that may be missing.
func (a *tale) found(o client.Object, key types.NamespacedName) bool {
	a.t.Helper()
	err := a.Admin.Get(a.ctx, key, o)
	if !apierrors.IsNotFound(err) {
		a.must(err)
	}
	return err == nil
}
