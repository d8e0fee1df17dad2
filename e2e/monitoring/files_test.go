package monitoring

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

var expressions = parser.NewParser(parser.Options{})

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// groups reads the rules as Prometheus does.
func groups(t *testing.T) *rulefmt.RuleGroups {
	t.Helper()
	parsed, errs := rulefmt.Parse(ruleFile(t), false, model.LegacyValidation, expressions, promslog.NewNopLogger())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return parsed
}

// ruleFile is what the Prometheus operator makes of the manifest.
func ruleFile(t *testing.T) []byte {
	t.Helper()
	var manifest struct {
		APIVersion, Kind string
		Spec             any
	}
	if err := yaml.Unmarshal(read(t, "../../config/monitoring/rules.yaml"), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.APIVersion != "monitoring.coreos.com/v1" || manifest.Kind != "PrometheusRule" {
		t.Fatalf("the manifest is %s %s", manifest.APIVersion, manifest.Kind)
	}
	out, err := yaml.Marshal(manifest.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// known are the labels of each metric that exists, and their values where the list of these is fixed.
type known struct {
	labels map[string][]string
	values map[string]map[string][]string
}

var (
	metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (gauge|counter|histogram) \\| (.+?) \\|")
	valuesRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `([a-z]+)` \\| (.+) \\|$")
	code      = regexp.MustCompile("`([a-z_]+)`")
)

// metrics reads docs/metrics.md, which is generated from what the manager registers, and adds what rules record.
func metrics(t *testing.T) known {
	t.Helper()
	page := string(bytes.ReplaceAll(read(t, "../../docs/metrics.md"), []byte("\r"), nil))
	out := known{map[string][]string{}, map[string]map[string][]string{}}
	for _, row := range metricRow.FindAllStringSubmatch(page, -1) {
		var labels []string
		for _, l := range code.FindAllStringSubmatch(row[3], -1) {
			labels = append(labels, l[1])
		}
		names := []string{row[1]}
		if row[2] == "histogram" {
			names = []string{row[1] + "_bucket", row[1] + "_count", row[1] + "_sum"}
			labels = append(labels, "le")
		}
		for _, name := range names {
			out.labels[name] = append(labels, "job", "instance", "namespace", "pod")
		}
	}
	for _, row := range valuesRow.FindAllStringSubmatch(page, -1) {
		if out.values[row[1]] == nil {
			out.values[row[1]] = map[string][]string{}
		}
		out.values[row[1]][row[2]] = strings.Split(row[3], ", ")
	}
	if len(out.labels) < 20 || len(out.values) < 5 {
		t.Fatalf("%d metrics and %d lists of values were found", len(out.labels), len(out.values))
	}
	for _, g := range groups(t).Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				out.labels[r.Record] = []string{"pool", "family", "uplink"}
			}
		}
	}
	return out
}

// check says of each selector of an expression whether it can ever match anything.
func (k known) check(t *testing.T, where, expr string) {
	t.Helper()
	parsed, err := expressions.ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		labels, exists := k.labels[selector.Name]
		if !exists {
			t.Errorf("%s: there is no metric %s", where, selector.Name)
			return nil
		}
		for _, m := range selector.LabelMatchers {
			if m.Name == "__name__" {
				continue
			}
			if !slices.Contains(labels, m.Name) {
				t.Errorf("%s: %s has no label %s", where, selector.Name, m.Name)
			}
			if values := k.values[selector.Name][m.Name]; values != nil && !slices.ContainsFunc(values, m.Matches) {
				t.Errorf("%s: %s of %s is none of %q", where, m, selector.Name, values)
			}
		}
		return nil
	})
}
