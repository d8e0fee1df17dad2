package badinputs_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/nmstate"
)

var shared cluster.Shared

func TestMain(m *testing.M) {
	level := slog.LevelError + 4
	if os.Getenv("WUKONG_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	os.Exit(shared.Run(tests{m}))
}

// tests stops the controller before the cluster goes.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if theStage.stop == nil {
		return code
	}
	theStage.end()
	theStage.Lab.Stop()
	if err := theStage.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the controller:", err)
		return max(code, 1)
	}
	return code
}

// stage is the world that all tests share: a fabric that works, with a Wukong on it that must never notice anything.
type stage struct {
	*world.World
	stop func() error
	end  context.CancelFunc

	mu     sync.Mutex
	lapses []string // of the neighbour's Ready
}

var (
	theStage stage
	staged   sync.Once
	stageErr error
)

// Names of what works.
const (
	fabric    = "good"
	goodSpace = "neighbours"
	// badSpace is for Wukongs for which nothing may exist, oddSpace for all others.
	badSpace, oddSpace = "trouble", "oddities"

	// firstNode goes into the address of the node good-1.
	firstNode = 10
)

// what works: the uplink, a network for both namespaces, and the neighbour.
const good = `
{apiVersion: v1, kind: Namespace, metadata: {name: neighbours}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: trouble}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: oddities}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: good}, spec: {
  physicalNetwork: good, interface: eth1, nodeSelector: {matchLabels: {fabric: good}}}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: good}, spec: {
  physicalNetwork: good, linger: 0s, default: true, allowedNamespaces: {names: [neighbours, trouble, oddities]}}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: tenants}, spec: {
  physicalNetwork: tenants, linger: 0s, trunk: [{min: 100, max: 105}, {min: 140, max: 199, allowedNamespaces: {names: [others]}}],
  allowedNamespaces: {names: [trouble, oddities, others]}}}
---
{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {name: neighbour, namespace: neighbours}, spec: {networks: [
  {name: lan, ipConfig: {mode: static, address: 192.0.2.5/24, additionalAddresses: [{address: "2001:db8::5/64"}]}}]}}
`

// onStage gives the shared stage, with the neighbour Ready.
func onStage(t *testing.T) *stage {
	t.Helper()
	c := shared.ForTest(t)
	staged.Do(func() {
		var ctx context.Context
		ctx, theStage.end = context.WithCancel(context.Background())
		stageErr = theStage.set(ctx, c)
	})
	if stageErr != nil {
		t.Fatal(stageErr)
	}
	return &theStage
}

func (s *stage) set(ctx context.Context, c *cluster.Cluster) error {
	var err error
	if s.World, err = world.Start(ctx, c, lab.Options{}); err != nil {
		return err
	}
	for i := range 2 {
		spec := world.Node(fmt.Sprintf("good-%d", i+1), firstNode+byte(i))
		spec.Labels = map[string]string{"fabric": fabric}
		if err := s.Lab.AddNode(ctx, spec); err != nil {
			return err
		}
	}
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = time.Second, 3*time.Second, 10*time.Second, 500*time.Millisecond
	if s.stop, err = s.RunController(context.WithoutCancel(ctx), cfg); err != nil {
		return err
	}
	if err := c.Apply(ctx, []byte(good)); err != nil {
		return err
	}
	if err := s.guard(ctx); err != nil {
		return err
	}
	// The second node follows the first.
	for deadline := time.Now().Add(patience); !slices.Contains(s.Lab.Host("good-2").Ports("br-good"), "eth1"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("node good-2 has no br-good within %s", patience)
		}
	}
	return nil
}

