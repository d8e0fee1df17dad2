package hosts

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Status says where hosts stand.
type Status struct {
	metav1.TypeMeta `json:",inline"`
	// Name is that of the HostNetwork or HostUplink that was asked for; empty where all were.
	Name string `json:"name,omitempty"`
	// HostNetworks are those that were asked for, by name; all of them where nothing was.
	HostNetworks []NetworkStatus `json:"hostNetworks"`
	// HostUplinks are those that were asked for, and those that serve the HostNetworks, by name.
	HostUplinks []UplinkStatus `json:"hostUplinks"`
}

// NetworkStatus is where one HostNetwork stands.
type NetworkStatus struct {
	Name        string    `json:"name"`
	Segment     string    `json:"segment,omitempty"`
	Bridge      string    `json:"bridge,omitempty"`
	Condition   Condition `json:"condition"`
	Provisioned bool      `json:"provisioned"`
	Uplinks     []string  `json:"uplinks,omitempty"`
	// Users are the Wukongs that are attached or hold addresses, as namespace/name, sorted.
	Users []string `json:"users,omitempty"`
	// Unused says, where nobody uses it, whether hosts shall have it all the same, and why.
	Unused string `json:"unused,omitempty"`
}

// UplinkStatus is where one HostUplink stands, node by node.
type UplinkStatus struct {
	Name             string    `json:"name"`
	PhysicalNetwork  string    `json:"physicalNetwork"`
	Interface        string    `json:"interface"`
	Condition        Condition `json:"condition"`
	Revision         string    `json:"revision,omitempty"`
	LastGoodRevision string    `json:"lastGoodRevision,omitempty"`
	Networks         []string  `json:"networks,omitempty"`
	Paused           bool      `json:"paused,omitempty"`
	// RolledBack is the revision that an engineer does not want.
	RolledBack string `json:"rolledBack,omitempty"`
	// Stopped says why nodes that wait do not move.
	Stopped string `json:"stopped,omitempty"`
	// Departed are nodes that left the cluster with a revision.
	Departed []string   `json:"departed,omitempty"`
	Nodes    []Standing `json:"nodes"`
}

// Condition is the condition Ready, or what is known without one.
type Condition struct {
	Ready   metav1.ConditionStatus `json:"ready"`
	Reason  string                 `json:"reason,omitempty"`
	Message string                 `json:"message,omitempty"`
}

// conditionOf reads Ready. One of an earlier generation does not speak of what is declared now.
func conditionOf(conditions []metav1.Condition, observed, generation int64, problem *render.Problem) Condition {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready != nil && observed == generation:
		return Condition{ready.Status, ready.Reason, ready.Message}
	case problem != nil:
		return Condition{metav1.ConditionFalse, problem.Reason, problem.String()}
	}
	return Condition{Ready: metav1.ConditionUnknown, Message: "the controller has not looked at it yet"}
}

// words are for people.
func (c Condition) words() string {
	name := map[metav1.ConditionStatus]string{metav1.ConditionTrue: "Ready", metav1.ConditionFalse: "not Ready"}[c.Ready]
	if name == "" {
		name = "not known"
	}
	if c.Reason != "" {
		name += " (" + c.Reason + ")"
	}
	if c.Message != "" {
		name += ": " + c.Message
	}
	return name
}

// Status says where everything stands, or one HostNetwork or HostUplink; nil where there is none of the name. now may be zero:
// then no node is overdue.
func (v *View) Status(name string, now time.Time) *Status {
	s := &Status{TypeMeta: metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "HostStatus"}, Name: name,
		HostNetworks: []NetworkStatus{}, HostUplinks: []UplinkStatus{}}
	needed := sets.New[string]()
	for _, n := range v.Catalog.HostNetworks() {
		if name != "" && n.Object.Name != name {
			continue
		}
		network := v.networkStatus(n)
		needed.Insert(network.Uplinks...)
		s.HostNetworks = append(s.HostNetworks, network)
	}
	for _, u := range v.Catalog.Uplinks() {
		if name == "" || u.Object.Name == name {
			needed.Insert(u.Object.Name)
			if name != "" {
				s.addNetworksOf(v, u.Object)
			}
		}
	}
	for _, u := range v.Catalog.Uplinks() {
		if needed.Has(u.Object.Name) {
			s.HostUplinks = append(s.HostUplinks, v.uplinkStatus(u, now))
		}
	}
	if name != "" && len(s.HostUplinks)+len(s.HostNetworks) == 0 {
		return nil
	}
	return s
}

