package main

import (
	"bytes"
	"encoding/json"
)

// panel is what one panel of the dashboard shows.
type panel struct {
	title, help string
	// kind is Grafana's type of the panel: stat, timeseries, bargauge or table.
	kind, unit string
	// queries are expressions with the name of what they give, {{label}} standing for the value of a label.
	queries [][2]string
	// width is in Grafana's grid of 24 columns.
	width int
	// red is the value from which a stat is red; 0 for none.
	red float64
}

// dashboardRow is a heading with its panels.
type dashboardRow struct {
	title  string
	panels []panel
}

// least is the value below which a stat is red, by its title.
var least = map[string]float64{"Leading replicas": 1}

const jobSelector = `{job="` + job + `"}`

// dashboard is what platform engineers look at, from the whole to the parts. Names of pools and uplinks select by variables.
var dashboard = []dashboardRow{
	{"Overview", []panel{
		{"Leading replicas", "1 is right: absent or 0 means that no replica is at work.", "stat", "none", [][2]string{{`count(wukong_collision_scan_last_success_timestamp_seconds) or vector(0)`, "leading"}}, 4, 2},
		{"Wukongs that are Ready", "", "stat", "percentunit", [][2]string{{`wukong:wukongs_ready:ratio`, "ready"}}, 4, 0},
		{"Wait for a person", "Objects of all kinds with the condition Stalled.", "stat", "none", [][2]string{{`sum(max by (kind, ready, reason) (wukong_objects{stalled="True"})) or vector(0)`, "stalled"}}, 4, 1},
		{"Collisions", "Leased addresses that something else uses.", "stat", "none", [][2]string{{`sum(max by (pool) (wukong_ip_conflicts{severity="conflict"}))`, "collisions"}}, 4, 1},
		{"Addresses that are missing", "Wukongs wait for them.", "stat", "none", [][2]string{{`sum(max by (pool, family) (wukong_ip_pool_missing_addresses)) or vector(0)`, "missing"}}, 4, 1},
		{"Failing nodes", "", "stat", "none", [][2]string{{`sum(max by (uplink) (wukong_policy_enactments{state="failing"})) or vector(0)`, "failing"}}, 4, 1},
		{"Not Ready, by reason", "docs/reasons.md explains each.", "timeseries", "none", [][2]string{{`sum by (kind, reason) (max by (kind, ready, stalled, reason) (wukong_objects{ready!="True"}))`, "{{kind}} {{reason}}"}}, 24, 0},
	}},
	{"Pools", []panel{
		{"Used", "Allocated, reserved and cooling addresses, as a part of the pool.", "bargauge", "percentunit", [][2]string{{`wukong:ip_pool_used:ratio{pool=~"$pool"}`, "{{pool}} {{family}}"}}, 8, 0.85},
		{"Free addresses", "", "timeseries", "short", [][2]string{{`wukong:ip_pool_free:max{pool=~"$pool"}`, "{{pool}} {{family}}"}}, 8, 0},
		{"Addresses by state", "", "timeseries", "short", [][2]string{{`sum by (state) (max by (pool, family, state) (wukong_ip_pool_addresses{pool=~"$pool", state!="free"}))`, "{{state}}"}}, 8, 0},
		{"Addresses asked for", "Per minute, by result. Those that Wukongs name themselves are included.", "timeseries", "none", [][2]string{{`60 * sum by (result) (rate(wukong_ip_allocations_total[5m]))`, "{{result}}"}}, 12, 0},
		{"Collisions found", "Per hour, by where the other side was seen.", "timeseries", "none", [][2]string{{`3600 * sum by (detector) (rate(wukong_ip_conflicts_detected_total[1h]))`, "{{detector}}"}}, 12, 0},
	}},
	{"Rollout", []panel{
		{"Nodes by progress", "", "timeseries", "none", [][2]string{{`sum by (state) (max by (uplink, state) (wukong_policy_enactments{uplink=~"$uplink"}))`, "{{state}}"}}, 12, 0},
		{"Nodes to go", "That wait, work, retry or do not answer.", "timeseries", "none", [][2]string{{`wukong:policy_nodes_pending:sum{uplink=~"$uplink"}`, "{{uplink}}"}}, 6, 0},
		{"Nodes that drifted", "They have the revision and show something else.", "timeseries", "none", [][2]string{{`max by (uplink) (wukong_policy_drifted_nodes{uplink=~"$uplink"})`, "{{uplink}}"}}, 6, 0},
		{"What came of it", "Per hour: nodes that have a revision, gave up, or were asked again.", "timeseries", "none", [][2]string{{`3600 * sum by (result) (rate(wukong_policy_apply_total{uplink=~"$uplink"}[1h]))`, "{{result}}"}}, 24, 0},
	}},
	{"Time to Ready", []panel{
		{"From a request to Ready", "Half, 95 % and 99 % of the Wukongs were faster.", "timeseries", "s", [][2]string{
			{`histogram_quantile(0.5, sum by (le) (rate(wukong_network_ready_duration_seconds_bucket[1h])))`, "50 %"},
			{`wukong:network_ready_duration_seconds:p95`, "95 %"},
			{`histogram_quantile(0.99, sum by (le) (rate(wukong_network_ready_duration_seconds_bucket[1h])))`, "99 %"}}, 16, 0},
		{"Requests that were fulfilled", "Per hour.", "timeseries", "none", [][2]string{{`3600 * sum(rate(wukong_network_ready_duration_seconds_count[1h]))`, "requests"}}, 8, 0},
	}},
	{"Controller", []panel{
		{"Looks", "Per second, by controller.", "timeseries", "none", [][2]string{{`sum by (controller) (rate(controller_runtime_reconcile_total` + jobSelector + `[5m]))`, "{{controller}}"}}, 8, 0},
		{"Looks that end with an error", "As a part of all.", "timeseries", "percentunit", [][2]string{{`sum by (controller) (rate(controller_runtime_reconcile_errors_total` + jobSelector + `[5m])) / sum by (controller) (rate(controller_runtime_reconcile_total` + jobSelector + `[5m]))`, "{{controller}}"}}, 8, 0},
		{"Duration of a look", "95 % are faster.", "timeseries", "s", [][2]string{{`histogram_quantile(0.95, sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket` + jobSelector + `[5m])))`, "{{controller}}"}}, 8, 0},
		{"Waiting to be looked at", "", "timeseries", "none", [][2]string{{`sum by (controller) (workqueue_depth` + jobSelector + `)`, "{{controller}}"}}, 8, 0},
		{"How long they wait", "95 % are faster.", "timeseries", "s", [][2]string{{`histogram_quantile(0.95, sum by (controller, le) (rate(workqueue_queue_duration_seconds_bucket` + jobSelector + `[5m])))`, "{{controller}}"}}, 8, 0},
		{"Requests to the API server", "Per second.", "timeseries", "none", [][2]string{{`sum by (code, method) (rate(rest_client_requests_total` + jobSelector + `[5m]))`, "{{method}} {{code}}"}}, 8, 0},
		{"Versions", "Of the replicas that are scraped.", "timeseries", "none", [][2]string{{`count by (version) (wukong_build_info)`, "{{version}}"}}, 8, 0},
		{"Goroutines", "", "timeseries", "none", [][2]string{{`go_goroutines` + jobSelector, "{{pod}}"}}, 8, 0},
		{"Memory", "", "timeseries", "bytes", [][2]string{{`process_resident_memory_bytes` + jobSelector, "{{pod}}"}}, 8, 0},
		{"Processor", "Cores.", "timeseries", "none", [][2]string{{`rate(process_cpu_seconds_total` + jobSelector + `[5m])`, "{{pod}}"}}, 8, 0},
		{"Age of the last collision scan", "", "timeseries", "s", [][2]string{{`time() - max(wukong_collision_scan_last_success_timestamp_seconds)`, "age"}}, 8, 0},
	}},
	{"Query", []panel{
		{"Requests", "Per second.", "timeseries", "none", [][2]string{{`sum by (path, code) (rate(wukong_query_requests_total[5m]))`, "{{path}} {{code}}"}}, 12, 0},
		{"Duration", "95 % are faster.", "timeseries", "s", [][2]string{{`histogram_quantile(0.95, sum by (path, le) (rate(wukong_query_request_duration_seconds_bucket[5m])))`, "{{path}}"}}, 12, 0},
	}},
}

