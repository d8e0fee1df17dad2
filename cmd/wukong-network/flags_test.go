package main

import (
	"flag"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/controllers"
)

func TestAFlagThatCanNeverWorkIsNamedWithOneThatDoes(t *testing.T) {
	for name, c := range map[string]struct {
		arg  string
		want string // "": it works
	}{
		"no flag at all":                       {},
		"no rest for a released address":       {arg: "--cooldown=0s"},
		"less than no rest":                    {"--cooldown=-1m", "--cooldown=-1m0s: give 0s or more, such as 5m0s"},
		"records from before they are made":    {"--lease-retention=-1s", "--lease-retention=-1s: give 0s or more"},
		"retries without end":                  {"--retry-after=0", "--retry-after=0s: give 1s or more, such as 10m0s"},
		"nodes that are silent at once":        {"--silent-after=1ms", "--silent-after=1ms: give 1s or more"},
		"a port for an address":                {"--metrics-bind-address=8443", "--metrics-bind-address=8443: give an address and a port, such as :8443, or 0 for none"},
		"an address without a port":            {"--query-bind-address=10.0.0.1", "--query-bind-address=10.0.0.1: give an address and a port, such as :8444"},
		"a port that no number can be":         {"--health-probe-bind-address=:70000", "--health-probe-bind-address=:70000: give an address and a port, such as :8081"},
		"an address of IPv6":                   {arg: "--query-bind-address=[::1]:8444"},
		"nothing to listen on":                 {arg: "--query-bind-address=0"},
		"any port that is free, as tests want": {arg: "--metrics-bind-address=127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := controllers.DefaultConfig()
			flags := flag.NewFlagSet("test", flag.ContinueOnError)
			bindFlags(flags, &cfg, &controllers.ManagerOptions{})
			var args []string
			if c.arg != "" {
				args = []string{c.arg}
			}
			if err := flags.Parse(args); err != nil {
				t.Fatal(err)
			}
			err := checkFlags(flags)
			if (err == nil) != (c.want == "") || (err != nil && !strings.HasPrefix(err.Error(), c.want)) {
				t.Errorf("%s: %v, want %q", c.arg, err, c.want)
			}
		})
	}
}
