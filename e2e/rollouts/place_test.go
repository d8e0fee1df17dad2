package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/nmstate"
)

// place is a world of its own, in which one thing after the other is tried. A controller runs in it behind a gate, and another
// one when that has crashed. Its methods give errors: several places are used side by side.
type place struct {
	*world.World
	ctx context.Context
	cfg controllers.Config

	gate *world.Gate // of the controller that runs
	stop func() error
}

// fast are the settings of the controller in tests: what takes minutes in production takes moments.
func fast() controllers.Config {
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = time.Second, 2*time.Second, 20*time.Second, 200*time.Millisecond
	return cfg
}

// quick are handlers that lose no time.
var quick = lab.Options{ApplyTime: time.Millisecond, ProbeTime: 50 * time.Millisecond, Attempts: 2, Backoff: 5 * time.Millisecond,
	MaxBackoff: 20 * time.Millisecond, StateRefresh: 100 * time.Millisecond}

// newPlace starts a control plane of its own, with a lab.
func newPlace(t *testing.T) *place {
	t.Helper()
	return placeOn(t, cluster.ForTest(t, cluster.Options{}))
}

func placeOn(t *testing.T, c *cluster.Cluster) *place {
	t.Helper()
	w, err := world.Start(t.Context(), c, quick)
	must(t, err)
	return &place{World: w, ctx: t.Context(), cfg: fast()}
}

// start runs a controller to which something happens, or nothing.
func (p *place) start(fate ...trial) error {
	p.gate = world.NewGate(world.Site{}, "")
	for _, f := range fate {
		p.gate.Arm(f.site, f.mishap)
	}
	stop, err := p.RunController(context.WithoutCancel(p.ctx), p.cfg, p.gate.Wrap)
	if err != nil {
		return fmt.Errorf("start the controller: %w", err)
	}
	p.stop = sync.OnceValue(stop)
	return nil
}

// crash ends the controller, whose connection is dead, and starts the next one, to which the same may happen, or nothing.
func (p *place) crash(fate ...trial) error {
	p.gate.Kill()
	_ = p.stop() // it complains about its dead connection
	return p.start(fate...)
}

// until waits until what returns an empty text; the last text says what was still wrong.
func (p *place) until(patience time.Duration, what func() (string, error)) error {
	deadline := time.Now().Add(patience)
	for {
		wrong, err := what()
		if err != nil || wrong == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %s", patience, wrong)
		}
		select {
		case <-p.ctx.Done():
			return errors.Join(errors.New(wrong), p.ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// calm waits until the controller has written nothing for a while.
func (p *place) calm(quiet time.Duration) error {
	return p.until(time.Minute, func() (string, error) {
		before := len(p.Requests.Writes())
		time.Sleep(quiet)
		if after := p.Requests.Writes(); len(after) != before {
			return fmt.Sprintf("the controller still writes: %v", after[len(after)-1]), nil
		}
		return "", nil
	})
}

func (p *place) apply(manifests string) error { return p.Cluster.Apply(p.ctx, []byte(manifests)) }

// snapshot is everything that must not depend on what went wrong on the way: marks of nodes, policies by content, hosts as
// they really are, enactments, and what is declared with its status. Times and UIDs are left out.
func (p *place) snapshot() (map[string]any, error) {
	out := map[string]any{}
	nodes := &corev1.NodeList{}
	if err := p.Admin.List(p.ctx, nodes); err != nil {
		return nil, err
	}
	for _, n := range nodes.Items {
		out["Node "+n.Name] = map[string]any{"labels": ours(n.Labels), "annotations": ours(n.Annotations)}
		if host := p.Lab.Host(n.Name); host != nil {
			out["host "+n.Name] = host.State()
		}
	}
	policies := &nmstate.PolicyList{}
	if err := p.Admin.List(p.ctx, policies); err != nil {
		return nil, err
	}
	for _, o := range policies.Items {
		var state any
		if err := yaml.Unmarshal(o.Spec.DesiredState.Raw, &state); err != nil {
			return nil, err
		}
		out["policy "+o.Name] = map[string]any{"labels": o.Labels, "annotations": ours(o.Annotations), "selector": o.Spec.NodeSelector,
			"state": state, "generation": o.Generation, "deleted": o.DeletionTimestamp != nil}
	}
	enactments := &nmstate.EnactmentList{}
	if err := p.Admin.List(p.ctx, enactments); err != nil {
		return nil, err
	}
	for _, e := range enactments.Items {
		out["enactment "+e.Name] = true // handlers look again whenever a label changes, so its conditions come and go
	}
	return out, p.declared(out)
}

// declared adds what platform teams declared, with its status.
func (p *place) declared(out map[string]any) error {
	for _, list := range []client.ObjectList{&v1alpha1.HostUplinkList{}, &v1alpha1.HostNetworkList{}} {
		if err := p.Admin.List(p.ctx, list); err != nil {
			return err
		}
		if err := meta.EachListItem(list, func(o runtime.Object) error {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
			if err != nil {
				return err
			}
			object := o.(client.Object)
			key := fmt.Sprintf("%T %s", o, object.GetName())
			out[key] = map[string]any{"spec": content["spec"], "status": timeless(content["status"]), "generation": object.GetGeneration(),
				"finalizers": object.GetFinalizers(), "deleted": object.GetDeletionTimestamp() != nil}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// ours keeps what is ours of labels and annotations, without the UID of the owner, which no two runs share.
func ours(all map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range all {
		if strings.Contains(key, "novasphere.dev/") && key != v1alpha1.OwnerUIDAnnotation {
			out[key] = value
		}
	}
	return out
}

// timeless leaves out times.
func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if key != "lastTransitionTime" && key != "lastUsed" && key != "since" {
				out[key] = timeless(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = timeless(v[i])
		}
		return out
	}
	return v
}
