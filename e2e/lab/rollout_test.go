package lab

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestMaxUnavailable(t *testing.T) {
	number := func(n int) *intstr.IntOrString { v := intstr.FromInt32(int32(n)); return &v }
	percent := func(s string) *intstr.IntOrString { v := intstr.FromString(s); return &v }
	cases := map[string]struct {
		limit      *intstr.IntOrString
		enactments int
		want       int
	}{
		"half of the enactments unless said":   {nil, 4, 2},
		"a percentage is rounded up":           {nil, 5, 3},
		"never less than one":                  {percent("1%"), 0, 1},
		"a number is taken as it is":           {number(2), 10, 2},
		"zero is one":                          {number(0), 10, 1},
		"what is no percentage means the half": {percent("many"), 4, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := maxUnavailable(c.limit, c.enactments); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	one := intstr.FromInt32(1)
	cases := map[string]struct {
		busy       int
		enactments []enactment
		want       admission
	}{
		"a free slot admits":                               {0, []enactment{enacted(phaseCreated)}, admitted},
		"a taken slot makes wait":                          {1, []enactment{enacted(phaseApplying)}, mustWait},
		"a node between two attempts has not failed yet":   {1, []enactment{enacted(phaseRetrying)}, mustWait},
		"failed nodes keep their slots and abort the rest": {1, []enactment{enacted(phaseFailed)}, mustAbort},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := admit(&one, c.busy, c.enactments); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
