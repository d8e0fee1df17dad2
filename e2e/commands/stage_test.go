package commands_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

// TestStageScripts runs commands that look at everything at once on a cluster in which everything has happened: two nodes have a
// network, a machine runs on one of them, another Wukong holds an address of a pool. Scripts change nothing. They begin as the
// administrator; as NAME goes on as the reader, whose rights are those of wukong-network-host-reader, nobody, or nowhere (no cluster).
func TestStageScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	perform(t, c)
	play{
		folder: "testdata/stage/script", begin: "admin", accounts: []string{"reader", "nobody"},
		setup: func(e *testscript.Env) error {
			e.Setenv("WUKONG_NMSTATECTL", "none")
			objects, err := filepath.Abs("testdata/stage/objects.yaml")
			if err != nil {
				return err
			}
			return os.Symlink(objects, filepath.Join(e.WorkDir, "objects.yaml"))
		},
		commands: map[string]func(*testscript.TestScript, bool, []string){
			// stable writes standard output of the last command into a file, with UIDs replaced.
			"stable": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(uids.ReplaceAllString(ts.ReadFile("stdout"), "UID")), 0o644))
			},
		},
	}.run(t, c)
}

// uids are what the API server invents.
var uids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// perform lets controller, nodes and machines do what they do, and stops them, so that nothing changes any more.
func perform(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, err := world.Start(ctx, c, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"node-a", "node-b"} {
		if err := w.Lab.AddNode(ctx, world.Node(name, byte(10+i))); err != nil {
			t.Fatal(err)
		}
	}
	runner, err := machines.New(c.AdminConfig(), machines.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Run(ctx); err != nil {
		t.Fatal(err)
	}
	stop, err := w.RunController(ctx, controllers.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	roles(t, c, "host_roles.yaml")
	objects, err := os.ReadFile("testdata/stage/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(ctx, objects); err != nil {
		t.Fatal(err)
	}
	for account, bound := range map[string][]string{"reader": {"wukong-network-host-reader"}, "nobody": nil} {
		if err := c.Account(ctx, "team-a", account, bound...); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		vmi := &kubevirtv1.VirtualMachineInstance{}
		if err := w.Admin.Get(ctx, client.ObjectKey{Namespace: "team-a", Name: "web-vm"}, vmi); err != nil {
			return err
		}
		if vmi.Status.Phase != kubevirtv1.Running {
			return fmt.Errorf("the machine is %s", vmi.Status.Phase)
		}
		_, err := c.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=1s", "-A", "hostuplinks.vm.novasphere.dev,hostnetworks.vm.novasphere.dev,wukongs.vm.novasphere.dev,addresspools.vm.novasphere.dev", "--all")
		return err
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	runner.Halt()
	w.Lab.Stop()
}
