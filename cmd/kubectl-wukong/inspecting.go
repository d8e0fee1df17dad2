package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/guests"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query/hosts"
)

// inspecting is what status, why and events share: they ask a cluster, with whatever rights, or files.
type inspecting struct {
	*showing
	files     []string
	recursive bool
}

func newInspecting(c *cobra.Command, std streams, formats ...string) *inspecting {
	i := &inspecting{showing: newShowing(c, std, formats...)}
	f := c.Flags()
	f.StringArrayVarP(&i.files, "filename", "f", nil, "file, folder (*.yaml, *.yml, *.json) or - for standard input; may be repeated")
	f.BoolVarP(&i.recursive, "recursive", "R", false, "look into the folders of folders, too")
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json")
	c.ValidArgsFunction = first(i.completing(i.suggestWukongs))
	return i
}

// namespace is the one of the flag, or of the context. Files need none.
func (i *inspecting) namespace() string {
	if *i.config.Namespace != "" {
		return *i.config.Namespace
	}
	if len(i.files) > 0 {
		return ""
	}
	namespace, _, err := i.config.ToRawKubeConfigLoader().Namespace()
	if err != nil || namespace == "" {
		return corev1.NamespaceDefault
	}
	return namespace
}

// suggestWukongs completes names of Wukongs.
func (i *inspecting) suggestWukongs(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	all, err := c.Wukongs(ctx, i.namespace())
	var names []string
	for k := range all {
		names = append(names, all[k].Name)
	}
	return names, err
}

// parseWukong reads NAME or NAMESPACE/NAME. The namespace is empty where nothing names one.
func parseWukong(c *cobra.Command, arg string) (guestArg, error) {
	namespace, name, qualified := strings.Cut(arg, "/")
	if arg == "" || strings.Contains(name, "/") {
		return guestArg{}, usageError(c, "%q is no name of a Wukong: write NAME or NAMESPACE/NAME", arg)
	}
	if !qualified {
		namespace, name = "", arg
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return guestArg{}, usageError(c, "%q is no name of a Wukong: %s", name, problems[0])
	}
	if problems := validation.IsDNS1123Label(namespace); qualified && len(problems) > 0 {
		return guestArg{}, usageError(c, "namespace %q: %s", namespace, problems[0])
	}
	return guestArg{namespace, name}, nil
}

// fromFiles gives the facts that files have, with the Wukongs of a scope.
func (i *inspecting) fromFiles(scope cluster.Scope) (inspect.Facts, error) {
	defer i.std.reading(i.files)()
	sources, err := manifests.Finder{Recursive: i.recursive, Stdin: i.std.in}.Find(i.files)
	if err != nil {
		return inspect.Facts{}, err
	}
	reader := manifests.Reader{Namespace: corev1.NamespaceDefault, WithHosts: true}
	set, err := reader.Read(sources)
	if err != nil {
		return inspect.Facts{}, err
	}
	printFindings(i.std.err, set.Findings)
	facts := inspect.Facts{World: hosts.World{Input: set.Input, Hosts: set.Hosts}, Events: set.Events, Unread: sets.New[string]()}
	all := facts.Wukongs
	facts.Wukongs = slices.DeleteFunc(slices.Clone(all), func(w v1alpha1.Wukong) bool { return !inScope(&w, scope, w.Name) })
	if len(facts.Wukongs) == 0 && scope.Name != "" {
		facts.Wukongs = slices.DeleteFunc(slices.Clone(all), func(w v1alpha1.Wukong) bool { return !inScope(&w, scope, guests.MachineName(&w)) })
	}
	if len(facts.Wukongs) == 0 && scope.Name != "" {
		return facts, found("the files have no Wukong %q, and none whose VirtualMachine has that name", scope.Name)
	}
	return facts, nil
}

// inScope says whether a Wukong is asked about, under one of its names.
func inScope(w *v1alpha1.Wukong, scope cluster.Scope, name string) bool {
	return (scope.Namespace == "" || w.Namespace == scope.Namespace) && (scope.Name == "" || name == scope.Name) &&
		(scope.Labels == nil || scope.Labels.Matches(labels.Set(w.Labels)))
}

// inspection reads facts. What the caller may not read is noted, and is no error.
type inspection struct {
	gathering
	inspect.Facts
	from *cluster.Cluster
}

func newInspection(ctx context.Context, from *cluster.Cluster) *inspection {
	return &inspection{gathering: gathering{ctx: ctx}, from: from, Facts: inspect.Facts{Unread: sets.New[string]()}}
}

// may reads objects of a kind that an answer can do without.
func may[T any](g *inspection, kind string, read func(context.Context) (T, error)) T {
	value, missing := attempt(&g.gathering, read)
	if cluster.CauseOf(missing) == cluster.Forbidden {
		g.Unread.Insert(kind)
	}
	return value
}

// forStatus reads what the Wukongs of the facts need.
func (g *inspection) forStatus() {
	g.leases(inspect.LeasesOf(g.Wukongs))
	g.hosts()
}

// hosts reads what platform teams declare about hosts, and the labels of nodes.
func (g *inspection) hosts() {
	g.HostNetworks = may(g, inspect.KindHostNetwork, g.from.HostNetworks)
	g.HostUplinks = may(g, inspect.KindHostUplink, g.from.Uplinks)
	if len(g.HostUplinks) > 0 {
		g.Nodes = may(g, inspect.KindNode, g.from.NodeMetadata)
	}
}

// wukongs are those of a namespace, where "" means all.
func (g *inspection) wukongs(namespace string) func(context.Context) ([]v1alpha1.Wukong, error) {
	return func(ctx context.Context) ([]v1alpha1.Wukong, error) { return g.from.Wukongs(ctx, namespace) }
}

// leasesWith are those that the terms select; none selects all.
func (g *inspection) leasesWith(terms ...fields.Selector) func(context.Context) ([]v1alpha1.AddressLease, error) {
	return func(ctx context.Context) ([]v1alpha1.AddressLease, error) { return g.from.Leases(ctx, terms...) }
}

// leases reads leases by their names, or all of them where that is less work.
func (g *inspection) leases(names []string) {
	const each = 20
	if len(names) > each {
		g.Leases = may(g, inspect.KindLease, g.leasesWith())
		return
	}
	for _, name := range names {
		l, missing := attempt(&g.gathering, func(ctx context.Context) (*v1alpha1.AddressLease, error) { return g.from.Lease(ctx, name) })
		switch {
		case g.err != nil:
			return
		case cluster.CauseOf(missing) == cluster.Forbidden:
			g.Unread.Insert(inspect.KindLease)
			return
		case missing == nil:
			g.Leases = append(g.Leases, *l)
		}
	}
}
