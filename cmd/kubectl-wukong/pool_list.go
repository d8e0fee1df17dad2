package main

import (
	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/query/answer"
)

func newPoolList(std streams) *cobra.Command {
	var ask *asking
	c := &cobra.Command{
		Use:   "list",
		Short: "List pools with how full they are",
		Long: `Lists AddressPools with the numbers of their status: how many addresses each may give out, how many are used, wait for their
holder, rest after their release, and are free.

Exit codes: 0 done; 1 nothing found; 2 wrong usage; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong pool list
  kubectl wukong pool list -o wide`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return ask.pools(c) },
	}
	ask = newAsking(c, std, outputTable, outputWide, outputJSON, outputYAML, outputName)
	ask.withTables(c)
	ask.viaManager(c)
	return c
}

func (a *asking) pools(c *cobra.Command) error {
	if err := a.check(c); err != nil {
		return err
	}
	from, err := a.answering(true)
	if err != nil {
		return err
	}
	pools, err := from.Pools(c.Context())
	if err != nil {
		return err
	}
	switch {
	case a.structured():
		err = answer.Structured(a.std.out, a.output, pools)
	case a.output == outputName:
		err = pools.WriteNames(a.std.out)
	case len(pools.Items) > 0:
		err = pools.Table(a.form().Wide).Write(a.std.out, a.form())
	}
	if err == nil && len(pools.Items) == 0 {
		return found("there is no AddressPool")
	}
	return err
}
