package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

func TestLogsAreLinesOfJSONThatPeopleCanReadToo(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"by default":                {nil, 3},
		"with more of it":           {[]string{"-zap-log-level=debug"}, 4},
		"with errors alone":         {[]string{"-zap-log-level=error"}, 1},
		"with stacks, if asked for": {[]string{"-zap-stacktrace-level=error"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			flags := flag.NewFlagSet("test", flag.ContinueOnError)
			logger := bindLogging(flags)
			if err := flags.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			log := logger(&out)
			setLoggers(log)
			defer klog.ClearLogger()
			log.Info("Lease changed", "wukong", types.NamespacedName{Namespace: "team-a", Name: "web"})
			log.V(1).Info("Lease is still in use")
			log.Error(errors.New("forbidden"), "Lease cannot be read and is left alone")
			klog.InfoS("What the client says")
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != c.want {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), c.want, out.String())
			}
			for _, line := range lines {
				var got map[string]any
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if _, err := time.Parse(time.RFC3339Nano, got["ts"].(string)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
				if _, stack := got["stacktrace"]; stack != (got["level"] == "error" && len(c.args) > 0 && strings.Contains(c.args[0], "stacktrace")) {
					t.Errorf("a stack, or none: %s", line)
				}
			}
		})
	}
}