// addNetworksOf adds what a HostUplink serves.
func (s *Status) addNetworksOf(v *View, u *v1alpha1.HostUplink) {
	for _, n := range v.Catalog.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork == u.Spec.PhysicalNetwork && !slices.ContainsFunc(s.HostNetworks, func(h NetworkStatus) bool { return h.Name == n.Object.Name }) {
			s.HostNetworks = append(s.HostNetworks, v.networkStatus(n))
		}
	}
}

func (v *View) networkStatus(n *render.HostNetwork) NetworkStatus {
	o := n.Object
	out := NetworkStatus{Name: o.Name, Segment: n.SegmentText(), Bridge: n.Bridge, Provisioned: v.inUse.Has(o.Name), Users: v.usersOf(o.Name),
		Condition: conditionOf(o.Status.Conditions, o.Status.ObservedGeneration, o.Generation, n.Problem)}
	if o.Status.Segment != "" {
		out.Segment = o.Status.Segment
	}
	for _, u := range v.Catalog.UplinksOf(o) {
		out.Uplinks = append(out.Uplinks, u.Name)
	}
	if len(out.Users) == 0 {
		out.Unused = unusedNetwork(o, out.Provisioned)
	}
	return out
}

// usersOf are the Wukongs that are bound to a network, or hold addresses of it.
func (v *View) usersOf(network string) []string {
	users := sets.New[string]()
	for i := range v.Wukongs {
		w := &v.Wukongs[i]
		if slices.ContainsFunc(w.Status.Networks, func(n v1alpha1.WukongNetworkStatus) bool { return n.HostNetwork == network }) {
			users.Insert(w.Namespace + "/" + w.Name)
		}
	}
	for i := range v.Leases {
		l := &v.Leases[i].Spec
		if l.HostNetwork == network && l.Holder != nil && (l.Phase == v1alpha1.LeaseAllocated || l.Phase == v1alpha1.LeaseReleasing) {
			users.Insert(l.Holder.Namespace + "/" + l.Holder.Name)
		}
	}
	return sets.List(users)
}

func (v *View) uplinkStatus(u *render.Uplink, now time.Time) UplinkStatus {
	o := u.Object
	out := UplinkStatus{Name: o.Name, PhysicalNetwork: string(o.Spec.PhysicalNetwork), Interface: u.Interface, Revision: o.Status.Revision,
		LastGoodRevision: o.Status.LastGoodRevision, Networks: v.networksIn(u, v.wanted(u)), Paused: o.Spec.Paused,
		RolledBack: o.Annotations[v1alpha1.RollbackAnnotation], Nodes: []Standing{},
		Condition: conditionOf(o.Status.Conditions, o.Status.ObservedGeneration, o.Generation, u.Problem)}
	if wanted := v.wanted(u); out.Revision == "" && len(wanted.Interfaces) > 0 {
		out.Revision = render.PolicyName(o.Name, wanted.Hash())
	}
	for _, d := range o.Status.Departed {
		out.Departed = append(out.Departed, d.Node)
	}
	standings, stopped := v.standings(u, now)
	out.Nodes = append(out.Nodes, standings...)
	if stopped != nil {
		out.Stopped = stopped.Reason + ": " + stopped.Message
	}
	return out
}

// Write prints the tree: HostUplinks, and then HostNetworks that none serves, or that were asked for.
func (s *Status) Write(w io.Writer) error {
	var top tree
	for i := range s.HostUplinks {
		if u := &s.HostUplinks[i]; s.Name == "" || u.Name == s.Name {
			s.uplinkTree(&top, u)
		}
	}
	for i := range s.HostNetworks {
		if n := &s.HostNetworks[i]; n.Name == s.Name || (s.Name == "" && len(n.Uplinks) == 0) {
			s.networkTree(&top, n)
		}
	}
	return top.write(w)
}

func (s *Status) networkTree(top *tree, n *NetworkStatus) {
	t := top.add("HostNetwork "+n.Name, "segment "+n.Segment+", "+n.Bridge, n.Condition.words())
	t.add(n.use())
	for i := range s.HostUplinks {
		if u := &s.HostUplinks[i]; slices.Contains(n.Uplinks, u.Name) {
			below := t.add("HostUplink "+u.Name, u.Interface, u.Condition.words())
			u.describe(below)
			u.nodesTree(below, n.Name)
		}
	}
	if len(n.Uplinks) == 0 {
		t.add("no HostUplink can build it")
	}
}

