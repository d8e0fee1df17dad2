package changes

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// Rollout is the order in which nodes of a HostUplink would move.
type Rollout struct {
	HostUplink string `json:"hostUplink"`
	// Steps are nodes that would be in transition at a time, if every node does as it is asked. Other HostUplinks take part of
	// what may be in transition, so that it can take more of them.
	Steps [][]string `json:"steps"`
}

func rollouts(plan *hosts.Plan, before, after *hosts.View) []Rollout {
	var out []Rollout
	for i := range plan.HostUplinks {
		u := &plan.HostUplinks[i]
		known, exists := after.Catalog.Uplink(u.Name)
		if !exists {
			known, exists = before.Catalog.Uplink(u.Name)
		}
		if !exists || u.Problem != "" {
			continue
		}
		if steps := u.Steps(known); len(steps) > 0 {
			out = append(out, Rollout{u.Name, steps})
		}
	}
	return out
}

// Machine is a running machine whose manifest would change or go.
type Machine struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Deleted says that it would be deleted, with its disks. Otherwise it goes on, and a restart would change the rest.
	Deleted bool `json:"deleted,omitempty"`
	// AfterRestart says line by line what a restart would change, beyond what it would change anyhow.
	AfterRestart []string `json:"afterRestart,omitempty"`
}

// machines finds the running machines that would go, or whose next start would be another one.
func machines(was, planned render.Output, after hosts.World) []Machine {
	var out []Machine
	for i := range after.Instances {
		vmi := &after.Instances[i]
		if vmi.IsFinal() {
			continue
		}
		now, then := machineOf(was, vmi), machineOf(planned, vmi)
		m := Machine{Namespace: vmi.Namespace, Name: vmi.Name}
		if now != nil && then == nil {
			m.Deleted = !place{"VirtualMachine", vmi.Namespace, now.Labels[v1alpha1.WukongLabel]}.stays(after.Input)
		} else {
			pending := render.Pending(template(now), vmi)
			m.AfterRestart = slices.DeleteFunc(render.Pending(template(then), vmi), func(l string) bool { return slices.Contains(pending, l) })
		}
		if m.Deleted || len(m.AfterRestart) > 0 {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Machine) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// machineOf gives the machine that an instance is of, or nil.
func machineOf(o render.Output, vmi *kubevirtv1.VirtualMachineInstance) *kubevirtv1.VirtualMachine {
	for i := range o.VirtualMachines {
		if vm := &o.VirtualMachines[i]; vm.Namespace == vmi.Namespace && vm.Name == vmi.Name {
			return vm
		}
	}
	return nil
}

func template(vm *kubevirtv1.VirtualMachine) *kubevirtv1.VirtualMachineInstanceTemplateSpec {
	if vm == nil {
		return nil
	}
	return vm.Spec.Template
}

// AddressChange is an address that changes hands.
type AddressChange struct {
	Address string `json:"address"`
	Segment string `json:"segment"`
	// From loses it and To gains it, as NAMESPACE/WUKONG network NETWORK; empty for nobody.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Pool is the AddressPool that it is taken from, or was.
	Pool string `json:"pool,omitempty"`
}

func addressChanges(was, planned render.Output) []AddressChange {
	type key struct{ address, segment string }
	found := map[key]*AddressChange{}
	at := func(l *render.PlannedLease) *AddressChange {
		k := key{l.Address.Addr().String(), l.Segment}
		if found[k] == nil {
			found[k] = &AddressChange{Address: k.address, Segment: k.segment}
		}
		found[k].Pool = l.Pool
		return found[k]
	}
	for i := range was.Leases {
		at(&was.Leases[i]).From = holder(&was.Leases[i])
	}
	for i := range planned.Leases {
		at(&planned.Leases[i]).To = holder(&planned.Leases[i])
	}
	var out []AddressChange
	for _, c := range found {
		if c.From != c.To {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b AddressChange) int { return cmp.Or(cmp.Compare(a.Segment, b.Segment), byAddress(a, b)) })
	return out
}

// byAddress sorts by family and number.
func byAddress(a, b AddressChange) int {
	x, errX := netip.ParseAddr(a.Address)
	y, errY := netip.ParseAddr(b.Address)
	if errX != nil || errY != nil {
		return strings.Compare(a.Address, b.Address)
	}
	return x.Compare(y)
}

func holder(l *render.PlannedLease) string {
	return l.Namespace + "/" + l.Wukong + " network " + l.Network
}

// Finding is something to look at before applying.
type Finding struct {
	Source    string `json:"source,omitempty"`
	Severity  string `json:"severity"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Path      string `json:"path,omitempty"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`

	finding render.Finding
}

// newFindings are those about what is declared, and those that the rest of the cluster does not have yet. Those about single nodes
// are left out where what becomes of nodes is told apart.
func newFindings(was, now []render.Finding, declared map[render.Object]string, nodesKnown bool) []Finding {
	known := map[render.Finding]bool{}
	for _, f := range was {
		known[f] = true
	}
	var out []Finding
	for _, f := range now {
		_, ours := declared[f.Object]
		if !ours && known[f] || nodesKnown && f.Object.Kind == "HostUplink" && strings.HasPrefix(f.Message, "node ") {
			continue
		}
		out = append(out, NewFinding(f))
	}
	return out
}

// NewFinding makes one that can be printed and encoded.
func NewFinding(f render.Finding) Finding {
	return Finding{Source: f.Source, Severity: string(f.Severity), Kind: f.Object.Kind, Namespace: f.Object.Namespace, Name: f.Object.Name,
		Path: f.Path, Reason: f.Reason, Message: f.Message, finding: f}
}

// Rendered is the finding as package render has it.
func (f Finding) Rendered() render.Finding { return f.finding }
