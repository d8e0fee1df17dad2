package answer

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// SegmentList are the segments that pools or leases are on, by fabric and VLAN.
type SegmentList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []SegmentSummary `json:"items"`
}

// SegmentSummary says what there is on a segment.
type SegmentSummary struct {
	// Segment is a physical network, with .VLAN unless untagged.
	Segment string `json:"segment"`
	// Pools are the AddressPools of the segment, by name.
	Pools []string `json:"pools"`
	// Leases is how many leases there are in each phase; records of released addresses do not count.
	Leases map[v1alpha1.LeasePhase]int `json:"leases"`
}

// Segments says which segments there are.
func (d *Declared) Segments(leases []v1alpha1.AddressLease) *SegmentList {
	found := map[string]*SegmentSummary{}
	on := func(segment string) *SegmentSummary {
		if found[segment] == nil {
			found[segment] = &SegmentSummary{Segment: segment, Pools: []string{}, Leases: map[v1alpha1.LeasePhase]int{}}
		}
		return found[segment]
	}
	for _, pool := range d.Pools.All() {
		s := on(pool.Segment.String())
		s.Pools = append(s.Pools, pool.Object.Name)
	}
	for i := range leases {
		if l := &leases[i].Spec; l.Phase != v1alpha1.LeaseReleased {
			on(l.Segment).Leases[l.Phase]++
		}
	}
	out := &SegmentList{TypeMeta: Report("SegmentList"), Items: []SegmentSummary{}}
	for _, s := range found {
		slices.Sort(s.Pools)
		out.Items = append(out.Items, *s)
	}
	slices.SortFunc(out.Items, func(a, b SegmentSummary) int { return bySegment(a.Segment, b.Segment) })
	return out
}
