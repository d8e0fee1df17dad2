package guests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/e2e/parts"
)

// readers read back what a renderer wrote.
var readers = map[parts.Ask]func(files map[string]string) (Facts, error){
	parts.AskNetplan: func(files map[string]string) (Facts, error) {
		return ReadNetplan([]byte(files["etc/netplan/50-cloud-init.yaml"]))
	},
	parts.AskNetworkd:       func(files map[string]string) (Facts, error) { return ReadNetworkd(files), nil },
	parts.AskSysconfig:      func(files map[string]string) (Facts, error) { return ReadSysconfig(files), nil },
	parts.AskNetworkManager: func(files map[string]string) (Facts, error) { return ReadKeyfiles(files), nil },
}

func factsOf(t *testing.T, d Document) Facts {
	t.Helper()
	facts, err := ReadNetplan(d.NetworkData)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// changes are the facts that a verdict's files lack, and those that they have on top. Both are empty where they say what the
// document says. A route that lost its table is made up as one of the main table, and counts as a route of a table.
func changes(t *testing.T, v verdict) (lost, madeUp Facts) {
	t.Helper()
	read, ok := readers[v.Ask]
	if !ok || v.Err != nil {
		return nil, nil
	}
	want := factsOf(t, v.Document)
	got, err := read(v.Files)
	if err != nil {
		t.Fatal(err)
	}
	got = got.For(want)
	lost, madeUp = want.Without(got), got.Without(want)
	for i, f := range madeUp {
		moved := func(l Fact) bool {
			words, _, _ := strings.Cut(l.Value, " in ")
			return l.NIC == f.NIC && l.Kind == TableRoute && strings.HasSuffix(" "+f.Value, " "+words)
		}
		if (f.Kind == Route || f.Kind == Metric) && slices.ContainsFunc(lost, moved) {
			madeUp[i].Kind, madeUp[i].Value = TableRoute, f.Value+" in the main table"
		}
	}
	return lost, madeUp
}

// TestCloudInitAcceptsEveryDocument asks for checks and for conversions. Refusals and warnings are listed in
// testdata/cannot.yaml.
func TestCloudInitAcceptsEveryDocument(t *testing.T) {
	known := limits(t)
	for _, v := range verdicts(t) {
		if v.Err == nil && v.Said == "" || slices.ContainsFunc(known, func(l limit) bool { return l.about(v) && l.words(v) }) {
			continue
		}
		t.Errorf("cloud-init %s, %s, %s: %v %s", v.Version, v.Ask, v.Document.Name, v.Err, v.Said)
	}
}

// TestEveryRendererSaysWhatTheDocumentSays reads the files of each renderer back. What one loses or changes is listed in
// testdata/cannot.yaml.
func TestEveryRendererSaysWhatTheDocumentSays(t *testing.T) {
	known := limits(t)
	for _, v := range verdicts(t) {
		listed := func(f Fact) bool {
			return slices.ContainsFunc(known, func(l limit) bool { return l.Refuses+l.Warns == "" && l.about(v) && l.covers(f) })
		}
		lost, madeUp := changes(t, v)
		if lost, madeUp = slices.DeleteFunc(lost, listed), slices.DeleteFunc(madeUp, listed); len(lost)+len(madeUp) > 0 {
			t.Errorf("cloud-init %s, %s, %s: lost %v, made up %v", v.Version, v.Ask, v.Document.Name, lost, madeUp)
		}
	}
}

// TestWhatCloudInitCannotIsTrue fails for what is listed and works, and for what no document needs.
func TestWhatCloudInitCannotIsTrue(t *testing.T) {
	all := verdicts(t)
	for i, l := range limits(t) {
		name, needed := fmt.Sprintf("testdata/cannot.yaml, entry %d", i+1), map[string]bool{}
		for _, v := range all {
			if !l.about(v) {
				continue
			}
			holds := l.holds(t, v)
			if holds {
				needed[v.Version], needed[string(v.Ask)], needed[v.Document.Name] = true, true, true
			}
			foreseen := l.Documents != nil || slices.ContainsFunc(factsOf(t, v.Document), l.covers)
			if foreseen && !holds && (v.Err == nil || l.Refuses != "") {
				t.Errorf("%s: this works, correct the list: cloud-init %s, %s, %s", name, v.Version, v.Ask, v.Document.Name)
			}
		}
		keys := slices.Concat(l.CloudInit, l.Documents)
		for _, ask := range l.Asked {
			keys = append(keys, string(ask))
		}
		for _, key := range keys {
			if !needed[key] {
				t.Errorf("%s: nothing needs it for %s", name, key)
			}
		}
	}
}

// holds tells whether what the entry says is so.
func (l limit) holds(t *testing.T, v verdict) bool {
	t.Helper()
	if l.Refuses+l.Warns != "" {
		return l.words(v)
	}
	lost, madeUp := changes(t, v)
	return slices.ContainsFunc(append(lost, madeUp...), l.covers)
}
