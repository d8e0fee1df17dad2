package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/bundle"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/checks"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Bounds of the log of a container. What exceeds the bundle's own bound is cut off at its beginning, which the API server cannot do.
const (
	logLines = 5000
	logBytes = 4 * bundle.MaxFile
)

// reportGathering reads what a bundle holds.
type reportGathering struct {
	bundle.Bundle
	ctx       context.Context
	from      *cluster.Cluster
	namespace string
	server    string
	// nodes are those that HostUplinks select, or that carry our labels.
	nodes map[string]bool
	// machines are those of Wukongs, as NAMESPACE/NAME.
	machines map[string]bool
}

// reported are the kinds without a namespace that are read as they are, by the file that they go into.
var reported = []struct {
	file, kinds string
	kind        schema.GroupVersionKind
}{
	{"objects/hostuplinks.yaml", "HostUplinks", v1alpha1.GroupVersion.WithKind("HostUplink")},
	{"objects/hostnetworks.yaml", "HostNetworks", v1alpha1.GroupVersion.WithKind("HostNetwork")},
	{"objects/addresspools.yaml", "AddressPools", v1alpha1.GroupVersion.WithKind("AddressPool")},
	{"objects/addressreservations.yaml", "AddressReservations", v1alpha1.GroupVersion.WithKind("AddressReservation")},
	{"objects/addressleases.yaml", "AddressLeases", v1alpha1.GroupVersion.WithKind("AddressLease")},
	{"objects/policies.yaml", "NodeNetworkConfigurationPolicies", schema.FromAPIVersionAndKind(render.PolicyAPIVersion, render.PolicyKind)},
}

