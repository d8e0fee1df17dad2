package parts

import (
	"bytes"
	"errors"
	"testing"
)

func TestProgressIsPlainLinesWhenTheWriterIsNoTerminal(t *testing.T) {
	for outcome, err := range map[string]error{"done": nil, "failed": errors.New("broken")} {
		var out bytes.Buffer
		p := StartProgress(&out, "control plane")
		p.Step("%d packages", 3)
		p.End(err)
		if got, want := out.String(), "control plane (0s)\ncontrol plane: "+outcome+" (0s)\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
