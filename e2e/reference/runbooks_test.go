package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEachAlertHasItsPageAndEachPageItsAlert(t *testing.T) {
	var names []string
	for _, a := range alerts {
		names = append(names, a.Name)
		text, err := os.ReadFile("../../" + runbookPath(a.Name))
		if err != nil {
			t.Error(err)
			continue
		}
		at := 0
		for _, part := range []string{"# " + a.Name + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n```\nkubectl ", "\n## Mitigation\n", "\n- "} {
			found := strings.Index(string(text)[at:], part)
			if found < 0 {
				t.Errorf("the page of %s lacks %q, or has it in another place", a.Name, part)
				break
			}
			at += found
		}
	}
	pages, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); name != "README" && !slices.Contains(names, name) {
			t.Errorf("%s is about no alert", page)
		}
	}
}
