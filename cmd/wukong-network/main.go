package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/cmd/version"
	"novasphere.dev/wukong-network/controllers"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(version.Read())
		return
	}
	if err := run(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "wukong-network:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg := controllers.DefaultConfig()
	opts := controllers.ManagerOptions{}
	bindFlags(flag.CommandLine, &cfg, &opts)
	logger := bindLogging(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: the only one is version; see -help for flags", flag.Arg(0))
	}
	if err := checkFlags(flag.CommandLine); err != nil {
		return err
	}
	setLoggers(logger(os.Stderr))
	if err := limitMemory(os.Getenv("MEMORY_LIMIT"), os.Getenv("GOMEMLIMIT")); err != nil {
		return err
	}
	rc, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster to work for: run in a Pod, or name a kubeconfig with --kubeconfig or $KUBECONFIG: %w", err)
	}
	mgr, err := controllers.NewManager(ctx, rc, cfg, opts)
	if err != nil {
		return err
	}
	return controllers.Run(ctx, mgr)
}
