package hosts

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Suggestion is what a platform engineer may start from: which NICs of which nodes could serve as uplinks, and manifests.
type Suggestion struct {
	metav1.TypeMeta `json:",inline"`
	// Nodes are by name, with their NICs by name.
	Nodes []NodeNICs `json:"nodes"`
	// HostUplinks has one for each name of a NIC that could serve and is not declared yet.
	HostUplinks []v1alpha1.HostUplink `json:"hostUplinks"`
	// HostNetworks has what Wukongs ask for by bridgeName, physicalInterface and vlanId, or one per HostUplink where none asks.
	HostNetworks []v1alpha1.HostNetwork `json:"hostNetworks"`
	// Notes are about the manifests, in their order.
	Notes []SuggestionNote `json:"notes,omitempty"`
}

// SuggestionNote says why an object is as it is, or what to decide about it.
type SuggestionNote struct {
	// Object is KIND/NAME, or empty for a note about all.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// NodeNICs are the NICs and bonds of one node.
type NodeNICs struct {
	Node string `json:"node"`
	NICs []NIC  `json:"nics,omitempty"`
	// Message says why nothing is known of its NICs.
	Message string `json:"message,omitempty"`
}

// NIC is a NIC or bond of a node, and what it could be.
type NIC struct {
	Name string                `json:"name"`
	Type nmstate.InterfaceType `json:"type"`
	// Use is what it could serve for.
	Use NICUse `json:"use"`
	// Reason and Message say why it is no candidate, or what it is already.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// NICUse is what a NIC could serve for.
type NICUse string

// Uses of a NIC.
const (
	// UseAny: nothing uses it, so that it can be the port of a bridge and carry VLANs.
	UseAny NICUse = "Any"
	// UseVLANs: it carries traffic of the node, so that it can carry VLANs beside that, and nothing untagged.
	UseVLANs NICUse = "VLANsOnly"
	// UseDeclared: it is the uplink of a HostUplink.
	UseDeclared NICUse = "Declared"
	// UseNone: it cannot serve.
	UseNone NICUse = "None"
)

// Suggest looks at every node, and makes manifests of what it finds and of what Wukongs ask for.
func (v *View) Suggest() *Suggestion {
	s := &Suggestion{TypeMeta: metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "HostSuggestion"},
		Nodes: []NodeNICs{}, HostUplinks: []v1alpha1.HostUplink{}, HostNetworks: []v1alpha1.HostNetwork{}}
	groups := map[string][]string{}
	for _, name := range v.nodeNames() {
		node := v.nics(name)
		s.Nodes = append(s.Nodes, node)
		for _, nic := range node.NICs {
			if nic.Use == UseAny {
				groups[nic.Name] = append(groups[nic.Name], name)
			}
		}
	}
	taken := map[string]bool{}
	for _, u := range v.Catalog.Uplinks() {
		taken[u.Object.Name], taken[string(u.Object.Spec.PhysicalNetwork)] = true, true
	}
	for _, nic := range slices.Sorted(maps.Keys(groups)) {
		s.uplink(v, nic, groups[nic], unused(plainName(nic, maxFabric), taken))
	}
	v.suggestNetworks(s)
	return s
}

// maxFabric bounds a suggested name in characters, so that names made of it stay short.
const maxFabric = 30

func (s *Suggestion) uplink(v *View, nic string, nodes []string, name string) {
	u := v1alpha1.HostUplink{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "HostUplink"},
		ObjectMeta: metav1.ObjectMeta{Name: name}}
	u.Spec.PhysicalNetwork, u.Spec.Interface = v1alpha1.PhysicalNetworkName(name), v1alpha1.InterfaceName(nic)
	all := v.nodeNames()
	if len(nodes) < len(all) {
		u.Spec.NodeSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: corev1.LabelHostname, Operator: metav1.LabelSelectorOpIn, Values: v.hostnames(nodes)}}
	}
	s.HostUplinks = append(s.HostUplinks, u)
	note := func(format string, args ...any) {
		s.Notes = append(s.Notes, SuggestionNote{"HostUplink/" + name, fmt.Sprintf(format, args...)})
	}
	note("%s could serve on %d of %d nodes: %s", nic, len(nodes), len(all), few(nodes))
	note("physicalNetwork: write the name of the fabric that this NIC leads to; NICs of one name may lead to different fabrics, and that cannot be seen from here")
	if len(nodes) < len(all) {
		note("nodeSelector: nodes that come later are not matched: a label that says which nodes have the NIC serves better than their names")
	}
}

// hostnames gives the values of the label kubernetes.io/hostname, which may differ from the names of nodes.
func (v *View) hostnames(nodes []string) []string {
	var out []string
	for _, name := range nodes {
		out = append(out, cmp.Or(v.labelsOf(name)[corev1.LabelHostname], name))
	}
	slices.Sort(out)
	return out
}

