package main

import (
	"time"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

func newHostStatus(std streams) *cobra.Command {
	var ask *hostAsking
	c := &cobra.Command{
		Use:   "status [HOSTNETWORK|HOSTUPLINK]",
		Short: "Say where every node stands, and what is wrong with those that fail",
		Long: `Prints a tree: HostUplinks with their revision and networks, every node with its progress and the one line that says what is
wrong there, and the running machines that are attached. Status objects name at most 32 nodes; here are all of them, worked out
from nodes, their NodeNetworkStates and the enactments of kubernetes-nmstate as the controller works them out.

The name of a HostNetwork shows that network, its users and the HostUplinks that serve it.

With -f it works on files, such as a copy of a cluster that somebody sent.

Exit codes: 0 done; 1 there is nothing of the name, or nothing at all; 2 wrong usage or input that cannot be read; 3 the cluster
cannot be reached, does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong host status
  kubectl wukong host status lab
  kubectl wukong host status workers -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(c, "write at most one argument, the name of a HostNetwork or HostUplink; there are %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return ask.status(c, name)
		},
	}
	ask = newHostAsking(c, std, outputTree, outputJSON, outputYAML)
	ask.viaManager(c)
	c.ValidArgsFunction = first(ask.completing(suggestHosts))
	return c
}

// outputTree is the usual form of answers that are trees.
const outputTree = "tree"

func (h *hostAsking) status(c *cobra.Command, name string) error {
	if err := h.check(c); err != nil {
		return err
	}
	s, err := h.stand(c, name)
	switch {
	case err != nil:
		return notFound(err)
	case h.structured():
		err = answer.Structured(h.std.out, h.output, s)
	case len(s.HostNetworks)+len(s.HostUplinks) > 0:
		err = s.Write(h.std.out)
	}
	if err == nil && len(s.HostNetworks)+len(s.HostUplinks) == 0 {
		return found("there is no HostNetwork and no HostUplink: kubectl wukong host suggest prints some to start from")
	}
	return err
}

// stand says where hosts stand, from files where there are any.
func (h *hostAsking) stand(c *cobra.Command, name string) (*hosts.Status, error) {
	if len(h.files) == 0 {
		from, err := h.answering(false)
		if err != nil {
			return nil, err
		}
		return from.Hosts(c.Context(), name, time.Now())
	}
	if h.manager.URL != "" {
		return nil, usageError(c, "-f has the answer made of files, and --query-server has a manager make it: leave one of them out")
	}
	w, err := h.world(c.Context())
	if err != nil {
		return nil, err
	}
	// A copy of a cluster is as old as it is, so no time is given.
	if s := hosts.NewView(w).Status(name, time.Time{}); s != nil {
		return s, nil
	}
	return nil, found("there is no HostNetwork and no HostUplink %q", name)
}