// guard waits for the neighbour, then notes each moment at which it is not Ready.
func (s *stage) guard(ctx context.Context) error {
	neighbours, err := s.Admin.Watch(ctx, &v1alpha1.WukongList{}, client.InNamespace(goodSpace))
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	go func() {
		wasReady := false
		for event := range neighbours.ResultChan() {
			w, ok := event.Object.(*v1alpha1.Wukong)
			if !ok {
				continue
			}
			isReady := event.Type != watch.Deleted && meta.IsStatusConditionTrue(w.Status.Conditions, v1alpha1.ConditionReady)
			if isReady && !wasReady {
				close(ready)
				wasReady = true
			}
			if wasReady && !isReady {
				s.mu.Lock()
				s.lapses = append(s.lapses, fmt.Sprintf("%s: %s", event.Type, summary(w.Status.Conditions)))
				s.mu.Unlock()
			}
		}
	}()
	select {
	case <-ready:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the neighbour is not Ready within %s", patience)
	}
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 2 * time.Minute

// undisturbed checks what must be true whatever was fed to the controller: it runs and did not panic, the neighbour was Ready
// throughout and has its lease, no policy exists but the one that the neighbour needs, and its nodes have just that.
func (s *stage) undisturbed(t *testing.T) {
	t.Helper()
	if n := panics(t); n > 0 {
		t.Errorf("the controller panicked %v times", n)
	}
	s.mu.Lock()
	lapses := slices.Clone(s.lapses)
	s.mu.Unlock()
	if len(lapses) > 0 {
		t.Errorf("the neighbour was not Ready at times: %s", strings.Join(lapses, "\n"))
	}
	for _, name := range []string{"ip-192-0-2-5.good", "ip-2001-db8--5.good"} {
		lease := &v1alpha1.AddressLease{}
		if err := s.Admin.Get(t.Context(), client.ObjectKey{Name: name}, lease); err != nil {
			t.Errorf("the neighbour's lease: %v", err)
		} else if lease.Spec.Phase != v1alpha1.LeaseAllocated || lease.Spec.Holder.Name != "neighbour" {
			t.Errorf("the neighbour's lease %s is %s, held by %+v", name, lease.Spec.Phase, lease.Spec.Holder)
		}
	}
	policies := &nmstate.PolicyList{}
	if err := s.Admin.List(t.Context(), policies); err != nil {
		t.Fatal(err)
	}
	for _, p := range policies.Items {
		if p.Labels[v1alpha1.UplinkLabel] != fabric {
			t.Errorf("policy %s exists: %s", p.Name, p.Spec.DesiredState.Raw)
		}
	}
	for _, node := range []string{"good-1", "good-2"} {
		if ports := s.Lab.Host(node).Ports("br-good"); !slices.Contains(ports, "eth1") {
			t.Errorf("br-good of node %s has ports %v", node, ports)
		}
	}
}

// panics counts reconciles that ended in a panic: the manager recovers them, and counts.
func panics(t *testing.T) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total, known := 0.0, false
	for _, f := range families {
		if f.GetName() != "controller_runtime_reconcile_panics_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			known = true
			total += m.GetCounter().GetValue()
		}
	}
	if !known {
		t.Error("the controller counts no panics, so this check is blind")
	}
	return total
}

// eventually asks check until it is content.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	world.Eventually(t, patience, check)
}

// object makes an object of one of our kinds from YAML.
func object(t *testing.T, kind, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("{spec: "+spec+"}"), &o.Object); err != nil {
		t.Fatalf("%s %s: %v in %s", kind, name, err, spec)
	}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// conditions reads the conditions of an object, if they are about its current generation.
func (s *stage) conditions(o *unstructured.Unstructured) ([]metav1.Condition, error) {
	if err := s.Admin.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
		return nil, err
	}
	raw, err := yaml.Marshal(o.Object["status"])
	if err != nil {
		return nil, err
	}
	var status struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		Conditions         []metav1.Condition `json:"conditions"`
	}
	if err := yaml.Unmarshal(raw, &status); err != nil {
		return nil, err
	}
	if status.ObservedGeneration != o.GetGeneration() {
		return nil, fmt.Errorf("%s %s: generation %d was not looked at", o.GetKind(), o.GetName(), o.GetGeneration())
	}
	return status.Conditions, nil
}

// reports says what keeps an object from being not Ready with the reason and with all the words in its message.
func (s *stage) reports(o *unstructured.Unstructured, reason string, words ...string) error {
	all, err := s.conditions(o)
	if err != nil {
		return err
	}
	c := meta.FindStatusCondition(all, v1alpha1.ConditionReady)
	if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
		return fmt.Errorf("%s %s: want Ready=False %s, got %s", o.GetKind(), o.GetName(), reason, summary(all))
	}
	for _, word := range words {
		if !strings.Contains(c.Message, word) {
			return fmt.Errorf("%s %s: the message has no %q: %s", o.GetKind(), o.GetName(), word, c.Message)
		}
	}
	if strings.ContainsFunc(c.Message, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) || len(c.Message) > 512 {
		return fmt.Errorf("%s %s: the message is not one short line of text: %q", o.GetKind(), o.GetName(), c.Message)
	}
	return nil
}

// ready says what keeps an object from being Ready.
func (s *stage) ready(o *unstructured.Unstructured) error {
	all, err := s.conditions(o)
	if err == nil && !meta.IsStatusConditionTrue(all, v1alpha1.ConditionReady) {
		err = fmt.Errorf("%s %s: want Ready=True, got %s", o.GetKind(), o.GetName(), summary(all))
	}
	return err
}

func summary(conditions []metav1.Condition) string {
	var out []string
	for _, c := range conditions {
		out = append(out, fmt.Sprintf("%s=%s %s %q", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(out, "; ")
}
