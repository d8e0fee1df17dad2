package monitoring

import (
	"strings"
	"testing"
	"time"
)

func TestEveryRuleReadsMetricsThatExistWithLabelsThatTheyHave(t *testing.T) {
	known := metrics(t)
	for _, g := range groups(t).Groups {
		for _, r := range g.Rules {
			known.check(t, r.Record+r.Alert, r.Expr)
		}
	}
}

func TestASelectorThatMatchesNothingIsFound(t *testing.T) {
	known := metrics(t)
	for _, expr := range []string{`wukong_no_such_metric`, `wukong_ip_conflicts{address="192.0.2.1"}`, `wukong_policy_enactments{state="exploded"}`,
		`wukong_network_ready_duration_seconds`, `sum(`} {
		sub := &testing.T{}
		if known.check(sub, "a test", expr); !sub.Failed() {
			t.Errorf("%s was taken", expr)
		}
	}
}

func TestEveryAlertSaysWhatIsWrongWhatToRunAndWhereToRead(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups(t).Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			if seen[r.Alert] || !strings.HasPrefix(r.Alert, "Wukong") {
				t.Errorf("%s stands twice or has another prefix", r.Alert)
			}
			seen[r.Alert] = true
			if s := r.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
				t.Errorf("%s has severity %q", r.Alert, s)
			}
			if time.Duration(r.For) < 2*time.Minute {
				t.Errorf("%s fires after %s: a restart of the manager would do", r.Alert, r.For)
			}
			if r.Annotations["summary"] == "" || !strings.HasSuffix(r.Annotations["runbook_url"], "docs/runbooks/"+r.Alert+".md") {
				t.Errorf("%s: %q", r.Alert, r.Annotations)
			}
			if !strings.Contains(r.Annotations["description"], "Run: kubectl ") {
				t.Errorf("the description of %s names no command", r.Alert)
			}
		}
	}
	if len(seen) < 12 {
		t.Errorf("%d alerts were found", len(seen))
	}
}
