package main

import (
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	"novasphere.dev/wukong-network/controllers"
)

// bindFlags adds the flags of the controllers and of the process around them.
func bindFlags(flags *flag.FlagSet, cfg *controllers.Config, opts *controllers.ManagerOptions) {
	flags.StringVar(&cfg.ClusterName, "cluster-name", "", "tells clusters apart that share a network segment: goes into derived MAC addresses; never change it while machines run")
	flags.DurationVar(&cfg.Cooldown, "cooldown", cfg.Cooldown, "how long a released address rests before somebody else may have it")
	flags.DurationVar(&cfg.Retention, "lease-retention", cfg.Retention, "how long the record of a released lease is kept")
	flags.DurationVar(&cfg.RetryAfter, "retry-after", cfg.RetryAfter, "how long a node that gave up on a policy is left alone before it is asked to try again")
	flags.DurationVar(&cfg.SilentAfter, "silent-after", cfg.SilentAfter, "how long a node may show no progress on a policy before it counts as unknown")
	flags.BoolVar(&cfg.ObjectMetrics, "object-metrics", false, "add a metric for each condition of each object; its labels name namespaces and Wukongs, and their number grows with that of the objects")
	flags.BoolVar(&opts.LeaderElection, "leader-elect", true, "let replicas take turns")
	flags.StringVar(&opts.LeaderElectionNamespace, "leader-election-namespace", "", "where the leader's Lease is; the pod's namespace when empty")
	flags.StringVar(&opts.HealthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 for none")
	flags.StringVar(&opts.MetricsAddress, "metrics-bind-address", "0", "address of /metrics, over TLS, for those whom the API server lets get it; 0 for none")
	flags.StringVar(&opts.QueryAddress, "query-bind-address", "0", "address of answers about addresses, pools and hosts, over TLS, for those whom the API server lets read what they are made of; 0 for none")
	flags.StringVar(&opts.CertDir, "metrics-cert-dir", "", "folder with tls.crt and tls.key of the HTTPS servers, read again when they change; a self-signed certificate when empty")
}

// checkFlags refuses values that can never work, the first one by name.
func checkFlags(flags *flag.FlagSet) (err error) {
	durations := map[string]time.Duration{"cooldown": 0, "lease-retention": 0, "retry-after": time.Second, "silent-after": time.Second}
	addresses := map[string]string{"health-probe-bind-address": ":8081", "metrics-bind-address": ":8443", "query-bind-address": ":8444"}
	flags.VisitAll(func(f *flag.Flag) {
		value := f.Value.String()
		if err != nil {
			return
		}
		if least, ok := durations[f.Name]; ok {
			if d, failed := time.ParseDuration(value); failed != nil || d < least {
				err = fmt.Errorf("--%s=%s: give %s or more, such as %s", f.Name, value, least, f.DefValue)
			}
		}
		if such, ok := addresses[f.Name]; ok && !listens(value) {
			err = fmt.Errorf("--%s=%s: give an address and a port, such as %s, or 0 for none", f.Name, value, such)
		}
	})
	return err
}

// listens says whether somebody can listen on an address. Nothing and 0 mean that nobody does.
func listens(address string) bool {
	if address == "" || address == "0" {
		return true
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
