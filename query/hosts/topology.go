package hosts

import (
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Topology is what is connected to what: nodes, uplinks, VLANs, bridges, machines and their addresses.
type Topology struct {
	metav1.TypeMeta `json:",inline"`
	// Nodes are by name.
	Nodes []TopologyNode `json:"nodes"`
}

// TopologyNode is a node with the uplinks that its labels or its HostUplinks give it.
type TopologyNode struct {
	Node    string           `json:"node"`
	Uplinks []TopologyUplink `json:"uplinks,omitempty"`
}

// TopologyUplink is the uplink of one HostUplink on a node.
type TopologyUplink struct {
	HostUplink      string `json:"hostUplink"`
	PhysicalNetwork string `json:"physicalNetwork"`
	Interface       string `json:"interface"`
	// Missing says that the node does not report the interface.
	Missing bool `json:"missing,omitempty"`
	// Revision is the policy that the node is on; empty for none.
	Revision string            `json:"revision,omitempty"`
	Networks []TopologyNetwork `json:"networks,omitempty"`
}

// TopologyNetwork is a HostNetwork as a node has it.
type TopologyNetwork struct {
	HostNetwork string `json:"hostNetwork"`
	Segment     string `json:"segment"`
	// Interface is what machines attach to: the bridge, or the base of MACVTAPs, or the NIC of virtual functions.
	Interface string `json:"interface"`
	// Below are the interfaces between that and the uplink, from the top down, such as the VLAN.
	Below []string `json:"below,omitempty"`
	// Missing says that the node does not report the interface although its revision builds it.
	Missing  bool      `json:"missing,omitempty"`
	Machines []Machine `json:"machines,omitempty"`
}

// Topology gives what is connected to what on the nodes, or on one of them, or nil where there is none of the name. Nodes
// without any uplink are left out unless they are asked for.
func (v *View) Topology(node string) *Topology {
	t := &Topology{TypeMeta: metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "HostTopology"}, Nodes: []TopologyNode{}}
	for _, name := range v.nodeNames() {
		if node != "" && name != node {
			continue
		}
		n := TopologyNode{Node: name}
		for _, u := range v.Catalog.Uplinks() {
			if uplink, there := v.topologyUplink(name, u); there {
				n.Uplinks = append(n.Uplinks, uplink)
			}
		}
		if node != "" || len(n.Uplinks) > 0 {
			t.Nodes = append(t.Nodes, n)
		}
	}
	if node != "" && len(t.Nodes) == 0 {
		return nil
	}
	return t
}

// topologyUplink is false where the uplink has nothing to do with the node, or an older one has it.
func (v *View) topologyUplink(node string, u *render.Uplink) (TopologyUplink, bool) {
	held := v.marksOf(node, u.Object.Name).Held()
	if held == "" && (v.olderOn(node, u) != nil || !render.Selects(u.Object, v.labelsOf(node))) {
		return TopologyUplink{}, false
	}
	report := v.report(node)
	out := TopologyUplink{HostUplink: u.Object.Name, PhysicalNetwork: string(u.Object.Spec.PhysicalNetwork), Interface: u.Interface,
		Missing: missing(report, u.Interface)}
	had, known := v.revisionOf(u.Object.Name, held)
	if held != "" {
		out.Revision = render.PolicyName(u.Object.Name, held)
	}
	if u.External() {
		out.Revision = u.Object.Spec.ExternalPolicy
		had, known = v.observed(u, node)
	}
	for _, n := range v.Catalog.HostNetworks() {
		if n.Object.Spec.PhysicalNetwork != u.Object.Spec.PhysicalNetwork {
			continue
		}
		machines := v.attached(node, []string{n.Object.Name})
		carried := known && v.Catalog.Carries(u, n, had)
		if !carried && len(machines) == 0 {
			continue
		}
		top := n.TopInterface(u)
		network := TopologyNetwork{HostNetwork: n.Object.Name, Segment: n.SegmentText(), Interface: top, Missing: missing(report, top), Machines: machines}
		for _, i := range v.Catalog.Interfaces(u, n, had) {
			if i != top && !slices.Contains(u.Interfaces(), i) && !slices.Contains(network.Below, i) {
				network.Below = append(network.Below, i)
			}
		}
		out.Networks = append(out.Networks, network)
	}
	return out, true
}

// observed is what the policy of a pipeline has to build for the networks that the node is labelled with.
func (v *View) observed(u *render.Uplink, node string) (nmstate.State, bool) {
	r, err := v.Catalog.Revision(u.Object, sets.New(v.carriedByLabel(u, node)...))
	if err != nil || r == nil {
		return nmstate.State{}, false
	}
	return r.State, true
}

// missing is false where the node reports nothing, or not all: then it cannot be told.
func missing(report nmstate.Node, name string) bool {
	i, exists := report.Interface(name)
	return report.Known() && !report.Truncated && (!exists || i.State == nmstate.Absent)
}

