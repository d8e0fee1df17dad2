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
	flag.StringVar(&cfg.ClusterName, "cluster-name", "", "tells clusters apart that share a network segment: goes into derived MAC addresses; never change it while machines run")
	flag.DurationVar(&cfg.Cooldown, "cooldown", cfg.Cooldown, "how long a released address rests before somebody else may have it")
	flag.DurationVar(&cfg.Retention, "lease-retention", cfg.Retention, "how long the record of a released lease is kept")
	flag.DurationVar(&cfg.RetryAfter, "retry-after", cfg.RetryAfter, "how long a node that gave up on a policy is left alone before it is asked to try again")
	flag.DurationVar(&cfg.SilentAfter, "silent-after", cfg.SilentAfter, "how long a node may show no progress on a policy before it counts as unknown")
	flag.BoolVar(&cfg.ObjectMetrics, "object-metrics", false, "add a metric for each condition of each object; its labels name namespaces and Wukongs, and their number grows with that of the objects")
	flag.BoolVar(&opts.LeaderElection, "leader-elect", true, "let replicas take turns")
	flag.StringVar(&opts.LeaderElectionNamespace, "leader-election-namespace", "", "where the leader's Lease is; the pod's namespace when empty")
	flag.StringVar(&opts.HealthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 for none")
	flag.StringVar(&opts.MetricsAddress, "metrics-bind-address", "0", "address of /metrics, over TLS, for those whom the API server lets get it; 0 for none")
	flag.StringVar(&opts.QueryAddress, "query-bind-address", "0", "address of answers about addresses, pools and hosts, over TLS, for those whom the API server lets read what they are made of; 0 for none")
	flag.StringVar(&opts.CertDir, "metrics-cert-dir", "", "folder with tls.crt and tls.key of the HTTPS servers, read again when they change; a self-signed certificate when empty")
	logger := bindLogging(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: the only one is version; see -help for flags", flag.Arg(0))
	}
	setLoggers(logger(os.Stderr))
	if err := limitMemory(os.Getenv("MEMORY_LIMIT"), os.Getenv("GOMEMLIMIT")); err != nil {
		return err
	}
	rc, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	mgr, err := controllers.NewManager(ctx, rc, cfg, opts)
	if err != nil {
		return err
	}
	return controllers.Run(ctx, mgr)
}
