package answer

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/nmstate"
)

// maxReservationName is the longest name of an AddressReservation, in bytes. The schema has the same bound.
const maxReservationName = 40

// NewReservation gives the object that keeps a range of addresses back. An empty name is replaced by ReservationName.
func NewReservation(name string, segment v1alpha1.Segment, addresses, reason string, holder *v1alpha1.ReservedFor) *v1alpha1.AddressReservation {
	if name == "" {
		name = ReservationName(segment, addresses)
	}
	return &v1alpha1.AddressReservation{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AddressReservation"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.AddressReservationSpec{Segment: segment, Addresses: []v1alpha1.AddressRange{v1alpha1.AddressRange(addresses)},
			Reason: reason, For: holder},
	}
}

// ReservationName is the name of a reservation of these addresses on this segment, always the same one: what they are as far
// as it fits into a name, and a hash.
func ReservationName(segment v1alpha1.Segment, addresses string) string {
	text := SegmentName(segment) + " " + addresses
	hash := nmstate.Hash([]byte(text))
	readable := strings.NewReplacer(".", "-", ":", "-", "/", "-", " ", "-").Replace(text)
	room := maxReservationName - len(hash) - 1
	return strings.Trim(readable[:min(len(readable), room)], "-") + "-" + hash
}

// SegmentName writes a segment as leases have it.
func SegmentName(s v1alpha1.Segment) string {
	out := ipam.Segment{Fabric: string(s.PhysicalNetwork)}
	if s.VLAN != nil {
		out.VLAN = int(*s.VLAN)
	}
	return out.String()
}

// SegmentOf is the segment of an object from its name.
func SegmentOf(text string) (v1alpha1.Segment, error) {
	s, err := ipam.ParseSegment(text)
	if err != nil {
		return v1alpha1.Segment{}, err
	}
	out := v1alpha1.Segment{PhysicalNetwork: v1alpha1.PhysicalNetworkName(s.Fabric)}
	if s.VLAN != 0 {
		vlan := v1alpha1.VLANID(s.VLAN)
		out.VLAN = &vlan
	}
	return out, nil
}

// SameReservation says whether two reservations mean the same.
func SameReservation(a, b *v1alpha1.AddressReservation) bool {
	return equality.Semantic.DeepEqual(a.Spec, b.Spec)
}
