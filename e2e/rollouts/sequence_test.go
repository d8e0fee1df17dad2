package rollouts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/nmstate"
)

// settled is how long a world may take to settle after the last repair, on a machine that is busy with other tests.
const settled = 90 * time.Second

// TestEverySequenceOfEditsAndFailuresEndsAsItsLastEditSays plays random sequences in one world, and declares what they end
// with in another, in which nothing has happened. Both end in the same state. WUKONG_SEED plays one seed alone,
// WUKONG_SEQUENCES=5 plays five more that are always others.
func TestEverySequenceOfEditsAndFailuresEndsAsItsLastEditSays(t *testing.T) {
	busy, fresh := newPlace(t), newPlace(t)
	// These have shown something once. A change is not held against sequences that nobody has seen before.
	seeds := []uint64{1, 2, 3, 810930}
	for i := range number(t, "WUKONG_SEQUENCES", 0) {
		seeds = append(seeds, uint64(time.Now().Unix()%1_000_000)+uint64(i)*1_000_000)
	}
	if one := number(t, "WUKONG_SEED", 0); one != 0 {
		seeds = []uint64{uint64(one)}
	}
	for _, seed := range seeds {
		s := newScript(seed)
		if err := compare(t, s, busy, fresh); err != nil {
			var lines []string
			for i, a := range s.actions {
				lines = append(lines, fmt.Sprintf("%3d %s", i+1, a))
			}
			t.Fatalf("seed %d: %v\nscript:\n%s\nagain: WUKONG_SEED=%d go test -run '^%s$' ./e2e/rollouts", seed, err, strings.Join(lines, "\n"), seed, t.Name())
		}
	}
}

// compare plays a script, and holds its end against that of a fresh world.
func compare(t *testing.T, s *script, busy, fresh *place) (err error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer func() { err = errors.Join(err, busy.clear(), fresh.clear()) }()
	for _, p := range []*place{busy, fresh} {
		if err := p.prepare(s, p == fresh); err != nil {
			return err
		}
	}
	if err := fresh.apply(s.declared()); err != nil {
		return err
	}
	w, err := guard(ctx, busy.Admin)
	if err != nil {
		return err
	}
	for i, a := range s.actions {
		if err := busy.do(a); err != nil {
			return fmt.Errorf("action %d, %s: %w", i+1, a, err)
		}
		time.Sleep(a.pause)
	}
	want, err := fresh.rest()
	if err != nil {
		return fmt.Errorf("the fresh world: %w", err)
	}
	if err := busy.conclude(s, want); err != nil {
		return err
	}
	broken, moves := w.judge()
	for _, rule := range broken {
		err = errors.Join(err, errors.New(rule))
	}
	t.Logf("seed %d: %d actions, %d moves of nodes", s.seed, len(s.actions), moves)
	return errors.Join(err, busy.untouched(s))
}

// prepare adds nodes, somebody else's policy, and a controller. A fresh world begins with the nodes that a script ends with.
func (p *place) prepare(s *script, atEnd bool) error {
	nodes := s.first
	if atEnd {
		nodes = s.nodes
	}
	for name, pool := range nodes {
		if err := p.Lab.AddNode(p.ctx, describe(name, pool)); err != nil {
			return err
		}
	}
	if err := p.apply(`
apiVersion: nmstate.io/v1
kind: NodeNetworkConfigurationPolicy
metadata: {name: ` + foreignPolicy + `, labels: {app.kubernetes.io/managed-by: wukong-network}}
spec:
  nodeSelector: {kubernetes.io/os: linux}
  desiredState: {interfaces: [{name: br-policy, type: linux-bridge, state: up, bridge: {options: {stp: {enabled: false}}, port: []}}]}
`); err != nil {
		return err
	}
	return p.start()
}

// do does one action.
func (p *place) do(a action) error {
	switch a.verb {
	case declareUplink, declareNetwork:
		return p.apply(a.manifest)
	case dropNetwork:
		return client.IgnoreNotFound(p.drop(&v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: a.name}}))
	case dropFabric:
		for name := range fabrics[a.name].networks {
			if err := client.IgnoreNotFound(p.drop(&v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name}})); err != nil {
				return err
			}
		}
		return client.IgnoreNotFound(p.drop(&v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: a.name}}))
	case join:
		return p.Lab.AddNode(p.ctx, describe(a.name, a.pool))
	case leave:
		return p.Lab.RemoveNode(p.ctx, a.name)
	case relabel:
		patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, poolLabel, a.pool)
		return p.Admin.Patch(p.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: a.name}}, client.RawPatch(types.MergePatchType, []byte(patch)))
	case disconnect:
		return p.Lab.SetReady(p.ctx, a.name, lab.NotReady)
	case connect:
		return p.Lab.SetReady(p.ctx, a.name, lab.Ready)
	case breakNode:
		return p.Lab.Fail(a.name, lab.Fault{Error: "VerificationError: Verification failure: it does not work here"})
	case hang:
		return p.Lab.Hang(a.name)
	case repair:
		return p.Lab.Repair(a.name)
	case crash:
		return p.crash()
	}
	return fmt.Errorf("nobody knows how to %s", a.verb)
}

// rest waits until everything is Ready, or waits for a person, and nothing is written any more.
func (p *place) rest() (map[string]any, error) {
	if err := p.until(settled, func() (string, error) {
		return p.each(func(o client.Object, generation int64, conditions []metav1.Condition) string {
			done := isReady(conditions) || meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled)
			if generation != o.GetGeneration() || !done {
				return o.GetName() + ": " + text(conditions)
			}
			return ""
		})
	}); err != nil {
		return nil, err
	}
	if err := p.calm(time.Second); err != nil {
		return nil, err
	}
	return p.snapshot()
}

