package main

import (
	"runtime/debug"
	"testing"
)

func TestTheHeapKeepsToNineTenthsOfTheContainersLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, c := range map[string]struct {
		limit, gomemlimit string
		want              int64 // 0: as it was
		wrong             bool
	}{
		"of a gibibyte":                       {limit: "1073741824", want: 966367638},
		"of none":                             {},
		"unless the runtime has been told":    {limit: "1073741824", gomemlimit: "500MiB"},
		"of a quantity, which is no number":   {limit: "1Gi", wrong: true},
		"of less than nothing, which is none": {limit: "-1", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(before)
			if err := limitMemory(c.limit, c.gomemlimit); (err != nil) != c.wrong {
				t.Errorf("error %v, want one: %t", err, c.wrong)
			}
			want := c.want
			if want == 0 {
				want = before
			}
			if got := debug.SetMemoryLimit(-1); got != want {
				t.Errorf("the limit is %d, want %d", got, want)
			}
		})
	}
}
