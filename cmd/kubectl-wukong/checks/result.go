package checks

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Level says how a check ended.
type Level string

// Levels.
const (
	// Passed: as it should be.
	Passed Level = "Passed"
	// Warning: worth a look, and in nobody's way.
	Warning Level = "Warning"
	// Failed: a person has to act.
	Failed Level = "Failed"
	// Unknown: it could not be found out, mostly for want of rights.
	Unknown Level = "Unknown"
)

// Page is the page with a section per check, named by its ID.
const Page = "docs/checks.md"

// Result is how one check ended.
type Result struct {
	// ID names the check, and its section of Page.
	ID    string `json:"id"`
	Group string `json:"group"`
	Level Level  `json:"level"`
	// Summary is the answer in a line.
	Summary string `json:"summary"`
	// Details are the objects that it is about, at most maxDetails; More is the number of those that are left out.
	Details []string `json:"details,omitempty"`
	More    int      `json:"more,omitempty"`
	// Fix is what to run or to do next; empty where the check passed.
	Fix string `json:"fix,omitempty"`
	// Docs is where to read on; empty where the check passed.
	Docs string `json:"docs,omitempty"`
}

// Report is the answer of all checks.
type Report struct {
	metav1.TypeMeta `json:",inline"`
	// Phase is Pre before an installation, else Installed.
	Phase   string   `json:"phase"`
	Results []Result `json:"results"`
	// Failed, Warnings, Unknown and Passed count the results.
	Failed   int `json:"failed"`
	Warnings int `json:"warnings"`
	Unknown  int `json:"unknown"`
	Passed   int `json:"passed"`
}

// Findings says whether something failed or could not be found out. Warnings are in nobody's way.
func (r *Report) Findings() bool { return r.Failed+r.Unknown > 0 }

// maxDetails bounds the objects that one check names.
const maxDetails = 8

// answer gathers what one check says. What is worse wins.
type answer struct {
	level   Level
	summary string
	details []string
	fix     string
}

func pass(format string, args ...any) *answer {
	return &answer{level: Passed, summary: fmt.Sprintf(format, args...)}
}

func unknown(what, why string) *answer {
	return &answer{level: Unknown, summary: what + ": not found out", details: []string{why}, fix: "run the check again with these rights"}
}

// tell makes an answer about objects.
func tell(level Level, details []string, fix, format string, args ...any) *answer {
	return &answer{level: level, summary: fmt.Sprintf(format, args...), details: details, fix: fix}
}

// result gives the answer of a check.
func (a *answer) result(c check) Result {
	r := Result{ID: c.id, Group: c.group, Level: a.level, Summary: a.summary, Details: a.details}
	if a.level != Passed {
		r.Fix, r.Docs = a.fix, Page+"#"+c.id
	}
	if len(r.Details) > maxDetails {
		r.More, r.Details = len(r.Details)-maxDetails+1, r.Details[:maxDetails-1]
	}
	return r
}
