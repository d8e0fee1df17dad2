package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// printFindings writes one line per finding, in the order in which a reader of the sources meets them. Each begins with file
// and line, as editors and CI systems understand it.
func printFindings(w io.Writer, findings []render.Finding) {
	slices.SortStableFunc(findings, func(a, b render.Finding) int {
		return cmp.Or(bySource(a.Source, b.Source), cmp.Compare(a.Object.String(), b.Object.String()),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	for _, f := range slices.Compact(findings) {
		fmt.Fprintln(w, answer.Printable(f.String()))
	}
}

// counts says whether a finding makes the exit code 1. A note does not: everything that is asked for is done.
func counts(f render.Finding) bool { return f.Severity != render.SeverityNote }

// bySource orders FILE:LINE by file and number. What has no source comes last.
func bySource(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	fileA, lineA := cutLine(a)
	fileB, lineB := cutLine(b)
	return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(lineA, lineB))
}

func cutLine(source string) (string, int) {
	i := strings.LastIndexByte(source, ':')
	if i < 0 {
		return source, 0
	}
	line, err := strconv.Atoi(source[i+1:])
	if err != nil {
		return source, 0
	}
	return source[:i], line
}
