package gitops

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

func TestMain(m *testing.M) {
	level := slog.NewTextHandler(io.Discard, nil)
	if os.Getenv("WUKONG_TEST_LOG") != "" {
		level = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	ctrl.SetLogger(logr.FromSlogHandler(level))
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 90 * time.Second

// stage is a cluster with three nodes and the controller, for one test.
type stage struct {
	*world.World
	t     *testing.T
	tools *judges
	// problems are those that the test has met.
	problems []told
}

// newStage starts the cluster. The controller is started apart.
func newStage(t *testing.T, options cluster.Options) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w, err := world.Start(ctx, cluster.ForTest(t, options), lab.Options{Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{World: w, t: t, tools: newJudges(t)}
	for _, name := range []string{"node-a", "node-b", "node-c"} {
		s.must(s.Lab.AddNode(ctx, world.Node(name, name[len(name)-1])))
	}
	runner, err := machines.New(w.Cluster.AdminConfig(), machines.Options{})
	s.must(err)
	s.must(runner.Run(ctx))
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
		runner.Halt()
		s.Lab.Stop()
		cancel()
	})
	return s
}

// run starts the controller.
func (s *stage) run(change ...func(*controllers.Config)) {
	s.t.Helper()
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = time.Second, 3*time.Second, 10*time.Second, 200*time.Millisecond
	for _, c := range change {
		c(&cfg)
	}
	stop, err := s.RunController(context.Background(), cfg)
	s.must(err)
	s.t.Cleanup(func() { s.must(stop()) })
}

// dump logs what a failed test left behind.
func (s *stage) dump() {
	out, err := s.Cluster.Kubectl(context.Background(), "get", "wukongs,hostnetworks,hostuplinks,addresspools,addressreservations,addressleases,nncp,nnce", "-A", "-o", "wide")
	s.t.Logf("%v\n%s", err, out)
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// apply applies manifests.
func (s *stage) apply(manifests ...string) {
	s.t.Helper()
	s.must(s.Cluster.Apply(s.t.Context(), []byte(strings.Join(manifests, "\n---\n"))))
}

// remove deletes an object and waits until it is gone.
func (s *stage) remove(which id) {
	s.t.Helper()
	s.must(client.IgnoreNotFound(s.Admin.Delete(s.t.Context(), s.object(which.kind, which.NamespacedName))))
	s.eventually(func() error {
		object := s.object(which.kind, which.NamespacedName)
		err := s.Admin.Get(s.t.Context(), which.NamespacedName, object)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%s is still there (%w): %v", which, err, object.Object["status"])
	})
}

func (s *stage) eventually(check func() error) {
	s.t.Helper()
	world.Eventually(s.t, patience, check)
}

func (s *stage) object(kind string, name types.NamespacedName) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	group := v1alpha1.GroupVersion
	if kind == "NodeNetworkConfigurationPolicy" {
		group = schema.GroupVersion{Group: "nmstate.io", Version: "v1"}
	}
	out.SetGroupVersionKind(group.WithKind(kind))
	out.SetName(name.Name)
	out.SetNamespace(name.Namespace)
	return out
}

// reads waits until an object reads as wanted, with this reason, in its present generation.
func (s *stage) reads(which id, want status.Status, reason string) *unstructured.Unstructured {
	s.t.Helper()
	object := s.object(which.kind, which.NamespacedName)
	s.eventually(func() error {
		if err := s.Admin.Get(s.t.Context(), which.NamespacedName, object); err != nil {
			return err
		}
		j, err := s.tools.judge(s.t.Context(), object)
		if err != nil {
			return err
		}
		if observed(object) != object.GetGeneration() || j.kstatus != want || !strings.HasPrefix(j.message, reason) {
			return fmt.Errorf("%s of generation %d, observed in %d, reads %s %q; want %s %s", which, object.GetGeneration(), observed(object), j.kstatus, j.message, want, reason)
		}
		return nil
	})
	return object
}

// ready waits until objects read current.
func (s *stage) ready(which ...id) {
	s.t.Helper()
	for _, one := range which {
		s.reads(one, status.CurrentStatus, "")
	}
}

// fails waits until an object tells a problem. The recording must have it in the first status of the generation.
func (s *stage) fails(which id, reason string) {
	s.t.Helper()
	object := s.reads(which, status.FailedStatus, reason)
	s.problems = append(s.problems, told{which, object.GetGeneration(), reason})
}

// comesToFail waits until an object tells a problem that came later than its spec.
func (s *stage) comesToFail(which id, reason string) {
	s.t.Helper()
	s.reads(which, status.FailedStatus, reason)
}

// Names of objects.
func wukong(name string) id {
	return id{"Wukong", types.NamespacedName{Namespace: "team-a", Name: name}}
}
func network(name string) id { return id{"HostNetwork", types.NamespacedName{Name: name}} }
func uplink(name string) id  { return id{"HostUplink", types.NamespacedName{Name: name}} }
func pool(name string) id    { return id{"AddressPool", types.NamespacedName{Name: name}} }
func reservation(name string) id {
	return id{"AddressReservation", types.NamespacedName{Name: name}}
}

// wukongText is the manifest of a Wukong with one network; more are further lines of its spec.
func wukongText(name, network, ipConfig string, more ...string) string {
	return fmt.Sprintf(`
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: team-a, name: %s}
spec:
  networks: [{name: lan, hostNetwork: %s, ipConfig: {%s}}]
  %s
`, name, network, ipConfig, strings.Join(more, "\n  "))
}

// static is the ipConfig of an address.
func static(address string) string { return fmt.Sprintf("mode: static, address: %q", address) }
