package ipam

import (
	"strconv"
	"strings"
)

const (
	// MaxFabricLength is the longest name of a fabric, in bytes.
	MaxFabricLength = 40
	// MaxVLAN is the largest VLAN number that IEEE 802.1Q leaves to users; 4095 is reserved.
	MaxVLAN = 4094
)

// Segment is one broadcast domain, the scope in which an address must be unique: the untagged frames of a fabric, or one
// VLAN on it.
type Segment struct {
	// Fabric is the name of the L2 fabric, a DNS label of at most MaxFabricLength bytes.
	Fabric string
	// VLAN is 1 to MaxVLAN, or 0 for untagged frames.
	VLAN int
}

// String gives "fabric" for untagged frames and "fabric.100" for a VLAN. It is the form that names and field selectors
// use, and ParseSegment reads it back.
func (s Segment) String() string {
	if s.VLAN == 0 {
		return s.Fabric
	}
	return s.Fabric + "." + strconv.Itoa(s.VLAN)
}

// Validate says what keeps s from being the segment of a lease.
func (s Segment) Validate() error {
	if !isLabel(s.Fabric) {
		return &InvalidError{Value: s.Fabric, Problem: "is not the name of a fabric",
			Fix: "use at most 40 lower-case letters, digits and dashes that begin and end with a letter or digit"}
	}
	if s.VLAN < 0 || s.VLAN > MaxVLAN {
		return &InvalidError{Value: strconv.Itoa(s.VLAN), Problem: "is not a VLAN number",
			Fix: "use 1 to 4094, or none for untagged frames"}
	}
	return nil
}

// ParseSegment reads the form that Segment.String writes. Only that form is accepted, so that one segment has one name.
func ParseSegment(text string) (Segment, error) {
	fabric, vlan, tagged := strings.Cut(text, ".")
	s := Segment{Fabric: fabric}
	if tagged {
		n, err := strconv.Atoi(vlan)
		if err != nil || n < 1 || n > MaxVLAN || strconv.Itoa(n) != vlan {
			return Segment{}, &InvalidError{Value: text, Problem: "does not end in a VLAN number",
				Fix: "write the fabric alone for untagged frames, or the fabric, a dot and 1 to 4094, such as lab.100"}
		}
		s.VLAN = n
	}
	if err := s.Validate(); err != nil {
		return Segment{}, err
	}
	return s, nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > MaxFabricLength || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
