package guests

import (
	"errors"
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

// changes are the facts that a verdict's files lack, and those that they have on top. Both are empty where they say what the
// document says.
func changes(t *testing.T, v verdict) (lost, madeUp Facts) {
	t.Helper()
	read, ok := readers[v.Ask]
	if !ok || v.Err != nil {
		return nil, nil
	}
	want, err := ReadNetplan(v.Document.NetworkData)
	if err != nil {
		t.Fatal(err)
	}
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
		refusal := new(parts.Refusal)
		switch {
		case errors.As(v.Err, &refusal):
			listed := slices.ContainsFunc(known, func(l limit) bool {
				return l.Refuses != "" && l.about(v) && strings.Contains(refusal.Reason, l.Refuses)
			})
			if !listed {
				t.Errorf("%s: %v", v.Document.Name, v.Err)
			}
		case v.Said != "":
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
			return slices.ContainsFunc(known, func(l limit) bool { return l.about(v) && l.covers(f) })
		}
		lost, madeUp := changes(t, v)
		if lost, madeUp = slices.DeleteFunc(lost, listed), slices.DeleteFunc(madeUp, listed); len(lost)+len(madeUp) > 0 {
			t.Errorf("cloud-init %s, %s, %s: lost %v, made up %v", v.Version, v.Ask, v.Document.Name, lost, madeUp)
		}
	}
}

// TestWhatCloudInitCannotIsTrue fails for what is listed and works.
func TestWhatCloudInitCannotIsTrue(t *testing.T) {
	all := verdicts(t)
	for i, l := range limits(t) {
		name := fmt.Sprintf("testdata/cannot.yaml, entry %d", i+1)
		used := map[string]bool{}
		for _, v := range all {
			if !l.about(v) {
				continue
			}
			used[v.Version], used[string(v.Ask)], used[v.Document.Name] = true, true, true
			if works := worksAllTheSame(t, l, v); works != "" {
				t.Errorf("%s: cloud-init %s, %s, %s: this works, correct the list: %s", name, v.Version, v.Ask, v.Document.Name, works)
			}
		}
		for _, ask := range l.Asked {
			if !used[string(ask)] {
				t.Errorf("%s: nothing was asked for %s", name, ask)
			}
		}
		for _, key := range slices.Concat(l.CloudInit, l.Documents) {
			if !used[key] {
				t.Errorf("%s: there is no %s", name, key)
			}
		}
	}
}

// worksAllTheSame gives what an entry says to be refused or lost, and is not.
func worksAllTheSame(t *testing.T, l limit, v verdict) string {
	t.Helper()
	if l.Refuses != "" {
		if v.Err == nil || !strings.Contains(v.Err.Error(), l.Refuses) {
			return l.Refuses
		}
		return ""
	}
	if v.Err != nil {
		return ""
	}
	want, err := ReadNetplan(v.Document.NetworkData)
	if err != nil {
		t.Fatal(err)
	}
	said := slices.ContainsFunc(want, l.covers)
	lost, madeUp := changes(t, v)
	if (said || l.Documents != nil) && !slices.ContainsFunc(append(lost, madeUp...), l.covers) {
		return string(l.Fact)
	}
	return ""
}