// few names some of many.
func few(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// nics judges the NICs and bonds of one node.
func (v *View) nics(name string) NodeNICs {
	out := NodeNICs{Node: name}
	report := v.report(name)
	switch {
	case v.states[name] == nil:
		out.Message = "the node has no NodeNetworkState: check that a handler of kubernetes-nmstate runs there"
		return out
	case !report.Known():
		out.Message = "its NodeNetworkState names no interface that can be used: " + strings.Join(report.Skipped, "; ")
		return out
	}
	candidates := nmstate.Candidates(report)
	for _, i := range report.Interfaces {
		if i.Type != nmstate.Ethernet && i.Type != nmstate.BondType && i.Type != nmstate.Veth || i.State == nmstate.Absent {
			continue
		}
		out.NICs = append(out.NICs, v.nic(name, report, i, slices.Contains(candidates, i.Name)))
	}
	if report.Truncated {
		out.Message = "the NodeNetworkState is larger than what is read, so something may be missing here"
	}
	return out
}

func (v *View) nic(node string, report nmstate.Node, i nmstate.NodeInterface, candidate bool) NIC {
	out := NIC{Name: i.Name, Type: i.Type, Use: UseAny}
	if uplink, found := v.declared(node, i.Name); found {
		out.Use, out.Message = UseDeclared, fmt.Sprintf("it is the uplink of HostUplink %q", uplink)
		return out
	}
	check := nmstate.UplinkCheck{Node: report, Uplink: i.Name, Use: nmstate.AsPort, NodeAddresses: render.NodeAddresses(v.nodes[node])}
	refusal := nmstate.CheckUplink(check)
	switch {
	case candidate && refusal == nil:
		return out
	case refusal != nil:
		out.Reason, out.Message = refusal.Reason, refusal.Message
	default:
		out.Reason, out.Message = v1alpha1.ReasonUplinkCarriesAddress, "what is stacked on it has an address or the default route of the node"
	}
	check.Use = nmstate.AsBase
	out.Use = UseNone
	if nmstate.CheckUplink(check) == nil {
		out.Use = UseVLANs
	}
	return out
}

// declared gives the HostUplink that uses an interface of a node, itself or as a port of its bond.
func (v *View) declared(node, nic string) (string, bool) {
	for _, u := range v.Catalog.Uplinks() {
		if !render.Selects(u.Object, v.labelsOf(node)) {
			continue
		}
		bond := u.Object.Spec.Bond
		if u.Interface == nic || bond != nil && slices.Contains(bond.Ports, v1alpha1.InterfaceName(nic)) {
			return u.Object.Name, true
		}
	}
	return "", false
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// plainName makes a DNS label of at most so many characters of a text.
func plainName(text string, most int) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(name) > most {
		name = strings.Trim(name[:most], "-")
	}
	return cmp.Or(name, "net")
}

// unused gives the name, with a number where it is taken, and takes it.
func unused(name string, taken map[string]bool) string {
	out := name
	for i := 2; taken[out]; i++ {
		out = fmt.Sprintf("%s-%d", name, i)
	}
	taken[out] = true
	return out
}

// Table has one row per NIC of a node.
func (s *Suggestion) Table() answer.Table {
	t := answer.Table{Header: []string{"NODE", "NIC", "TYPE", "COULD SERVE", "REASON", "MESSAGE"}}
	for _, n := range s.Nodes {
		if len(n.NICs) == 0 {
			t.Rows = append(t.Rows, []string{n.Node, "", "", string(UseNone), v1alpha1.ReasonNodeStateMissing, cmp.Or(n.Message, "the node has no NIC")})
		}
		for _, nic := range n.NICs {
			t.Rows = append(t.Rows, []string{n.Node, nic.Name, string(nic.Type), string(nic.Use), nic.Reason, nic.Message})
		}
	}
	return t
}

// WriteManifests prints the manifests as YAML that can be applied, below comments that say what was found.
func (s *Suggestion) WriteManifests(w io.Writer) error {
	var out strings.Builder
	for _, n := range s.Nodes {
		if n.Message != "" {
			out.WriteString(comment(n.Node + ": " + n.Message))
		}
		for _, nic := range n.NICs {
			out.WriteString(comment(fmt.Sprintf("%s: %s: %s", n.Node, nic.Name, nic.words())))
		}
	}
	for _, note := range s.Notes {
		if note.Object == "" {
			out.WriteString(comment(note.Message))
		}
	}
	for i := range s.HostUplinks {
		if err := s.manifest(&out, "HostUplink/"+s.HostUplinks[i].Name, &s.HostUplinks[i]); err != nil {
			return err
		}
	}
	for i := range s.HostNetworks {
		if err := s.manifest(&out, "HostNetwork/"+s.HostNetworks[i].Name, &s.HostNetworks[i]); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// words are for people.
func (n NIC) words() string {
	switch n.Use {
	case UseAny:
		return "could serve"
	case UseVLANs:
		return "could carry VLANs, and nothing untagged: " + n.Message
	case UseDeclared:
		return n.Message
	}
	return "cannot serve: " + n.Message
}

func comment(text string) string { return "# " + line(text) }

func (s *Suggestion) manifest(out *strings.Builder, name string, object any) error {
	out.WriteString("---\n")
	for _, note := range s.Notes {
		if note.Object == name {
			out.WriteString(comment(note.Message))
		}
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	unstructured.RemoveNestedField(content, "spec", "rollout")
	text, err := render.Manifest(content)
	out.Write(text)
	return err
}
