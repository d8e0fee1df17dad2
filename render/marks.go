package render

import (
	"cmp"
	"time"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Marks is what the labels and annotations of a node say about one HostUplink. Revisions are hashes; empty is none.
type Marks struct {
	// Revision is the label: what selects the policy.
	Revision string
	// Applied is the last revision that was proved since the label was written.
	Applied string
	// Renewing is the revision whose label was taken off for a new try.
	Renewing string
	// Since is when the label was written, or the zero time.
	Since time.Time
	// Repaired is when the node was asked to carry its revision out once more because it had drifted, or the zero time.
	Repaired time.Time
}

// MarksOf reads the marks of a HostUplink, by its name, from the labels and annotations of a node. A time that cannot be read is
// the zero time.
func MarksOf(labels, annotations map[string]string, uplink string) Marks {
	m := Marks{
		Revision: labels[v1alpha1.UplinkLabelPrefix+uplink],
		Applied:  annotations[v1alpha1.AppliedAnnotationPrefix+uplink],
		Renewing: annotations[v1alpha1.RenewAnnotationPrefix+uplink],
	}
	m.Since, _ = time.Parse(time.RFC3339, annotations[v1alpha1.SinceAnnotationPrefix+uplink])
	m.Repaired, _ = time.Parse(time.RFC3339, annotations[v1alpha1.RepairedAnnotationPrefix+uplink])
	return m
}

// Write gives the labels and annotations of a node that MarksOf reads the marks from. Those with an empty value must not be there.
func (m Marks) Write(uplink string) (labels, annotations map[string]string) {
	return map[string]string{v1alpha1.UplinkLabelPrefix + uplink: m.Revision}, map[string]string{
		v1alpha1.AppliedAnnotationPrefix + uplink:  m.Applied,
		v1alpha1.RenewAnnotationPrefix + uplink:    m.Renewing,
		v1alpha1.SinceAnnotationPrefix + uplink:    timeText(m.Since),
		v1alpha1.RepairedAnnotationPrefix + uplink: timeText(m.Repaired),
	}
}

// timeText is a time as annotations have it; empty for the zero time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Held is the revision that the node has, or is about to have: the label, the one that is being renewed, or, where somebody
// took the label off, the one that was proved.
func (m Marks) Held() string { return cmp.Or(m.Revision, m.Renewing, m.Applied) }
