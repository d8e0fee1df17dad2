package changes

import (
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// Changes is what would change.
type Changes struct {
	metav1.TypeMeta `json:",inline"`
	// Declared are the objects of our kinds that would be created, changed or deleted, by kind, namespace and name.
	Declared []Declared `json:"declared"`
	// Written are the objects that the controller would then write or drop, by kind, namespace and name.
	Written []Written `json:"written"`
	// Hosts has the HostUplinks on whose nodes something would change; absent where nothing is known of nodes.
	Hosts *hosts.Plan `json:"hosts,omitempty"`
	// Rollouts say in which order nodes would move, by HostUplink.
	Rollouts []Rollout `json:"rollouts,omitempty"`
	// Machines are running machines that would be deleted, or would have it only after a restart.
	Machines []Machine `json:"machines,omitempty"`
	// Addresses are those that would be gained and lost, by segment and address.
	Addresses []AddressChange `json:"addresses,omitempty"`
	// Findings are about what is declared, and about what would become wrong elsewhere.
	Findings []Finding `json:"findings,omitempty"`
}

// Operation is what happens to an object.
type Operation string

// Operations.
const (
	Create Operation = "Create"
	Change Operation = "Change"
	Delete Operation = "Delete"
)

// Input is what is compared.
type Input struct {
	// Before is the cluster, and After is the cluster with the manifests applied.
	Before, After hosts.World
	// Judge knows what nodes would do; nil compares without one.
	Judge hosts.Judge
	// NodesKnown says whether anything is known of nodes.
	NodesKnown bool
}

// Compare says what would change.
func Compare(in Input) (*Changes, error) {
	in.Before.Held, in.After.Held = in.Before.Leases, in.After.Leases
	before, after := hosts.NewView(in.Before), hosts.NewView(in.After)
	was, wasFindings := render.Plan(in.Before.Input)
	planned, findings := render.Plan(in.After.Input)
	was.Policies, planned.Policies = before.Revisions(), after.Revisions()
	c := &Changes{TypeMeta: answer.Report("Changes"), Written: []Written{}, Declared: declared(in.Before.Input, in.After.Input)}
	var err error
	if c.Written, err = written(was, planned, in.After.Input); err != nil {
		return nil, err
	}
	if in.NodesKnown {
		if c.Hosts, err = hostChanges(before, after, in.Judge); err != nil {
			return nil, err
		}
		c.Rollouts = rollouts(c.Hosts, before, after)
	}
	c.Machines = machines(was, planned, in.After)
	c.Addresses = addressChanges(was, planned)
	c.Findings = newFindings(wasFindings, findings, in.After.Sources, in.NodesKnown)
	return c, nil
}

// Any says whether anything would change.
func (c *Changes) Any() bool {
	return len(c.Declared)+len(c.Written)+len(c.Addresses) > 0 || c.Hosts != nil && len(c.Hosts.HostUplinks)+len(c.Hosts.Removed) > 0
}

// hostChanges keeps, of what would become of nodes, what is so because of the manifests.
func hostChanges(before, after *hosts.View, judge hosts.Judge) (*hosts.Plan, error) {
	// Without the judge, which starts a program for each node, it is found out first whether anything differs.
	now, err := before.PlanChange(before, nil)
	if err != nil {
		return nil, err
	}
	then, err := before.PlanChange(after, nil)
	if err != nil {
		return nil, err
	}
	moved := map[string]bool{}
	for _, u := range then.HostUplinks {
		at := slices.IndexFunc(now.HostUplinks, func(o hosts.UplinkPlan) bool { return o.Name == u.Name })
		if moved[u.Name] = at < 0; at >= 0 {
			moved[u.Name] = !same(u, now.HostUplinks[at])
		}
	}
	if judge != nil && slices.ContainsFunc(then.HostUplinks, func(u hosts.UplinkPlan) bool { return moved[u.Name] }) {
		if then, err = before.PlanChange(after, judge); err != nil {
			return nil, err
		}
	}
	then.HostUplinks = slices.DeleteFunc(then.HostUplinks, func(u hosts.UplinkPlan) bool { return !moved[u.Name] })
	return then, nil
}

// same compares two values by what they say in JSON.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
