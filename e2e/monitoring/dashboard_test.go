package monitoring

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type grafana struct {
	Templating struct {
		List []struct{ Name, Query, Type string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ H, W, X, Y int }
		Targets     []struct{ RefID, Expr, LegendFormat string }
		FieldConfig struct {
			Defaults struct {
				Thresholds struct {
					Steps []struct {
						Color string
						Value *float64
					}
				}
			}
		}
	}
}

var (
	variable    = regexp.MustCompile(`\$([a-z]+)`)
	legendLabel = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	labelValues = regexp.MustCompile(`^label_values\(([a-z_]+), ([a-z_]+)\)$`)
)

func dashboard(t *testing.T) grafana {
	t.Helper()
	var out grafana
	if err := json.Unmarshal(read(t, "../../config/monitoring/dashboard.json"), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryQueryOfTheDashboardReadsMetricsThatExist(t *testing.T) {
	known, d, queries := metrics(t), dashboard(t), 0
	variables := map[string]bool{}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
		if v.Type != "query" {
			continue
		}
		found := labelValues.FindStringSubmatch(v.Query)
		if found == nil || !slices.Contains(known.labels[found[1]], found[2]) {
			t.Errorf("the variable %s reads %q", v.Name, v.Query)
		}
	}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries++
			for _, v := range variable.FindAllStringSubmatch(target.Expr, -1) {
				if !variables[v[1]] {
					t.Errorf("%s: there is no variable %s", p.Title, v[1])
				}
			}
			known.check(t, p.Title, variable.ReplaceAllString(target.Expr, ".*"))
			for _, l := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !strings.Contains(target.Expr, l[1]) && !strings.HasPrefix(target.Expr, "wukong:") && l[1] != "pod" {
					t.Errorf("%s: the legend reads the label %s, which %s does not give", p.Title, l[1], target.Expr)
				}
			}
		}
	}
	if queries < 25 {
		t.Errorf("%d queries were found", queries)
	}
}

func TestPanelsHaveNumbersOfTheirOwnAndDoNotOverlap(t *testing.T) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range dashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("%s has the number of another panel", p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %q or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestOneLeaderIsGreenAndNoneOrTwoAreRed(t *testing.T) {
	for _, p := range dashboard(t).Panels {
		if p.Title != "Leading replicas" {
			continue
		}
		colour := func(value float64) (out string) {
			for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
				if step.Value == nil || *step.Value <= value {
					out = step.Color
				}
			}
			return out
		}
		if got := []string{colour(0), colour(1), colour(2)}; !slices.Equal(got, []string{"red", "green", "red"}) {
			t.Errorf("none, one and two are %q", got)
		}
		return
	}
	t.Error("there is no such panel")
}

// unread are metrics that people read in their own way.
var unread = []string{"wukong_status_condition"}

// TestEveryMetricOfOursIsReadByARuleOrByTheDashboard keeps out what is measured and looked at by nobody.
func TestEveryMetricOfOursIsReadByARuleOrByTheDashboard(t *testing.T) {
	var readers strings.Builder
	for _, g := range groups(t).Groups {
		for _, r := range g.Rules {
			readers.WriteString(r.Expr + "\n")
		}
	}
	for _, p := range dashboard(t).Panels {
		for _, target := range p.Targets {
			readers.WriteString(target.Expr + "\n")
		}
	}
	for _, row := range metricRow.FindAllStringSubmatch(string(read(t, "../../docs/metrics.md")), -1) {
		if !slices.Contains(unread, row[1]) && !strings.Contains(readers.String(), row[1]) {
			t.Errorf("nothing reads %s", row[1])
		}
	}
}
