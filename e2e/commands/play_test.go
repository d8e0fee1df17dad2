package commands_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/rest"

	"novasphere.dev/wukong-network/e2e/cluster"
)

// play says how scripts run the program as users do, with kubectl beside it. as NAME goes on as somebody else: one of the accounts,
// admin, or nowhere, for which there is no cluster. ADMIN is the path of the administrator's kubeconfig.
type play struct {
	// folder has the scripts.
	folder string
	// begin is who a script begins as.
	begin string
	// accounts are ServiceAccounts of team-a.
	accounts []string
	// setup adds to the environment of a script.
	setup func(*testscript.Env) error
	// commands are those beside as.
	commands map[string]func(*testscript.TestScript, bool, []string)
}

// run runs the scripts against a cluster that is prepared.
func (p play) run(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	binary, configs := build(t), kubeconfigs(t, c, p.accounts...)
	as := func(name string) string { return filepath.Join(configs, name) }
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"as": func(ts *testscript.TestScript, _ bool, args []string) {
			_, err := os.Stat(as(args[0]))
			ts.Check(err)
			ts.Setenv("KUBECONFIG", as(args[0]))
		},
	}
	for name, command := range p.commands {
		commands[name] = command
	}
	testscript.Run(t, testscript.Params{
		Dir: p.folder, UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true, Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+filepath.Dir(c.KubectlPath())+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("KUBECONFIG", as(p.begin))
			e.Setenv("ADMIN", c.Kubeconfig())
			if p.setup == nil {
				return nil
			}
			return p.setup(e)
		},
	})
}

// kubeconfigs is a folder with a kubeconfig for each of some accounts of team-a, for admin, and for nowhere.
func kubeconfigs(t *testing.T, c *cluster.Cluster, accounts ...string) string {
	t.Helper()
	folder := t.TempDir()
	configs := map[string]*rest.Config{"nowhere": {Host: "https://127.0.0.1:1"}}
	for _, name := range accounts {
		config, err := c.ServiceAccountConfig(t.Context(), "team-a", name)
		if err != nil {
			t.Fatal(err)
		}
		configs[name] = config
	}
	for name, config := range configs {
		if err := cluster.WriteKubeconfig(filepath.Join(folder, name), config); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(c.Kubeconfig(), filepath.Join(folder, "admin")); err != nil {
		t.Fatal(err)
	}
	return folder
}

// roles applies files of config/rbac.
func roles(t *testing.T, c *cluster.Cluster, files ...string) {
	t.Helper()
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(repository(t), "config", "rbac", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}
