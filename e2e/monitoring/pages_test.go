package monitoring

import (
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
)

var (
	yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	// discovery is the part that only the code for Kubernetes can read, which is a quarter of all that Prometheus brings.
	discovery = regexp.MustCompile(`(?ms)^  kubernetes_sd_configs:$.*?(^  relabel_configs:)`)
)

// TestTheConfigurationOnThePageIsWhatPrometheusTakes reads each piece as Prometheus does.
func TestTheConfigurationOnThePageIsWhatPrometheusTakes(t *testing.T) {
	known, rules, scrapes := metrics(t), 0, 0
	for _, block := range yamlBlock.FindAllStringSubmatch(string(read(t, "../../docs/observability.md")), -1) {
		switch {
		case strings.HasPrefix(block[1], "groups:"):
			parsed, errs := rulefmt.Parse([]byte(block[1]), false, model.LegacyValidation, expressions, promslog.NewNopLogger())
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			for _, r := range parsed.Groups[0].Rules {
				rules++
				known.check(t, r.Alert, r.Expr)
			}
		case strings.HasPrefix(block[1], "scrape_configs:"):
			if !discovery.MatchString(block[1]) {
				t.Error("the job finds nothing")
			}
			loaded, err := config.Load(discovery.ReplaceAllString(block[1], "$1"), promslog.NewNopLogger())
			if err != nil {
				t.Fatal(err)
			}
			jobs, err := loaded.GetScrapeConfigs()
			if err != nil {
				t.Fatal(err)
			}
			for _, job := range jobs {
				if scrapes++; job.JobName != "wukong-network" || job.Scheme != "https" {
					t.Errorf("the job is %s over %s", job.JobName, job.Scheme)
				}
			}
		}
	}
	if rules == 0 || scrapes == 0 {
		t.Errorf("%d rules and %d jobs were found", rules, scrapes)
	}
}
