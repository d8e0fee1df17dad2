package main

import (
	"github.com/spf13/cobra"
	"net/netip"

	"novasphere.dev/wukong-network/query/answer"
)

func newHistory(std streams) *cobra.Command {
	var ask *asking
	var segment string
	c := &cobra.Command{
		Use:   "history ADDRESS",
		Short: "Show who had an address, newest first",
		Long: `Shows one line for each holder that the leases of an address remember, the present one included: from when, until when, why
it ended, and the MAC address. Segments are shown one after the other, newest first. A lease remembers its last ten holders, and
stays as a record after it was released, for as long as the controller's flag -lease-retention says. -n leaves out addresses whose
present or last holder is in another namespace.

Exit codes: 0 done; 1 nothing found; 2 wrong usage; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong ip history 192.0.2.10
  kubectl wukong ip history 192.0.2.10 --segment lab.100 -o json`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        oneArg("an address"),
		RunE: func(c *cobra.Command, args []string) error {
			addr, err := parseAddress(c, args[0])
			if err != nil {
				return err
			}
			if err := ask.check(c); err != nil {
				return err
			}
			if err := checkNamespace(c, *ask.config.Namespace); err != nil {
				return err
			}
			if err := checkSegment(c, segment); err != nil {
				return err
			}
			return ask.history(c, addr, segment)
		},
	}
	ask = newAsking(c, std, outputTable, outputJSON, outputYAML)
	ask.withTables(c)
	ask.viaManager(c)
	c.Flags().StringVar(&segment, "segment", "", "on this segment alone")
	_ = c.RegisterFlagCompletionFunc("segment", ask.completing(suggestSegments))
	c.ValidArgsFunction = first(ask.completing(suggestAddresses))
	return c
}

func (a *asking) history(c *cobra.Command, addr netip.Addr, segment string) error {
	from, err := a.answering(true)
	if err != nil {
		return err
	}
	history, err := from.History(c.Context(), addr, segment, *a.config.Namespace)
	if err != nil {
		return err
	}
	switch {
	case a.structured():
		err = answer.Structured(a.std.out, a.output, history)
	case len(history.Holdings) > 0:
		err = history.Write(a.std.out, a.form())
	}
	if err == nil && len(history.Holdings) == 0 {
		return found("no lease of %s remembers a holder", addr)
	}
	return err
}