// Write prints the topology as a tree.
func (t *Topology) Write(w io.Writer) error {
	var top tree
	for _, n := range t.Nodes {
		node := top.add("node " + n.Node)
		for _, u := range n.Uplinks {
			uplink := node.add(u.Interface+mark(u.Missing), "HostUplink "+u.HostUplink, "fabric "+u.PhysicalNetwork, u.Revision)
			for _, net := range u.Networks {
				network := uplink.add(strings.Join(net.path(), " on ")+mark(net.Missing), "HostNetwork "+net.HostNetwork, "segment "+net.Segment)
				for _, m := range net.Machines {
					network.add(m.Namespace+"/"+m.Name, strings.Join(m.Addresses, ", "))
				}
			}
		}
		if len(n.Uplinks) == 0 {
			node.add("no HostUplink selects it")
		}
	}
	return top.write(w)
}

func mark(missing bool) string {
	if missing {
		return " (missing)"
	}
	return ""
}

// path are the interfaces from the one that machines attach to downwards.
func (n TopologyNetwork) path() []string { return append([]string{n.Interface}, n.Below...) }

// graph is the topology as nodes and edges, in a fixed order. Identifiers are numbers, so that no name needs to be one.
type graph struct {
	vertices []vertex
	edges    [][2]int
}

// vertex has lines of text.
type vertex struct {
	kind  string
	lines []string
}

// Kinds of vertices.
const (
	kindFabric  = "fabric"
	kindNode    = "node"
	kindNIC     = "nic"
	kindNetwork = "network"
	kindMachine = "machine"
)

func (g *graph) add(kind string, lines ...string) int {
	var kept []string
	for _, l := range lines {
		if l != "" {
			kept = append(kept, l)
		}
	}
	g.vertices = append(g.vertices, vertex{kind, kept})
	return len(g.vertices) - 1
}

func (g *graph) connect(a, b int) { g.edges = append(g.edges, [2]int{a, b}) }

// graph makes fabrics one vertex each: that is where hosts meet.
func (t *Topology) graph() *graph {
	g := &graph{}
	fabrics := map[string]int{}
	for _, n := range t.Nodes {
		node := g.add(kindNode, n.Node)
		for _, u := range n.Uplinks {
			fabric, known := fabrics[u.PhysicalNetwork]
			if !known {
				fabric = g.add(kindFabric, u.PhysicalNetwork)
				fabrics[u.PhysicalNetwork] = fabric
			}
			nic := g.add(kindNIC, u.Interface+mark(u.Missing), "HostUplink "+u.HostUplink)
			g.connect(fabric, nic)
			g.connect(node, nic)
			for _, net := range u.Networks {
				network := g.add(kindNetwork, strings.Join(net.path(), " on ")+mark(net.Missing), "HostNetwork "+net.HostNetwork, "segment "+net.Segment)
				g.connect(nic, network)
				for _, m := range net.Machines {
					machine := g.add(kindMachine, m.Namespace+"/"+m.Name, strings.Join(m.Addresses, ", "))
					g.connect(network, machine)
				}
			}
		}
	}
	return g
}

// WriteDot prints the topology in the language of Graphviz.
func (t *Topology) WriteDot(w io.Writer) error {
	shapes := map[string]string{kindFabric: "ellipse", kindNode: "box3d", kindNIC: "component", kindNetwork: "box", kindMachine: "note"}
	g := t.graph()
	var out strings.Builder
	out.WriteString("graph hosts {\n  rankdir=LR;\n")
	for i, v := range g.vertices {
		fmt.Fprintf(&out, "  v%d [shape=%s, label=\"%s\"];\n", i, shapes[v.kind], v.label(dotEscape, `\n`))
	}
	for _, e := range g.edges {
		fmt.Fprintf(&out, "  v%d -- v%d;\n", e[0], e[1])
	}
	out.WriteString("}\n")
	_, err := io.WriteString(w, out.String())
	return err
}

// WriteMermaid prints the topology in the language of Mermaid.
func (t *Topology) WriteMermaid(w io.Writer) error {
	shapes := map[string][2]string{kindFabric: {`(["`, `"])`}, kindNode: {`[["`, `"]]`}, kindNIC: {`[/"`, `"/]`}, kindNetwork: {`["`, `"]`}, kindMachine: {`("`, `")`}}
	g := t.graph()
	var out strings.Builder
	out.WriteString("graph LR\n")
	for i, v := range g.vertices {
		fmt.Fprintf(&out, "  v%d%s%s%s\n", i, shapes[v.kind][0], v.label(mermaidEscape, "<br>"), shapes[v.kind][1])
	}
	for _, e := range g.edges {
		fmt.Fprintf(&out, "  v%d --- v%d\n", e[0], e[1])
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (v vertex) label(escape func(string) string, newline string) string {
	var out []string
	for _, l := range v.lines {
		out = append(out, escape(strings.TrimSuffix(line(l), "\n")))
	}
	return strings.Join(out, newline)
}

// dotEscape makes a text one of a quoted label: quotes end it, and a backslash begins a command.
func dotEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
}

// mermaidEscape makes a text one of a quoted label: everything that is not plain is written as the code of its character, so
// that no text can end the label, open a tag or begin Markdown.
func mermaidEscape(text string) string {
	var out strings.Builder
	for _, r := range text {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" -./:,()", r)
		if plain {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "#%d;", r)
		}
	}
	return out.String()
}
