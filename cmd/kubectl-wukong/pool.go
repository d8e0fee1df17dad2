package main

import "github.com/spf13/cobra"

func newPool(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "pool",
		Short: "Say how full pools of addresses are",
		Long: `Says how full AddressPools are, and which of their addresses are free.

Exit codes: 0 done; 1 nothing found; 2 wrong usage; 3 the cluster cannot be reached, does not have the kinds, or refuses the
rights.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPoolList(std), newPoolShow(std))
	return c
}
