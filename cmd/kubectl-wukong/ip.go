package main

import (
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/ipam"
)

func newIP(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "ip",
		Short: "Ask who has an address, and keep addresses back or free them",
		Long: `Asks the leases of a cluster about addresses, and keeps addresses back or frees them.

Asking needs the rights of ClusterRole wukong-network-address-reader: get, list and watch of the kinds of vm.novasphere.dev, and
get and list of nodes and NodeNetworkStates, which ip next regards.

Exit codes: 0 done; 1 nothing found, or less than was asked for; 2 wrong usage; 3 the cluster cannot be reached, does not have
the kinds, or refuses the rights.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newWho(std), newList(std), newNext(std), newHistory(std), newReserve(std), newRelease(std))
	return c
}

// parseAddress reads an address as people write one: also with the length of its prefix, as a manifest has it.
func parseAddress(c *cobra.Command, text string) (netip.Addr, error) {
	plain, _, _ := strings.Cut(text, "/")
	addr, err := ipam.ParseIP(plain)
	if err != nil {
		return netip.Addr{}, usageError(c, "%w", err)
	}
	return addr, nil
}

// checkNamespace refuses what no namespace is called. Empty means any.
func checkNamespace(c *cobra.Command, namespace string) error {
	if problems := validation.IsDNS1123Label(namespace); namespace != "" && len(problems) > 0 {
		return usageError(c, "namespace %q: %s", namespace, problems[0])
	}
	return nil
}

// checkSegment refuses what no lease can have as its segment. Empty means any.
func checkSegment(c *cobra.Command, segment string) error {
	if segment == "" {
		return nil
	}
	if _, err := ipam.ParseSegment(segment); err != nil {
		return usageError(c, "--segment: %w", err)
	}
	return nil
}
