package guests

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/e2e/parts"
)

var update = flag.Bool("update", false, "write the files of testdata that hold what cloud-init wrote")

// goldenCases are the golden files of package render.
const goldenCases = "../../render/testdata"

func goldenDocuments(t *testing.T) []Document {
	t.Helper()
	documents, err := Documents(goldenCases)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// documentsForTest are those of the golden cases, and those by hand.
func documentsForTest(t *testing.T) []Document {
	t.Helper()
	byHand, err := ByHand("testdata/by-hand")
	if err != nil || len(byHand) == 0 {
		t.Fatalf("no documents by hand: %v", err)
	}
	return append(byHand, goldenDocuments(t)...)
}

// verdict is what one version of cloud-init says to one question about one document.
type verdict struct {
	Version  string // the first two numbers, such as 25.1
	Ask      parts.Ask
	Document Document
	parts.Answer
}

// verdicts are those of all versions on all documents, the oldest version first; cloud-init is asked once for all tests.
func verdicts(t *testing.T) []verdict {
	t.Helper()
	judges, documents := parts.CloudInitsForTest(t), documentsForTest(t)
	allVerdicts.Do(func() { allVerdicts.got = judge(t, judges, documents) })
	if allVerdicts.got == nil {
		t.Fatal("cloud-init did not answer, see the first test that asked")
	}
	return allVerdicts.got
}

var allVerdicts struct {
	sync.Once
	got []verdict
}

func judge(t *testing.T, judges []*parts.CloudInit, documents []Document) []verdict {
	t.Helper()
	var out []verdict
	for _, c := range judges {
		var questions []parts.Question
		first := len(out)
		for _, ask := range append([]parts.Ask{parts.AskUserData, parts.AskNetworkData, parts.AskNetworkDataOfNetplan}, parts.Renderers...) {
			for _, d := range documents {
				text := d.NetworkData
				if ask == parts.AskUserData {
					text = d.UserData
				}
				if len(text) > 0 && c.Knows(ask) {
					questions = append(questions, parts.Question{Ask: ask, Document: text})
					out = append(out, verdict{Version: majorMinor(c.Version), Ask: ask, Document: d})
				}
			}
		}
		answers, err := c.Judge(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range answers {
			out[first+i].Answer = a
		}
	}
	return out
}

func majorMinor(version string) string {
	return strings.Join(strings.SplitN(version+"..", ".", 3)[:2], ".")
}

// limit is an entry of testdata/cannot.yaml: something that versions of cloud-init are unable to do. It is about documents
// that say a fact, or about those that are named.
type limit struct {
	// CloudInit are the versions, by their first two numbers.
	CloudInit []string `json:"cloudInit"`
	// Asked are the ways of networking, or the checks.
	Asked []parts.Ask `json:"asked"`
	// Refuses is part of the words of a refusal, and Warns of a warning. With neither, the fact is lost, or changed.
	Refuses string `json:"refuses,omitempty"`
	Warns   string `json:"warns,omitempty"`
	// Fact is a kind of facts.
	Fact Kind `json:"fact,omitempty"`
	// Containing narrows that to facts whose value contains one of these.
	Containing []string `json:"containing,omitempty"`
	// Documents are names of documents, and Except of those that the entry is not about.
	Documents []string `json:"documents,omitempty"`
	Except    []string `json:"except,omitempty"`
	// Why is the reason, for people.
	Why string `json:"why"`
}

func limits(t *testing.T) []limit {
	t.Helper()
	text, err := os.ReadFile("testdata/cannot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []limit
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		t.Fatal(err)
	}
	for i, l := range out {
		if l.Why == "" || l.Fact == "" && (l.Refuses+l.Warns == "" || l.Documents == nil) {
			t.Fatalf("testdata/cannot.yaml, entry %d: needs why, and a fact, or a refusal or warning with its documents: %+v", i+1, l)
		}
	}
	return out
}

// about tells whether the entry is about what a version was asked, and not about other documents.
func (l limit) about(v verdict) bool {
	return slices.Contains(l.CloudInit, v.Version) && slices.Contains(l.Asked, v.Ask) &&
		(l.Documents == nil || slices.Contains(l.Documents, v.Document.Name)) && !slices.Contains(l.Except, v.Document.Name)
}

// covers tells whether the entry is about a fact.
func (l limit) covers(f Fact) bool {
	return l.Fact == f.Kind && (l.Containing == nil ||
		slices.ContainsFunc(l.Containing, func(part string) bool { return strings.Contains(f.Value, part) }))
}

// words tells whether a verdict is the refusal or the warning that the entry foresees.
func (l limit) words(v verdict) bool {
	refusal := new(parts.Refusal)
	if errors.As(v.Err, &refusal) {
		return l.Refuses != "" && strings.Contains(refusal.Reason, l.Refuses)
	}
	return l.Warns != "" && strings.Contains(v.Said, l.Warns)
}
