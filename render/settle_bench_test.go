package render_test

import (
	"fmt"
	"testing"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// BenchmarkPlanOfAnExhaustedPool plans a thousand Wukongs that name one address each and draw another one from a pool with room for
// half of them, beside as many reservations.
func BenchmarkPlanOfAnExhaustedPool(b *testing.B) {
	var wukongs []v1alpha1.Wukong
	in := lab(nil, pool("p", "10.1.0.0/16", ranges("10.1.0.1-10.1.1.244")))
	for i := range 1000 {
		wukongs = append(wukongs, draws(fmt.Sprintf("w-%04d", i), 1, fmt.Sprintf("10.2.%d.%d/16", i/250, i%250+1), "p"))
		in.AddressReservations = append(in.AddressReservations, reservation(fmt.Sprintf("r-%04d", i), fmt.Sprintf("other-%d", i), v1alpha1.AddressRange(fmt.Sprintf("10.1.9.%d", i%250))))
	}
	in.Wukongs = wukongs
	for b.Loop() {
		if out, _ := render.Plan(in); len(out.Netplans) != 500 {
			b.Fatal(len(out.Netplans))
		}
	}
}
