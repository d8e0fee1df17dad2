package main

import (
	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

func newHostSuggest(std streams) *cobra.Command {
	var ask *hostAsking
	c := &cobra.Command{
		Use:   "suggest",
		Short: "Find NICs that could serve, and print manifests to start from",
		Long: `Looks at what every node reports and prints HostUplinks and HostNetworks to start from, as YAML that can be applied. Comments
say, for each NIC of each node, whether it could serve and why not. NICs of one name become one HostUplink for the nodes that have
it free. What Wukongs ask for by bridgeName, physicalInterface and vlanId becomes HostNetworks with these names as aliases.

Nothing is changed. What cannot be seen from a node, such as which fabric a NIC leads to, is for you to correct.

-o table prints the NICs alone, -o json the NICs and the manifests. With -f it works on files, without a cluster.

Exit codes: 0 done; 1 no NIC of any node could serve and nothing is declared; 2 wrong usage or input that cannot be read; 3 the
cluster cannot be reached, does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong host suggest > hosts.yaml
  kubectl wukong host suggest -o table
  kubectl get nodes,nns,wukongs -A -o yaml | kubectl wukong host suggest -f -`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return ask.suggest(c) },
	}
	ask = newHostAsking(c, std, outputYAML, outputJSON, outputTable)
	ask.withTables(c)
	return c
}

func (h *hostAsking) suggest(c *cobra.Command) error {
	if err := h.check(c); err != nil {
		return err
	}
	w, err := h.world(c.Context())
	if err != nil {
		return err
	}
	s := hosts.NewView(w).Suggest()
	switch h.output {
	case outputJSON:
		err = answer.Structured(h.std.out, h.output, s)
	case outputTable:
		err = s.Table().Write(h.std.out, h.form())
	default:
		err = s.WriteManifests(h.std.out)
	}
	if err != nil {
		return err
	}
	if len(s.HostUplinks) == 0 && len(w.HostUplinks) == 0 {
		return found("no NIC of %d nodes could serve as an uplink: free one, or use VLANs on one that carries the node's own traffic", len(s.Nodes))
	}
	return nil
}
