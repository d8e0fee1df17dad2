package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/hosts"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
)

func newHost(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "host",
		Short: "Find uplinks, see what a change does to nodes, watch rollouts and steer them",
		Long: `Answers what concerns hosts: which NICs could serve (suggest), what each node would see change (plan), where each node stands
(status), what is connected to what (topology). It steers rollouts: retry, rollback, pause, resume.

Asking needs the rights of ClusterRole wukong-network-host-reader, steering those of wukong-network-host-operator, too. suggest,
plan, status and topology also work on files alone, such as those of an offline copy of a cluster.

Exit codes: 0 done; 1 findings, nothing found, or less than was asked for; 2 wrong usage or input that cannot be read; 3 the
cluster cannot be reached, does not have the kinds, or refuses the rights.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newHostSuggest(std), newHostStatus(std), newHostPlan(std), newHostTopology(std),
		newHostRetry(std), newHostRollback(std), newHostPause(std), newHostResume(std))
	return c
}

// hostAsking is what commands about hosts share: they ask a cluster, or files, or both.
type hostAsking struct {
	*asking
	files     []string
	recursive bool
}

func newHostAsking(c *cobra.Command, std streams, formats ...string) *hostAsking {
	h := &hostAsking{asking: newAsking(c, std, formats...)}
	f := c.Flags()
	f.StringArrayVarP(&h.files, "filename", "f", nil, "file, folder (*.yaml, *.yml, *.json) or - for standard input; may be repeated")
	f.BoolVarP(&h.recursive, "recursive", "R", false, "look into the folders of folders, too")
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json")
	return h
}

// readFiles reads manifests with what hosts report. Its findings are about objects that the API server would refuse.
func (h *hostAsking) readFiles() (hosts.World, *manifests.Set, error) {
	sources, err := manifests.Finder{Recursive: h.recursive, Stdin: h.std.in}.Find(h.files)
	if err != nil {
		return hosts.World{}, nil, err
	}
	reader := manifests.Reader{Namespace: corev1.NamespaceDefault, WithHosts: true}
	set, err := reader.Read(sources)
	if err != nil {
		return hosts.World{}, nil, err
	}
	w := hosts.World{Input: set.Input, Hosts: set.Hosts}
	return w, set, nil
}

// world is what the command asks about: the files where there are any, and else the cluster. Findings about files are printed.
func (h *hostAsking) world(ctx context.Context) (hosts.World, error) {
	if len(h.files) == 0 {
		from, err := h.open()
		if err != nil {
			return hosts.World{}, err
		}
		return hostWorld(ctx, from)
	}
	w, set, err := h.readFiles()
	if err != nil {
		return w, err
	}
	printFindings(h.std.err, set.Findings)
	if len(w.NodeStates)+len(w.Nodes) == 0 {
		return w, fmt.Errorf("%s: there is no NodeNetworkState and no Node: write kubectl get nodes,nns -o yaml into a file", strings.Join(h.files, ", "))
	}
	return w, nil
}

// hostWorld reads what is known about hosts. Without nodes or what they report there is no answer; what else cannot be read is
// missing from it.
func hostWorld(ctx context.Context, from *cluster.Cluster) (hosts.World, error) {
	var w hosts.World
	var err error
	if w.Nodes, err = from.Nodes(ctx); err != nil {
		return w, err
	}
	if w.HostUplinks, err = from.Uplinks(ctx); err != nil {
		return w, err
	}
	if w.HostNetworks, err = from.HostNetworks(ctx); err != nil {
		return w, err
	}
	if w.NodeStates, w.Reports, err = from.NodeStates(ctx); err != nil {
		return w, err
	}
	if w.Policies, err = from.Policies(ctx); err != nil {
		return w, err
	}
	if w.Enactments, err = from.Enactments(ctx); err != nil {
		return w, err
	}
	return w, addUsers(ctx, from, &w)
}

// addUsers reads what uses hosts.
func addUsers(ctx context.Context, from *cluster.Cluster, w *hosts.World) error {
	var err error
	w.Wukongs, err = from.Wukongs(ctx, "")
	if err = from.Optional(err, "Wukongs are not regarded"); err != nil {
		return err
	}
	w.Instances, err = from.Instances(ctx)
	if err = from.Optional(err, "running machines are not regarded"); err != nil {
		return err
	}
	w.Attachments, err = from.Attachments(ctx)
	if err = from.Optional(err, "running machines are not regarded"); err != nil {
		return err
	}
	w.Leases, err = from.Leases(ctx)
	if err = from.Optional(err, "addresses are not shown"); err != nil {
		return err
	}
	namespaces, err := from.Namespaces(ctx)
	if err = from.Optional(err, "labels of namespaces are not regarded"); err != nil {
		return err
	}
	for _, ns := range namespaces {
		w.Namespaces = append(w.Namespaces, corev1.Namespace{ObjectMeta: ns.ObjectMeta})
	}
	w.NADBridges = bridgesOf(w)
	return nil
}

// bridgesOf gives the bridges of attachments, as package render has them.
func bridgesOf(w *hosts.World) map[string]map[string]string {
	out := map[string]map[string]string{}
	for i := range w.Attachments {
		nad := &w.Attachments[i]
		if bridge := hosts.BridgeOf(nad.Spec.Config); bridge != "" {
			if out[nad.Namespace] == nil {
				out[nad.Namespace] = map[string]string{}
			}
			out[nad.Namespace][nad.Name] = bridge
		}
	}
	return out
}

// suggestUplinks completes names of HostUplinks.
func suggestUplinks(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	uplinks, err := c.Uplinks(ctx)
	var names []string
	for i := range uplinks {
		names = append(names, uplinks[i].Name)
	}
	return names, err
}

// suggestHosts completes names of HostUplinks and HostNetworks.
func suggestHosts(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	names, err := suggestUplinks(ctx, c)
	if err != nil {
		return nil, err
	}
	networks, err := c.HostNetworks(ctx)
	for i := range networks {
		names = append(names, networks[i].Name)
	}
	return names, err
}