// use says who uses a network, or what is true of it while nobody does.
func (n *NetworkStatus) use() string {
	if len(n.Users) > 0 {
		return fmt.Sprintf("used by %d: %s", len(n.Users), few(n.Users))
	}
	return "used by nobody, and " + n.Unused
}

// unusedNetwork says why hosts shall have a network that nobody uses, or that they shall not.
func unusedNetwork(n *v1alpha1.HostNetwork, provisioned bool) string {
	switch {
	case !provisioned:
		return "not on hosts"
	case n.Spec.Provision == v1alpha1.ProvisionAlways:
		return "wanted on hosts all the same: provision is Always"
	case n.Spec.ReclaimPolicy == v1alpha1.ReclaimRetain:
		return "kept on hosts: reclaimPolicy is Retain"
	case n.Status.LastUsed != nil && n.Spec.Linger != nil:
		return "still on hosts: linger ends at " + n.Status.LastUsed.Add(n.Spec.Linger.Duration).UTC().Format(time.RFC3339)
	}
	return "still on hosts"
}

func (s *Status) uplinkTree(top *tree, u *UplinkStatus) {
	t := top.add("HostUplink "+u.Name, "fabric "+u.PhysicalNetwork+", "+u.Interface, u.Condition.words())
	u.describe(t)
	for i := range s.HostNetworks {
		if n := &s.HostNetworks[i]; slices.Contains(n.Uplinks, u.Name) {
			t.add("HostNetwork "+n.Name, "segment "+n.Segment+", "+n.Bridge, n.use())
		}
	}
	u.nodesTree(t, "")
}

// describe adds what concerns all nodes.
func (u *UplinkStatus) describe(t *tree) {
	switch {
	case u.Revision == "":
		t.add("no revision: no network is in use")
	case len(u.Networks) == 0:
		t.add("revision " + u.Revision)
	default:
		t.add("revision "+u.Revision, "builds "+few(u.Networks))
	}
	if u.LastGoodRevision != "" && u.LastGoodRevision != u.Revision {
		t.add("last good revision " + u.LastGoodRevision)
	}
	if u.RolledBack != "" {
		t.add("rolled back: " + u.RolledBack + " is not wanted")
	}
	if u.Paused {
		t.add("paused: spec.paused is true, so no node moves")
	}
	if u.Stopped != "" {
		t.add("stopped: " + u.Stopped)
	}
	if len(u.Departed) > 0 {
		t.add("left the cluster with a revision: " + few(u.Departed))
	}
}

// nodesTree adds the nodes with their machines; those of one network where it is given.
func (u *UplinkStatus) nodesTree(t *tree, network string) {
	for _, n := range u.Nodes {
		revision := ""
		if n.Revision != "" && n.Revision != u.Revision {
			revision = "on " + n.Revision
		}
		node := t.add("node "+n.Node, n.words(), revision)
		for _, m := range n.Machines {
			if network == "" || m.HostNetwork == network {
				node.add(m.String(), strings.Join(m.Addresses, ", "))
			}
		}
	}
	if len(u.Nodes) == 0 && u.Revision != "" {
		t.add("its nodeSelector matches no node")
	}
}

// words are progress, reason and message.
func (s Standing) words() string {
	out := string(s.Progress)
	if s.Reason != "" && s.Reason != string(s.Progress) {
		out += " (" + s.Reason + ")"
	}
	if s.Message != "" {
		out += ": " + s.Message
	}
	return out
}

// Troubled gives the names of the nodes of an uplink that failed, or do not answer.
func (u *UplinkStatus) Troubled() []string {
	var out []string
	for _, n := range u.Nodes {
		if n.trouble() {
			out = append(out, n.Node)
		}
	}
	return out
}

// failed says whether a node gave up, so that it can be asked to try again.
func (s Standing) failed() bool { return s.Progress == nmstate.ProgressFailing }

// Failed gives the names of the nodes that gave up.
func (u *UplinkStatus) Failed() []string {
	var out []string
	for _, n := range u.Nodes {
		if n.failed() {
			out = append(out, n.Node)
		}
	}
	return out
}
