package hosts

import (
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Rollback is what going back to the last good revision of a HostUplink would do.
type Rollback struct {
	metav1.TypeMeta `json:",inline"`
	HostUplink      string `json:"hostUplink"`
	// Refused is the revision that nodes would leave, or not get. To is where they would go.
	Refused string `json:"refused"`
	To      string `json:"to"`
	// Nodes are those that are on Refused, or on the way to it, by name.
	Nodes []string `json:"nodes,omitempty"`
	// Loses are the networks that Refused provides and To lacks, with the Wukongs that use them.
	Loses []RemovedNetwork `json:"loses,omitempty"`
	// Cut are the running machines that would lose a network.
	Cut []Machine `json:"cut,omitempty"`
	// Touched are running machines whose network is built otherwise by To, so that they would feel it.
	Touched []Machine `json:"touched,omitempty"`
}

// RollbackOf says what a rollback would do, or why there is none.
func (v *View) RollbackOf(u *render.Uplink) (*Rollback, error) {
	o := u.Object
	refused, good := o.Status.Revision, o.Status.LastGoodRevision
	switch asked := o.Annotations[v1alpha1.RollbackAnnotation]; {
	case asked != "":
		return nil, fmt.Errorf("HostUplink %s is rolled back already: %s is not wanted; write --undo to want it again", o.Name, asked)
	case refused == "":
		return nil, fmt.Errorf("HostUplink %s: status.revision is empty, so there is nothing to go back from: no network needs the uplink, or the controller has not looked at it yet", o.Name)
	case good == "":
		return nil, fmt.Errorf("HostUplink %s: status.lastGoodRevision is empty, so there is nothing to go back to: no revision was on every eligible node yet; correct what is declared instead", o.Name)
	case good == refused:
		return nil, fmt.Errorf("HostUplink %s: every eligible node had %s, the revision that is rolled out, so there is nothing to go back from", o.Name, refused)
	}
	to, known := v.policies[good]
	if !known || !to.intact {
		return nil, fmt.Errorf("HostUplink %s: status.lastGoodRevision: policy %s is gone or was edited, so nodes cannot go back to it: correct what is declared instead", o.Name, good)
	}
	r := &Rollback{TypeMeta: metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "HostRollback"}, HostUplink: o.Name, Refused: refused, To: good}
	from, _ := v.revisionOf(o.Name, strings.TrimPrefix(refused, render.PolicyName(o.Name, "")))
	stay := v.networksIn(u, to.state)
	for _, name := range v.networksIn(u, from) {
		if !slices.Contains(stay, name) {
			r.Loses = append(r.Loses, RemovedNetwork{name, v.usersOf(name)})
		}
	}
	for _, node := range v.nodeNames() {
		held := v.marksOf(node, o.Name).Held()
		if held == "" || render.PolicyName(o.Name, held) == good {
			continue
		}
		r.Nodes = append(r.Nodes, node)
		had, _ := v.revisionOf(o.Name, held)
		for _, n := range v.Catalog.HostNetworks() {
			name := n.Object.Name
			switch attached := v.attached(node, []string{name}); {
			case n.Object.Spec.PhysicalNetwork != o.Spec.PhysicalNetwork || !v.Catalog.Carries(u, n, had):
			case !slices.Contains(stay, name):
				r.Cut = append(r.Cut, attached...)
			case !v.Catalog.BuiltAlike(u, n, had, to.state):
				r.Touched = append(r.Touched, attached...)
			}
		}
	}
	return r, nil
}

// Write prints what would happen.
func (r *Rollback) Write(w io.Writer) error {
	var top tree
	t := top.add("HostUplink "+r.HostUplink, r.Refused+" → "+r.To)
	if len(r.Nodes) > 0 {
		t.add(fmt.Sprintf("%s: %s", plural(len(r.Nodes), "node goes back", "nodes go back"), few(r.Nodes)))
	} else {
		t.add("no node has it yet")
	}
	for _, n := range r.Loses {
		text := "HostNetwork " + n.Name + " goes from these nodes"
		if len(n.Users) > 0 {
			text += fmt.Sprintf(", used by %d: %s", len(n.Users), few(n.Users))
		}
		t.add(text)
	}
	for _, m := range r.Cut {
		t.add("running, and loses its network: "+m.String(), strings.Join(m.Addresses, ", "))
	}
	for _, m := range r.Touched {
		t.add("running, and feels it: "+m.String(), strings.Join(m.Addresses, ", "))
	}
	return top.write(w)
}

// Uplink gives where one HostUplink stands, or nil where there is none of the name.
func (s *Status) Uplink(name string) *UplinkStatus {
	for i := range s.HostUplinks {
		if s.HostUplinks[i].Name == name {
			return &s.HostUplinks[i]
		}
	}
	return nil
}

// Node gives where one node stands.
func (u *UplinkStatus) Node(name string) (Standing, bool) {
	for _, n := range u.Nodes {
		if n.Node == name {
			return n, true
		}
	}
	return Standing{}, false
}

// Words are progress, reason and message of a node, for people.
func (s Standing) Words() string { return s.words() }
