package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/answer"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/render"
)

// maxNext bounds how many addresses are asked for at once.
const maxNext = 65536

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
			if count < 1 || count > maxNext {
				return usageError(c, "--count %d: ask for 1 to %d addresses", count, maxNext)
			}
			return ask.next(c, args[0], count)
		},
	}
	ask = newAsking(c, std)
	c.Flags().IntVarP(&count, "count", "c", 1, "number of addresses")
	// A pool has no namespace, so -n is free here, and is how a number is usually written.
	c.Flags().IntVarP(&count, "number", "n", 1, "the same as --count")
	c.ValidArgsFunction = first(ask.completing(suggestPools))
	return c
}

func (a *asking) next(c *cobra.Command, name string, count int) error {
	from, err := a.open()
	if err != nil {
		return err
	}
	known, pool, err := poolOf(c, from, name)
	if err != nil {
		return err
	}
	if pool.Problem != nil {
		return found("AddressPool %s gives out nothing: %s", name, pool.Problem)
	}
	leases, err := from.Leases(c.Context(), cluster.Is(cluster.FieldSegment, pool.Segment.String()))
	if err != nil {
		return err
	}
	inUse, err := usedByNodes(c.Context(), from, known, pool)
	if err != nil {
		return err
	}
	next := known.Next(pool, leases, inUse, count)
	for _, addr := range next {
		if _, err := fmt.Fprintln(a.std.out, addr); err != nil {
			return err
		}
	}
	if len(next) < count {
		return found("AddressPool %s has %d free addresses of the %d that were asked for", name, len(next), count)
	}
	return nil
}

// usedByNodes gives the addresses that nodes use on the segment of a pool. Where it cannot be read, the answer says so.
func usedByNodes(ctx context.Context, from *cluster.Cluster, known *answer.Declared, pool *render.Pool) ([]netip.Addr, error) {
	const missing = "addresses that nodes use are not passed over here, as the controller does"
	states, _, err := from.NodeStates(ctx)
	if err := from.Optional(err, missing); err != nil {
		return nil, err
	}
	nodes, err := from.Nodes(ctx)
	if err := from.Optional(err, missing); err != nil {
		return nil, err
	}
	return known.InUse(pool, nodes, states), nil
}

// poolOf reads a pool with what else is declared: other pools of its segment keep addresses to themselves, too.
func poolOf(c *cobra.Command, from *cluster.Cluster, name string) (*answer.Declared, *render.Pool, error) {
	pools, err := from.Pools(c.Context())
	if err != nil {
		return nil, nil, err
	}
	known, err := declared(c.Context(), from, pools)
	if err != nil {
		return nil, nil, err
	}
	pool, ok := known.Pools.Pool(name)
	if !ok {
		return nil, nil, found("there is no AddressPool %q", name)
	}
	return known, pool, nil
}
