package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheGeneratedPagesAreUpToDateAndTheSameEachTime(t *testing.T) {
	for path, page := range pages {
		want, err := page()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what make generate writes (-want +got):\n%s", path, diff)
		}
		if again, _ := page(); string(again) != string(want) {
			t.Errorf("%s is written differently each time", path)
		}
	}
}
