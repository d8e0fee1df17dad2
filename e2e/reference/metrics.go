package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/controllers/metrics"
)

const metricsHead = `<!-- make generate writes this page from controllers/metrics. -->
# Metrics

What the manager serves at ` + "`/metrics`" + `. [observability.md](observability.md) says how to scrape it, and what to make of it.

Labels are names of objects of the platform team and words of fixed lists. No address, no MAC address, no namespace and no name
that a tenant chose is a label, unless ` + "`--object-metrics`" + ` is given. Gauges are read from the manager's cache at each scrape, by the
leader alone. Series of a pool or an uplink go with the object. Counters begin at zero when the process starts.

`

// metricsPage is docs/metrics.md.
func metricsPage() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(metricsHead)
	metricsTable(&b, metrics.Definitions())
	b.WriteString("\n## Values of labels\n\n| metric | label | values |\n|---|---|---|\n")
	for _, d := range metrics.Definitions() {
		for _, label := range slices.Sorted(maps.Keys(d.Values)) {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", d.Name, label, strings.Join(d.Values[label], ", "))
		}
	}
	b.WriteString("\n`reason` is a word of [reasons.md](reasons.md), `pool` the name of an AddressPool, and `uplink` that of a HostUplink.\n")
	b.WriteString("\n## From the libraries below\n\nThe manager serves what [controller-runtime](https://book.kubebuilder.io/reference/metrics-reference) and the Go client measure, too. Rules and\ndashboard read these:\n\n")
	metricsTable(&b, metrics.Inherited())
	return b.Bytes(), nil
}

func metricsTable(b *bytes.Buffer, list []metrics.Definition) {
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, d := range list {
		var labels []string
		for _, l := range d.Labels {
			labels = append(labels, "`"+l+"`")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", d.Name, d.Type, cmp.Or(strings.Join(labels, ", "), "–"), strings.TrimSuffix(d.Help, "."))
	}
}
