package main

import (
	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

// Forms of drawings.
const (
	outputDot     = "dot"
	outputMermaid = "mermaid"
)

func newHostTopology(std streams) *cobra.Command {
	var ask *hostAsking
	c := &cobra.Command{
		Use:   "topology [NODE]",
		Short: "Draw what is connected to what: nodes, uplinks, VLANs, bridges, machines, addresses",
		Long: `Prints, for every node or for one, its uplinks, the networks that its revision builds on them, and the running machines that are
attached, with the addresses that are leased for them or that their guests report. What a revision builds and the node does not
report is marked as missing.

-o dot and -o mermaid draw the same for Graphviz and Mermaid. Every name is escaped, and equal clusters give equal drawings. With
-f it works on files, without a cluster.

Exit codes: 0 done; 1 there is no such node, or no node has an uplink; 2 wrong usage or input that cannot be read; 3 the cluster
cannot be reached, does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong host topology
  kubectl wukong host topology node-a
  kubectl wukong host topology -o dot | dot -Tsvg > hosts.svg`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(c, "write at most one argument, the name of a node; there are %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			node := ""
			if len(args) > 0 {
				node = args[0]
			}
			return ask.topology(c, node)
		},
	}
	ask = newHostAsking(c, std, outputTree, outputDot, outputMermaid, outputJSON, outputYAML)
	return c
}

func (h *hostAsking) topology(c *cobra.Command, node string) error {
	if err := h.check(c); err != nil {
		return err
	}
	w, err := h.world(c.Context())
	if err != nil {
		return err
	}
	t := hosts.NewView(w).Topology(node)
	switch {
	case t == nil:
		return found("there is no node %q", node)
	case h.structured():
		return answer.Structured(h.std.out, h.output, t)
	case len(t.Nodes) == 0:
		return found("no node has an uplink: kubectl wukong host suggest prints HostUplinks to start from")
	case h.output == outputDot:
		return t.WriteDot(h.std.out)
	case h.output == outputMermaid:
		return t.WriteMermaid(h.std.out)
	}
	return t.Write(h.std.out)
}