// What follows is Grafana's model of a dashboard, as far as it is used.
type (
	grafanaDashboard struct {
		UID           string         `json:"uid"`
		Title         string         `json:"title"`
		Tags          []string       `json:"tags"`
		SchemaVersion int            `json:"schemaVersion"`
		Editable      bool           `json:"editable"`
		Refresh       string         `json:"refresh"`
		Time          grafanaTime    `json:"time"`
		Templating    grafanaList    `json:"templating"`
		Panels        []grafanaPanel `json:"panels"`
	}
	grafanaTime struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	grafanaList struct {
		List []grafanaVariable `json:"list"`
	}
	grafanaVariable struct {
		Name       string          `json:"name"`
		Label      string          `json:"label"`
		Type       string          `json:"type"`
		Query      string          `json:"query"`
		Datasource *grafanaSource  `json:"datasource,omitempty"`
		Multi      bool            `json:"multi"`
		IncludeAll bool            `json:"includeAll"`
		AllValue   string          `json:"allValue,omitempty"`
		Refresh    int             `json:"refresh"`
		Current    *grafanaCurrent `json:"current,omitempty"`
	}
	grafanaCurrent struct {
		Text  string `json:"text"`
		Value string `json:"value"`
	}
	grafanaSource struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	grafanaPanel struct {
		ID          int             `json:"id"`
		Type        string          `json:"type"`
		Title       string          `json:"title"`
		Description string          `json:"description,omitempty"`
		GridPos     grafanaGrid     `json:"gridPos"`
		Datasource  *grafanaSource  `json:"datasource,omitempty"`
		Targets     []grafanaTarget `json:"targets,omitempty"`
		FieldConfig *grafanaFields  `json:"fieldConfig,omitempty"`
	}
	grafanaGrid struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	grafanaTarget struct {
		RefID        string `json:"refId"`
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
		Instant      bool   `json:"instant"`
	}
	grafanaFields struct {
		Defaults  grafanaDefaults `json:"defaults"`
		Overrides []struct{}      `json:"overrides"`
	}
	grafanaDefaults struct {
		Unit       string            `json:"unit"`
		Min        *float64          `json:"min,omitempty"`
		Max        *float64          `json:"max,omitempty"`
		Thresholds grafanaThresholds `json:"thresholds"`
	}
	grafanaThresholds struct {
		Mode  string        `json:"mode"`
		Steps []grafanaStep `json:"steps"`
	}
	grafanaStep struct {
		Color string   `json:"color"`
		Value *float64 `json:"value"`
	}
)

