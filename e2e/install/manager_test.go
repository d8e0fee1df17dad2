package install

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/manager"
	"novasphere.dev/wukong-network/e2e/world"
)

// isReady says what keeps a replica from being ready.
func isReady(r *manager.Process) error {
	body, code, err := manager.Probe(r.Health, "/readyz")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("/readyz says %d %s", code, body)
	}
	return err
}

// probesOf gives the pages that the kubelet asks for, by what for.
func probesOf(t *testing.T) map[string]string {
	t.Helper()
	container, out := deploymentOf(t, decode(t, read(t, "dist/install.yaml"))).Spec.Template.Spec.Containers[0], map[string]string{}
	for name, p := range map[string]*corev1.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Port.StrVal != "health" || p.HTTPGet.Scheme == corev1.URISchemeHTTPS {
			t.Fatalf("the %s probe is %v", name, p)
		}
		out[name] = p.HTTPGet.Path
	}
	return out
}

// leaderOf reads who leads; empty when nobody does.
func leaderOf(ctx context.Context, c client.Client) (string, error) {
	lease := &coordinationv1.Lease{}
	err := c.Get(ctx, client.ObjectKey{Namespace: world.Namespace, Name: "wukong-network.vm.novasphere.dev"}, lease)
	if err != nil || lease.Spec.HolderIdentity == nil {
		return "", err
	}
	return *lease.Spec.HolderIdentity, nil
}

// awaitAnotherLeader follows the Lease until somebody else than the leader holds it, and says whether nobody held it meanwhile.
func awaitAnotherLeader(t *testing.T, changes <-chan watch.Event, leader string) (released bool) {
	t.Helper()
	for deadline := time.After(time.Minute); ; {
		select {
		case <-deadline:
			t.Fatal("nobody else leads")
		case e := <-changes:
			lease, ok := e.Object.(*coordinationv1.Lease)
			if !ok || lease.Spec.HolderIdentity == nil {
				t.Fatalf("the watch of the Lease brought %v", e)
			}
			switch *lease.Spec.HolderIdentity {
			case "":
				released = true
			case leader:
			default:
				return released
			}
		}
	}
}

func TestAReplicaThatIsToldToEndHandsOverAtOnce(t *testing.T) {
	c := installed(t)
	admin := administrator(t, c)
	first := start(t, c, "first", nil)
	var leader string
	eventually(t, func() (err error) {
		if leader, err = leaderOf(t.Context(), admin); err == nil && leader == "" {
			err = fmt.Errorf("nobody leads")
		}
		return err
	})
	second := start(t, c, "second", nil)
	eventually(t, func() error { return isReady(first) })
	eventually(t, func() error { return isReady(second) })
	for name, page := range probesOf(t) {
		if body, code, err := manager.Probe(first.Health, page); err != nil || code != http.StatusOK {
			t.Errorf("the kubelet's %s probe %s: %d %s, %v", name, page, code, body, err)
		}
	}
	if now, err := leaderOf(t.Context(), admin); err != nil || now != leader {
		t.Fatalf("the leader changed from %q to %q while it lived, %v", leader, now, err)
	}

	holders, err := admin.Watch(t.Context(), &coordinationv1.LeaseList{}, client.InNamespace(world.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer holders.Stop()
	told := time.Now()
	if err := first.Stop(); err != nil { // SIGTERM; an exit code other than 0 is an error
		t.Fatalf("the replica that was told to end: %v", err)
	}
	ended := time.Since(told)
	released := awaitAnotherLeader(t, holders.ResultChan(), leader)
	t.Logf("it ended after %s, the other replica led after %s", ended, time.Since(told))
	if !released { // then the other one waits for the 15 seconds that the Lease lasts
		t.Error("the Lease was never without a holder: it was not released")
	}

	// It does not only hold the Lease, it works.
	pool := &v1alpha1.AddressPool{ObjectMeta: metav1.ObjectMeta{Name: "handed-over"}, Spec: v1alpha1.AddressPoolSpec{
		Segment: v1alpha1.Segment{PhysicalNetwork: "handed-over"}, Subnet: "192.0.2.0/24"}}
	if err := admin.Create(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(pool), pool); err != nil {
			return err
		}
		if pool.Status.ObservedGeneration != pool.Generation {
			return fmt.Errorf("the status of the pool is about generation %d", pool.Status.ObservedGeneration)
		}
		return nil
	})
	events := &corev1.EventList{}
	eventually(t, func() error {
		if err := admin.List(t.Context(), events, client.InNamespace(world.Namespace)); err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == "LeaderElection" {
				return nil
			}
		}
		return fmt.Errorf("no event tells who leads, in %d", len(events.Items))
	})
	for _, r := range []*manager.Process{first, second} {
		if strings.Contains(r.Log(), "forbidden") {
			t.Errorf("a replica lacks a permission:\n%s", r.Log())
		}
	}
	if err := second.Stop(); err != nil {
		t.Errorf("the last replica: %v", err)
	}
}

func TestAReplicaThatCannotListIsAliveButNotReady(t *testing.T) {
	c := installed(t)
	namespace := c.Namespace(t)
	eventually(t, func() error {
		return administrator(t, c).Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "default"}, &corev1.ServiceAccount{})
	})
	nobody, err := c.ServiceAccountConfig(t.Context(), namespace, "default")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, c, "nobody", nobody, "--leader-elect=false")
	eventually(t, func() error {
		body, code, err := manager.Probe(r.Health, "/healthz")
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("/healthz says %d %s", code, body)
		}
		return err
	})
	body, code, err := manager.Probe(r.Health, "/readyz?verbose=1")
	if err != nil || code != http.StatusInternalServerError || !strings.Contains(body, "cache") {
		t.Errorf("/readyz says %d %s, %v", code, body, err)
	}
}

func TestTheManagerTakesTheFlagsOfEveryInstallation(t *testing.T) {
	kustomize := tool(t, "kustomize", "kustomize")
	for name, manifests := range map[string]objects{
		"config/default":             decode(t, run(t, exec.CommandContext(t.Context(), kustomize, "build", "config/default"))),
		"config/overlays/dev":        decode(t, run(t, exec.CommandContext(t.Context(), kustomize, "build", "config/overlays/dev"))),
		"the chart with every value": mustRender(t, "helm4", "wukong-network", everyValue...),
	} {
		args := append(deploymentOf(t, manifests).Spec.Template.Spec.Containers[0].Args, "flags-end-here")
		// Flags are read before the argument that is refused, and nothing is begun.
		out, err := exec.CommandContext(t.Context(), binary(t), args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), `unexpected argument "flags-end-here"`) {
			t.Errorf("%s: %q: %v\n%s", name, args, err, out)
		}
	}
}
