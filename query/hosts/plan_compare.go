package hosts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"novasphere.dev/wukong-network/nmstate"
)

// compareHere gives what a node shows otherwise than a state asks for it.
func compareHere(want nmstate.State, have nmstate.Node) []Change {
	var out []Change
	for _, d := range nmstate.Differences(want, have) {
		change := Change{Interface: d.Interface, Action: ActionChange, Message: d.Message}
		entry, listed := want.Lookup(d.Interface)
		there, exists := have.Interface(d.Interface)
		switch {
		case listed && entry.State == nmstate.Absent:
			change.Action, change.Message = ActionRemove, string(there.Type)
		case listed && (!exists || there.State == nmstate.Absent):
			change.Action, change.Message = ActionCreate, shape(entry)
		}
		if !slices.Contains(out, change) {
			out = append(out, change)
		}
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Message, b.Message))
	})
	return out
}

// shape says what a new interface is.
func shape(i nmstate.Interface) string {
	parts := []string{string(i.Type)}
	if i.VLAN != nil {
		parts = []string{fmt.Sprintf("VLAN %d on %s", i.VLAN.ID, i.VLAN.BaseIface)}
	}
	if ports := i.Ports(); len(ports) > 0 {
		parts = append(parts, "port "+strings.Join(ports, ", "))
	}
	if i.MTU != nil {
		parts = append(parts, fmt.Sprintf("mtu %d", *i.MTU))
	}
	return strings.Join(parts, ", ")
}
