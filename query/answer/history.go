package answer

import (
	"cmp"
	"io"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// History is everything that the leases of one address remember, on every segment.
type History struct {
	metav1.TypeMeta `json:",inline"`
	Address         string `json:"address"`
	// Holdings are those that are over and the present one, by segment, newest first.
	Holdings []Holding `json:"holdings"`
}

// NewHistory reads the leases of one address.
func NewHistory(address string, leases []v1alpha1.AddressLease) *History {
	h := &History{TypeMeta: Report("AddressHistory"), Address: address, Holdings: []Holding{}}
	for i := range leases {
		for j := range leases[i].Spec.History {
			h.Holdings = append(h.Holdings, holdingOf(&leases[i], &leases[i].Spec.History[j]))
		}
	}
	// Entries of one second stay as the lease has them.
	slices.SortStableFunc(h.Holdings, func(a, b Holding) int {
		return cmp.Or(bySegment(a.Segment, b.Segment), cmp.Compare(b.From, a.From))
	})
	return h
}

// Write prints one line per holding.
func (h *History) Write(w io.Writer, form Form) error {
	t := Table{Header: []string{"SEGMENT", "HOLDER", "FROM", "UNTIL", "REASON", "MAC"}}
	for _, c := range h.Holdings {
		t.Rows = append(t.Rows, []string{c.Segment, c.Holder, c.From, c.Until, c.Reason, c.MAC})
	}
	return t.Write(w, form)
}
