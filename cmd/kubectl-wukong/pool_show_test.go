package main

import (
	"bytes"
	"testing"

	"novasphere.dev/wukong-network/query/answer"
)

func TestColoursAreForTerminalsWhoseUserWantsThem(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want bool
	}{
		"a terminal has colours":                  {map[string]string{"TERM": "xterm"}, true},
		"NO_COLOR says that they are not wanted":  {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		"an empty NO_COLOR says nothing":          {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
		"a terminal without abilities has no one": {map[string]string{"TERM": "dumb"}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := wantsColour(func(key string) string { return tc.env[key] }); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if palette := paletteFor(&bytes.Buffer{}); palette != nil {
		t.Errorf("a file gets colours: %v", palette)
	}
	if size := sizeOf(&bytes.Buffer{}); size != (answer.Size{Columns: 80, Rows: 16}) {
		t.Errorf("a file gets a map of the usual size: %v", size)
	}
}