// each asks about every HostUplink and HostNetwork until there is an answer.
func (p *place) each(ask func(o client.Object, generation int64, conditions []metav1.Condition) string) (string, error) {
	uplinks, networks := &v1alpha1.HostUplinkList{}, &v1alpha1.HostNetworkList{}
	if err := errors.Join(p.Admin.List(p.ctx, uplinks), p.Admin.List(p.ctx, networks)); err != nil {
		return "", err
	}
	for i := range uplinks.Items {
		if o := &uplinks.Items[i]; ask(o, o.Status.ObservedGeneration, o.Status.Conditions) != "" {
			return ask(o, o.Status.ObservedGeneration, o.Status.Conditions), nil
		}
	}
	for i := range networks.Items {
		if o := &networks.Items[i]; ask(o, o.Status.ObservedGeneration, o.Status.Conditions) != "" {
			return ask(o, o.Status.ObservedGeneration, o.Status.Conditions), nil
		}
	}
	return "", nil
}

// conclude repairs everything, declares what the script ends with, and waits for the end that is wanted. What was deleted goes
// first: an object that is declared while it goes, goes.
func (p *place) conclude(s *script, want map[string]any) error {
	for name := range s.nodes {
		if err := errors.Join(p.Lab.Repair(name), p.Lab.SetReady(p.ctx, name, lab.Ready)); err != nil {
			return err
		}
	}
	for name := range s.uplinks {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"paused":false}}`))
		if err := client.IgnoreNotFound(p.Admin.Patch(p.ctx, &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name}}, patch)); err != nil {
			return err
		}
	}
	if err := p.until(settled, func() (string, error) {
		return p.each(func(o client.Object, _ int64, conditions []metav1.Condition) string {
			if o.GetDeletionTimestamp() != nil {
				return o.GetName() + " does not go: " + text(conditions)
			}
			return ""
		})
	}); err != nil {
		return err
	}
	if err := p.apply(s.declared()); err != nil {
		return err
	}
	wrong := func() (string, error) {
		got, err := p.snapshot()
		if err != nil {
			return "", err
		}
		return cmp.Diff(essence(want, want), essence(got, want)), nil
	}
	if err := p.until(settled, wrong); err != nil {
		return fmt.Errorf("the end is not that of a fresh world (-fresh +this): %w", err)
	}
	if err := p.calm(time.Second); err != nil {
		return err
	}
	diff, err := wrong()
	if diff != "" {
		err = errors.Join(err, fmt.Errorf("the end does not last (-fresh +this):\n%s", diff))
	}
	return err
}

// untouched says what of somebody else is not as it was.
func (p *place) untouched(s *script) error {
	var errs []error
	for name := range s.nodes {
		host := p.Lab.Host(name)
		for _, bridge := range []string{"br-theirs", "br-policy"} {
			if _, there := host.Interface(bridge); !there {
				errs = append(errs, fmt.Errorf("%s has lost %s", name, bridge))
			}
		}
		if ports := host.Ports("br-theirs"); !slices.Equal(ports, []string{"eth2"}) {
			errs = append(errs, fmt.Errorf("%s: br-theirs has the ports %v", name, ports))
		}
		if cut := p.Lab.CutOffs(name); cut > 0 {
			errs = append(errs, fmt.Errorf("%s was cut off %d times", name, cut))
		}
	}
	for _, w := range p.Requests.Writes() {
		if strings.HasPrefix(w.Resource, "nodenetworkconfigurationpolicies") && w.Method != "POST" && w.Method != "DELETE" || w.Name == foreignPolicy {
			errs = append(errs, fmt.Errorf("the controller sent %s", w))
		}
	}
	return errors.Join(errs...)
}

// clear takes everything away, whatever state a script left it in: without the controller, finalizers are taken off by hand.
func (p *place) clear() error {
	if p.stop != nil {
		p.gate.Kill()
		_ = p.stop()
	}
	p.Requests.Reset()
	for _, list := range []client.ObjectList{&v1alpha1.WukongList{}, &v1alpha1.AddressLeaseList{}, &v1alpha1.HostNetworkList{}, &v1alpha1.HostUplinkList{},
		&nmstate.PolicyList{}} {
		if err := p.every(list, func(o client.Object) error {
			if len(o.GetFinalizers()) > 0 {
				patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
				if err := p.Admin.Patch(p.ctx, o, patch); client.IgnoreNotFound(err) != nil {
					return err
				}
			}
			return client.IgnoreNotFound(p.Admin.Delete(p.ctx, o))
		}); err != nil {
			return err
		}
	}
	if err := p.every(&corev1.NodeList{}, func(o client.Object) error { return p.Lab.RemoveNode(p.ctx, o.GetName()) }); err != nil {
		return err
	}
	for _, list := range []client.ObjectList{&nmstate.EnactmentList{}, &nmstate.NodeNetworkStateList{}} {
		if err := p.every(list, func(o client.Object) error { return client.IgnoreNotFound(p.Admin.Delete(p.ctx, o)) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) every(list client.ObjectList, do func(client.Object) error) error {
	if err := p.Admin.List(p.ctx, list); err != nil {
		return err
	}
	return meta.EachListItem(list, func(o runtime.Object) error { return do(o.(client.Object)) })
}