// gather reads everything. Its error says that the cluster does not answer; what may not be read is noted in the bundle.
func (g *reportGathering) gather() error {
	facts, err := gatherChecks(g.ctx, g.from, false)
	if err != nil {
		return err
	}
	g.server = facts.Server.Value
	if err := g.checks(facts); err != nil {
		return err
	}
	g.concerned(facts)
	for _, k := range reported {
		if err := g.objects(k.file, k.kinds, k.kind, "", nil); err != nil {
			return err
		}
	}
	for _, read := range []func() error{g.hosts, g.guests, g.events, func() error { return g.controller(facts) }} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// checks adds the answer of kubectl wukong check.
func (g *reportGathering) checks(facts *checks.Facts) error {
	report := checks.Decide(facts, answer.ReportVersion)
	var text bytes.Buffer
	if err := report.Write(&text, style.Style{}); err != nil {
		return err
	}
	g.Text("check.txt", text.Bytes())
	list, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	g.Text("check.json", append(list, '\n'))
	return nil
}

// concerned finds the nodes and machines that the rest is about.
func (g *reportGathering) concerned(facts *checks.Facts) {
	g.nodes, g.machines = map[string]bool{}, map[string]bool{}
	for i := range facts.Nodes.Value {
		n := &facts.Nodes.Value[i]
		labelled := slices.ContainsFunc(slices.Collect(maps.Keys(n.Labels)), func(l string) bool {
			return strings.HasPrefix(l, v1alpha1.UplinkLabelPrefix) || strings.HasPrefix(l, v1alpha1.NetworkLabelPrefix)
		})
		selected := slices.ContainsFunc(facts.Uplinks.Value, func(u v1alpha1.HostUplink) bool { return render.Selects(&u, n.Labels) })
		if labelled || selected {
			g.nodes[n.Name] = true
		}
	}
	for i := range facts.Wukongs.Value {
		w := &facts.Wukongs.Value[i]
		name := w.Spec.VirtualMachineName
		if name == "" {
			name = render.VMName(w.Name)
		}
		g.machines[w.Namespace+"/"+name] = true
	}
}

// objects adds the objects of a kind that keep lets through, where nil keeps all. The namespace "" means all of them.
func (g *reportGathering) objects(file, kinds string, kind schema.GroupVersionKind, namespace string, keep func(*unstructured.Unstructured) bool) error {
	all, err := g.from.Raw(g.ctx, kind, kinds, namespace)
	return g.add(file, kinds, all, err, keep)
}

func (g *reportGathering) add(file, kinds string, all []unstructured.Unstructured, err error, keep func(*unstructured.Unstructured) bool) error {
	if cluster.CauseOf(err) == cluster.Unreachable {
		return err
	}
	if err != nil {
		g.Missing(kinds, err.Error())
		return nil
	}
	var kept []map[string]any
	for i := range all {
		if keep == nil || keep(&all[i]) {
			kept = append(kept, all[i].Object)
		}
	}
	g.Objects(file, kept)
	return nil
}

// hosts adds what concerns the nodes.
func (g *reportGathering) hosts() error {
	concerned := func(o *unstructured.Unstructured) bool {
		unstructured.RemoveNestedField(o.Object, "status", "images")
		return g.nodes[o.GetName()]
	}
	if err := g.objects("objects/nodes.yaml", "Nodes", corev1.SchemeGroupVersion.WithKind("Node"), "", concerned); err != nil {
		return err
	}
	if err := g.objects("objects/nodenetworkstates.yaml", "NodeNetworkStates", nmstate.GroupVersion.WithKind("NodeNetworkState"), "", concerned); err != nil {
		return err
	}
	return g.objects("objects/enactments.yaml", "NodeNetworkConfigurationEnactments", nmstate.GroupVersion.WithKind("NodeNetworkConfigurationEnactment"), "",
		func(o *unstructured.Unstructured) bool {
			return g.nodes[o.GetLabels()[nmstate.NodeLabel]]
		})
}

// guests adds Wukongs, their machines, and the attachments of their namespaces.
func (g *reportGathering) guests() error {
	namespaces := map[string]bool{}
	for name := range g.machines {
		namespace, _, _ := strings.Cut(name, "/")
		namespaces[namespace] = true
	}
	machine := func(o *unstructured.Unstructured) bool {
		return g.machines[o.GetNamespace()+"/"+o.GetName()] || o.GetLabels()[v1alpha1.WukongLabel] != ""
	}
	for _, k := range []struct {
		file, kinds string
		kind        schema.GroupVersionKind
		keep        func(*unstructured.Unstructured) bool
	}{
		{"objects/wukongs.yaml", "Wukongs", v1alpha1.GroupVersion.WithKind("Wukong"), nil},
		{"objects/virtualmachines.yaml", "VirtualMachines", kubevirtv1.VirtualMachineGroupVersionKind, machine},
		{"objects/virtualmachineinstances.yaml", "VirtualMachineInstances", kubevirtv1.VirtualMachineInstanceGroupVersionKind, machine},
		{"objects/attachments.yaml", "NetworkAttachmentDefinitions", nadv1.SchemeGroupVersion.WithKind("NetworkAttachmentDefinition"),
			func(o *unstructured.Unstructured) bool { return namespaces[o.GetNamespace()] }},
	} {
		if err := g.objects(k.file, k.kinds, k.kind, g.namespace, k.keep); err != nil {
			return err
		}
	}
	return nil
}

// events adds the events about our kinds, and about machines. Those about objects without a namespace are in one of Kubernetes' choice.
func (g *reportGathering) events() error {
	for _, kind := range []string{"AddressLease", "AddressPool", "AddressReservation", "HostNetwork", "HostUplink", "VirtualMachine", "VirtualMachineInstance", "Wukong"} {
		namespace := ""
		if slices.Contains([]string{"VirtualMachine", "VirtualMachineInstance", "Wukong"}, kind) {
			namespace = g.namespace
		}
		all, err := g.from.RawEvents(g.ctx, kind, namespace)
		if err := g.add("events/"+strings.ToLower(kind)+"s.yaml", "Events about "+kind+"s", all, err, nil); err != nil {
			return err
		}
	}
	return nil
}

// controller adds the controller, its pods and their logs.
func (g *reportGathering) controller(facts *checks.Facts) error {
	ours := func(o *unstructured.Unstructured) bool {
		return o.GetLabels()[cluster.ControllerLabel] == cluster.ControllerName
	}
	if err := g.objects("controller/deployments.yaml", "Deployments", appsv1.SchemeGroupVersion.WithKind("Deployment"), "", ours); err != nil {
		return err
	}
	for _, d := range facts.Controllers() {
		pods, err := g.from.Pods(g.ctx, d.Namespace, selectorOf(d))
		var all []unstructured.Unstructured
		for i := range pods {
			pods[i].APIVersion, pods[i].Kind = "v1", "Pod"
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&pods[i])
			if err != nil {
				return err
			}
			all = append(all, unstructured.Unstructured{Object: content})
		}
		if err := g.add("controller/pods-"+d.Namespace+".yaml", "Pods of "+d.Namespace+"/"+d.Name, all, err, nil); err != nil {
			return err
		}
		for i := range pods {
			g.logs(&pods[i])
		}
	}
	return nil
}

// logs adds the logs of a pod, and those of before the last restart of its containers.
func (g *reportGathering) logs(p *corev1.Pod) {
	for _, container := range p.Spec.Containers {
		restarted := slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container.Name && s.RestartCount > 0 })
		for _, previous := range []bool{false, true} {
			if previous && !restarted {
				continue
			}
			name := fmt.Sprintf("logs/%s/%s/%s.log", p.Namespace, p.Name, container.Name)
			if previous {
				name = strings.TrimSuffix(name, ".log") + ".previous.log"
			}
			text, err := g.from.Log(g.ctx, p.Namespace, p.Name, container.Name, previous, logLines, logBytes)
			if err != nil {
				g.Missing(name, err.Error())
				continue
			}
			g.Text(name, text)
		}
	}
}

// selectorOf gives the selector of a Deployment's pods.
func selectorOf(d *appsv1.Deployment) string {
	if d.Spec.Selector == nil {
		return cluster.ControllerLabel + "=" + cluster.ControllerName
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(d.Spec.Selector.MatchLabels)) {
		out = append(out, key+"="+d.Spec.Selector.MatchLabels[key])
	}
	return strings.Join(out, ",")
}
