package privilege

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/estate"
	"novasphere.dev/wukong-network/e2e/manager"
	"novasphere.dev/wukong-network/e2e/world"
)

// excuses are what the controller may do and the stories below do not need.
var excuses = []Excuse{}

// account is the controller as the API server names it.
const account = "system:serviceaccount:" + world.Namespace + ":" + world.ServiceAccount

// TestTheControllerMayDoWhatItDoesAndNothingElse plays everything that the controller is there for, and reads from the audit log what it
// asked of the API server.
func TestTheControllerMayDoWhatItDoesAndNothingElse(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	c := cluster.ForTest(t, cluster.Options{Audit: true})
	e := estate.New(t, c)
	root, err := world.Repository()
	must(t, err)
	must(t, c.ApplyKustomization(t.Context(), filepath.Join(root, "config", "rbac")))
	t.Log("the whole of it, with settings by which nothing waits for long")
	stop, err := e.RunController(context.Background(), estate.Quick())
	must(t, err)
	e.Hosts()
	e.Guests()
	e.Changes()
	must(t, stop())
	t.Log("a replica that takes its turn, and reads as clients do where the API server streams no lists")
	e.LoseLease()
	takesItsTurn(t, e)
	stop, err = e.RunController(context.Background(), estate.Quick())
	must(t, err)
	e.Down()
	must(t, stop())

	requests, err := c.Requests()
	must(t, err)
	var its []cluster.Request
	for _, r := range requests {
		if r.User == account {
			its = append(its, r)
		}
	}
	grants, err := GrantsTo(t.Context(), e.Admin, world.Namespace, world.ServiceAccount)
	must(t, err)
	t.Logf("%d requests of the controller, %d grants", len(its), len(grants))
	if len(its) < 500 || len(grants) < 50 {
		t.Errorf("%d requests and %d grants: too few to be all", len(its), len(grants))
	}
	for _, wrong := range Compare(grants, its, excuses, world.Namespace) {
		t.Error(wrong)
	}
	for _, r := range its {
		if r.Resource == "secrets" && (strings.Contains("get list watch", r.Verb)) {
			t.Errorf("the controller read a Secret: %s", r)
		}
	}
}

// takesItsTurn runs the real binary until it leads, and takes it down.
func takesItsTurn(t *testing.T, e *estate.Estate) {
	t.Helper()
	binary, err := manager.Build(t.Context(), t.TempDir(), nil)
	must(t, err)
	p, err := manager.Start(t.Context(), e.Cluster, binary, manager.Options{Name: "replica", Env: []string{"KUBE_FEATURE_WatchListClient=false"}})
	must(t, err)
	e.Eventually(func() string {
		lease := &coordinationv1.Lease{}
		err := e.Admin.Get(t.Context(), types.NamespacedName{Namespace: world.Namespace, Name: "wukong-network.vm.novasphere.dev"}, lease)
		if err != nil || lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			return "nobody leads; its log: " + p.Log()
		}
		return ""
	})
	e.Quiet(func() int {
		requests, err := e.Cluster.Requests()
		must(t, err)
		return len(requests)
	})
	isScraped(t, e, p)
	if err := p.Stop(); err != nil {
		t.Errorf("the replica: %v\n%s", err, p.Log())
	}
}

// isScraped reads the metrics of a replica as Prometheus does, whose token the replica asks the API server about.
func isScraped(t *testing.T, e *estate.Estate, p *manager.Process) {
	t.Helper()
	must(t, e.Cluster.Account(t.Context(), "default", "scraper", "wukong-network-metrics-reader"))
	scraper, err := e.Cluster.ServiceAccountConfig(t.Context(), "default", "scraper")
	must(t, err)
	if text, code, err := p.Scrape(scraper.BearerToken); err != nil || code != 200 || !strings.Contains(text, "workqueue_depth") {
		t.Errorf("the metrics: %d %v", code, err)
	}
	nobody, err := e.Cluster.ServiceAccountConfig(t.Context(), "default", "default")
	must(t, err)
	for token, want := range map[string]int{"": 401, "made up": 401, nobody.BearerToken: 403} {
		if _, code, err := p.Scrape(token); err != nil || code != want {
			t.Errorf("with the token %.8q the metrics answer %d, want %d: %v", token, code, want, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
