package hosts

import (
	"fmt"
	"io"
	"strings"
)

// Findings says whether there is something to look at before applying: an uplink that cannot be carried out, or a node that is
// left out or would refuse.
func (p *Plan) Findings() bool {
	for _, u := range p.HostUplinks {
		if u.Problem != "" {
			return true
		}
		for _, n := range u.Nodes {
			if n.Verdict == VerdictLeftOut || n.Verdict == VerdictRefused {
				return true
			}
		}
	}
	return false
}

// Write prints the plan as a tree.
func (p *Plan) Write(w io.Writer) error {
	var top tree
	for i := range p.HostUplinks {
		p.HostUplinks[i].tree(&top)
	}
	for _, n := range p.Removed {
		t := top.add("HostNetwork "+n.Name, "would be deleted")
		if len(n.Users) > 0 {
			t.add(fmt.Sprintf("used by %d: %s: it waits until they are gone", len(n.Users), few(n.Users)))
		}
	}
	if len(top.below) == 0 {
		top.add("nothing would change on any node")
	}
	return top.write(w)
}

func (u *UplinkPlan) tree(top *tree) {
	t := top.add("HostUplink "+u.Name, u.Interface, u.revisions())
	switch {
	case u.Problem != "":
		t.add("cannot be carried out: " + u.Problem)
	case len(u.Networks) > 0:
		t.add("builds " + few(u.Networks))
	}
	if u.External != "" {
		t.add("policy " + u.External + " is applied by a pipeline: kubectl wukong render prints what it should say")
	}
	if u.Removed {
		t.add("would be deleted: it waits while HostNetworks keep networks on its nodes")
	}
	if len(u.Adds) > 0 {
		t.add("new: " + few(u.Adds))
	}
	if len(u.Drops) > 0 {
		t.add("no longer: " + few(u.Drops))
	}
	if u.Paused {
		t.add("paused: no node moves until spec.paused is false")
	}
	for i := range u.Nodes {
		u.Nodes[i].tree(t)
	}
}

func (u *UplinkPlan) revisions() string {
	switch {
	case u.Problem != "", u.External != "": // a pipeline's policy has a name of its own
		return ""
	case u.From == u.To && u.To != "":
		return u.To
	case u.From == "":
		return "none → " + u.To
	case u.To == "":
		return u.From + " → none"
	}
	return u.From + " → " + u.To
}

// signs mark what happens to an interface, as differences of texts are marked.
var signs = map[Action]string{ActionCreate: "+", ActionChange: "~", ActionRemove: "-"}

func (n *NodePlan) tree(t *tree) {
	verdict := map[Verdict]string{VerdictUnchanged: "nothing changes", VerdictUnaffected: "stays as it is", VerdictLeftOut: "left out",
		VerdictRefused: "would refuse", VerdictChanges: plural(len(n.Changes), "interface changes", "interfaces change")}[n.Verdict]
	if n.Reason != "" {
		verdict += " (" + n.Reason + ")"
	}
	if n.Message != "" && n.Verdict != VerdictUnaffected {
		verdict += ": " + n.Message
	}
	node := t.add("node "+n.Node, verdict)
	for _, c := range n.Changes {
		text := signs[c.Action] + " " + c.Interface
		if c.Message != "" && !strings.HasPrefix(c.Message, c.Interface+" ") {
			text += ": " + c.Message
		} else if c.Message != "" {
			text = signs[c.Action] + " " + c.Message
		}
		node.add(text)
	}
	if len(n.Drops) > 0 {
		node.add("would lose " + few(n.Drops))
	}
	for _, m := range n.Machines {
		node.add("running and attached: "+m.String(), strings.Join(m.Addresses, ", "))
	}
}

func plural(count int, one, many string) string {
	if count == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", count, many)
}