var prometheus = &grafanaSource{"prometheus", "${datasource}"}

// dashboardJSON is config/monitoring/dashboard.json.
func dashboardJSON() ([]byte, error) {
	all := &grafanaCurrent{"All", "$__all"}
	out := grafanaDashboard{UID: "wukong-network", Title: "wukong-network", Tags: []string{"wukong-network"}, SchemaVersion: 39, Editable: true,
		Refresh: "30s", Time: grafanaTime{"now-6h", "now"}, Templating: grafanaList{[]grafanaVariable{
			{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1},
			{Name: "pool", Label: "Pool", Type: "query", Query: "label_values(wukong_ip_pool_addresses, pool)", Datasource: prometheus, Multi: true, IncludeAll: true, AllValue: ".*", Refresh: 2, Current: all},
			{Name: "uplink", Label: "Uplink", Type: "query", Query: "label_values(wukong_policy_enactments, uplink)", Datasource: prometheus, Multi: true, IncludeAll: true, AllValue: ".*", Refresh: 2, Current: all},
		}}}
	y := 0
	add := func(p grafanaPanel) {
		p.ID = len(out.Panels) + 1
		out.Panels = append(out.Panels, p)
	}
	for _, row := range dashboard {
		add(grafanaPanel{Type: "row", Title: row.title, GridPos: grafanaGrid{H: 1, W: 24, Y: y}})
		y++
		x, height := 0, 0
		for _, p := range row.panels {
			if x+p.width > 24 {
				x, y = 0, y+height
			}
			shown := p.grafana()
			shown.GridPos.X, shown.GridPos.Y = x, y
			height = shown.GridPos.H
			x += p.width
			add(shown)
		}
		y += height
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(out)
	return b.Bytes(), err
}

func (p panel) grafana() grafanaPanel {
	height := 8
	if p.kind == "stat" {
		height = 4
	}
	fields := grafanaDefaults{Unit: p.unit, Thresholds: grafanaThresholds{"absolute", []grafanaStep{{Color: "green"}}}}
	if bound, ok := least[p.title]; ok {
		fields.Thresholds.Steps = []grafanaStep{{Color: "red"}, {"green", &bound}}
	}
	if p.red != 0 {
		fields.Thresholds.Steps = append(fields.Thresholds.Steps, grafanaStep{"red", &p.red})
	}
	if p.unit == "percentunit" {
		zero, one := 0.0, 1.0
		fields.Min, fields.Max = &zero, &one
	}
	out := grafanaPanel{Type: p.kind, Title: p.title, Description: p.help, GridPos: grafanaGrid{H: height, W: p.width}, Datasource: prometheus,
		FieldConfig: &grafanaFields{Defaults: fields, Overrides: []struct{}{}}}
	for i, q := range p.queries {
		out.Targets = append(out.Targets, grafanaTarget{string(rune('A' + i)), q[0], q[1], p.kind != "timeseries"})
	}
	return out
}
