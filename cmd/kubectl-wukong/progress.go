package main

import (
	"slices"
	"strings"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query/hosts"
)

// progress is the line that says what takes long, or nil where standard error is no terminal.
func (s streams) progress() *cluster.Progress {
	p, _ := s.err.(*cluster.Progress)
	return p
}

// reading says that files are read, until the function is called. Where a person types one of them it says nothing.
func (s streams) reading(files []string) (done func()) {
	if !isTerminal(s.in) || !slices.Contains(files, manifests.StandardInput) {
		s.progress().Say("reading %s", strings.Join(files, ", "))
	}
	return s.progress().Done
}

// tellingJudge says how many answers the judge has given, each of which takes it a moment.
type tellingJudge struct {
	hosts.Judge
	progress *cluster.Progress
	answers  int
}

func (j *tellingJudge) Compare(want hosts.Desired, report []byte) ([]hosts.Change, string, error) {
	j.progress.Say("asking %s: %d", j.Name(), j.answers)
	j.answers++
	return j.Judge.Compare(want, report)
}
