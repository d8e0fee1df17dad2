package walkthrough

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoIsOnCallFollowsThePageAboutObservingAndTheRunbooks types docs/observability.md along, and then all that docs/runbooks/*.md
// say. What they name is there: a pool that is exhausted, a HostUplink, a pod with its log, and the kinds of the Prometheus operator.
func TestWhoIsOnCallFollowsThePageAboutObservingAndTheRunbooks(t *testing.T) {
	r := newReader(t)
	r.hasCloneBeside()
	r.install()
	r.logs()
	r.prepares("kubectl apply -f e2e/walkthrough/testdata/prometheus-operator.yaml",
		"kubectl wait crd/servicemonitors.monitoring.coreos.com crd/prometheusrules.monitoring.coreos.com --for=condition=Established",
		"kubectl apply -f config/samples/namespaces.yaml -f config/samples/hostuplink.yaml -f config/samples/hostnetwork.yaml",
		"kubectl apply -f e2e/walkthrough/testdata/runbooks.yaml",
		"kubectl wait wukong/web -n team-a --for=condition=Ready --timeout=1m",
		"sed 's/name: web/name: late/' e2e/walkthrough/testdata/runbooks.yaml | kubectl apply -f -",
		`kubectl wait wukong/late -n team-a --for=jsonpath='{.status.conditions[?(@.type=="Ready")].reason}'=PoolExhausted --timeout=1m`)
	r.reads("docs/observability.md")

	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "*.md"))
	must(t, err)
	count := 0
	for _, file := range pages {
		name := filepath.Join("docs", "runbooks", filepath.Base(file))
		blocks, err := blocksOf(page(t, name))
		must(t, err)
		for _, b := range blocks {
			if !b.asks() || strings.Contains(b.text, "port-forward") {
				continue
			}
			for line := range strings.Lines(b.text) {
				count++
				if err := r.types(command{text: line, output: "…\n"}); err != nil {
					t.Errorf("%s: $ %s%v", name, line, err)
				}
			}
		}
	}
	if count < 25 {
		t.Errorf("%d commands were found", count)
	}
}
