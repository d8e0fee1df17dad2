package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/hosts"
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
	defer h.std.reading(h.files)()
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

// hostWorld reads what is known about hosts.
func hostWorld(ctx context.Context, from *cluster.Cluster) (hosts.World, error) {
	return query.World(ctx, reading{from})
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
