package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
)

func newNext(std streams) *cobra.Command {
	var ask *asking
	var count int
	c := &cobra.Command{
		Use:   "next POOL",
		Short: "Print the addresses that a pool would give out next",
		Long: `Prints, one a line, the addresses that a pool would give out next as far as leases, reservations, pools and nodes say. Nothing
is held: who asks first gets them. What else is in the way, such as a Service, is known to the controller alone, and it passes
over that.

Exit codes: 0 done; 1 fewer are free than asked for, or there is no such pool; 2 wrong usage; 3 the cluster cannot be reached, or
refuses the rights.`,
		Example: `  kubectl wukong ip next office
  kubectl wukong ip next office -n 5`,
		Args: oneArg("the name of an AddressPool"),
		RunE: func(c *cobra.Command, args []string) error {
			if count < 1 || count > query.MaxNext {
				return usageError(c, "--count %d: ask for 1 to %d addresses", count, query.MaxNext)
			}
			return ask.next(c, args[0], count)
		},
	}
	ask = newAsking(c, std)
	ask.viaManager(c)
	c.Flags().IntVarP(&count, "count", "c", 1, "number of addresses")
	// A pool has no namespace, so -n is free here, and is how a number is usually written.
	c.Flags().IntVarP(&count, "number", "n", 1, "the same as --count")
	c.ValidArgsFunction = first(ask.completing(suggestPools))
	return c
}

func (a *asking) next(c *cobra.Command, name string, count int) error {
	from, err := a.answering(true)
	if err != nil {
		return err
	}
	next, err := from.Next(c.Context(), name, count)
	if err != nil {
		return notFound(err)
	}
	if next.Problem != "" {
		return found("AddressPool %s gives out nothing: %s", name, next.Problem)
	}
	for _, addr := range next.Addresses {
		if _, err := fmt.Fprintln(a.std.out, answer.Printable(addr)); err != nil {
			return err
		}
	}
	if len(next.Addresses) < count {
		return found("AddressPool %s has %d free addresses of the %d that were asked for", name, len(next.Addresses), count)
	}
	return nil
}
