package guests

import (
	"fmt"
	"slices"
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
// document says.
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
	return want.Without(got), got.Without(want)
}

// TestCloudInitAcceptsEveryDocument asks for a check and for a conversion. Refusals are listed in testdata/cannot.yaml.
func TestCloudInitAcceptsEveryDocument(t *testing.T) {
	known := limits(t)
	for _, v := range verdicts(t) {
		listed := slices.ContainsFunc(known, func(l limit) bool { return l.about(v) && l.refuses(v) })
		if v.Err != nil && !listed {
			t.Errorf("%s: %v", v.Document.Name, v.Err)
		}
		if v.Err == nil && v.Said != "" {
			t.Errorf("cloud-init %s, %s, %s: %s", v.Version, v.Ask, v.Document.Name, v.Said)
		}
	}
}

// TestEveryRendererSaysWhatTheDocumentSays reads the files of each renderer back. What one loses or changes is listed in
// testdata/cannot.yaml.
func TestEveryRendererSaysWhatTheDocumentSays(t *testing.T) {
	known := limits(t)
	for _, v := range verdicts(t) {
		listed := func(f Fact) bool {
			return slices.ContainsFunc(known, func(l limit) bool { return l.Refuses == "" && l.about(v) && l.covers(f) })
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
	if l.Refuses != "" {
		return l.refuses(v)
	}
	lost, madeUp := changes(t, v)
	return slices.ContainsFunc(append(lost, madeUp...), l.covers)
}
