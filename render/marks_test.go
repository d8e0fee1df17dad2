package render

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMarksAreReadBackAsTheyWereWritten(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	want := Marks{Revision: "r2", Applied: "r1", Renewing: "r0", Since: at, Repaired: at.Add(time.Hour)}
	labels, annotations := want.Write("up")
	if diff := cmp.Diff(want, MarksOf(labels, annotations, "up")); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Marks{}, MarksOf(labels, annotations, "other")); diff != "" {
		t.Errorf("marks of another uplink (-want +got):\n%s", diff)
	}
}

func TestATimeThatNobodyCanReadIsNone(t *testing.T) {
	got := MarksOf(nil, map[string]string{"since.uplink.vm.novasphere.dev/up": "yesterday", "repaired.uplink.vm.novasphere.dev/up": "x"}, "up")
	if diff := cmp.Diff(Marks{}, got); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestHeldRevision(t *testing.T) {
	for name, test := range map[string]struct {
		in   Marks
		want string
	}{
		"the label comes first":                               {Marks{Revision: "a", Renewing: "b", Applied: "c"}, "a"},
		"a revision that is renewed is still held":            {Marks{Renewing: "b", Applied: "c"}, "b"},
		"a label that somebody took off does not undo a host": {Marks{Applied: "c"}, "c"},
		"no marks, nothing held":                              {Marks{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.in.Held(); got != test.want {
				t.Errorf("held %q, want %q", got, test.want)
			}
		})
	}
}
