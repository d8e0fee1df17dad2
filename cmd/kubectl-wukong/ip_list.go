package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/answer"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
)

// listFlags are the flags of the command ip list.
type listFlags struct {
	*asking
	all     bool
	pool    string
	segment string
	phases  []string
}

func newList(std streams) *cobra.Command {
	var flags listFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List leased addresses",
		Long: `Lists the leases of addresses, by segment and address. Leases belong to no namespace; -n selects those whose holder is in it.
What is left of released addresses is a record and is not listed, unless --phase Released asks for it.

  -o csv    comma separated values with a header, for firewalls and inventories
  -o hosts  a line of a hosts file per address that somebody has: ADDRESS WUKONG.NAMESPACE NETWORK.WUKONG.NAMESPACE, and WUKONG
            alone where no other namespace has one of that name

Exit codes: 0 done; 1 nothing found; 2 wrong usage; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong ip list
  kubectl wukong ip list -n team-a -o wide
  kubectl wukong ip list --segment lab.100 -o csv
  kubectl wukong ip list --phase Cooling --phase Reserved`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        noArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.asking = newAsking(c, std, outputTable, outputWide, outputJSON, outputYAML, outputName, outputCSV, outputHosts)
	f := c.Flags()
	f.BoolVarP(&flags.all, "all-namespaces", "A", false, "of holders in every namespace, which is the default")
	f.StringVar(&flags.pool, "pool", "", "of addresses that were taken from this AddressPool")
	f.StringVar(&flags.segment, "segment", "", "on this segment: a physical network, with .VLAN unless untagged")
	f.StringArrayVar(&flags.phases, "phase", nil, "in this phase: "+strings.Join(phases(), ", ")+"; may be repeated")
	_ = c.RegisterFlagCompletionFunc("pool", flags.completing(suggestPools))
	_ = c.RegisterFlagCompletionFunc("segment", flags.completing(suggestSegments))
	_ = c.RegisterFlagCompletionFunc("phase", cobra.FixedCompletions(phases(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func phases() []string {
	return []string{string(v1alpha1.LeaseAllocated), string(v1alpha1.LeaseReleasing), string(v1alpha1.LeaseCooling),
		string(v1alpha1.LeaseReserved), string(v1alpha1.LeaseReleased)}
}

func (f *listFlags) run(c *cobra.Command) error {
	if err := f.check(c); err != nil {
		return err
	}
	if err := checkSegment(c, f.segment); err != nil {
		return err
	}
	for i, phase := range f.phases {
		known := slices.IndexFunc(phases(), func(p string) bool { return strings.EqualFold(p, phase) })
		if known < 0 {
			return usageError(c, "--phase %q is not known: use %s", phase, strings.Join(phases(), ", "))
		}
		f.phases[i] = phases()[known]
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	leases, err := from.Leases(c.Context(), f.terms()...)
	if err != nil {
		return err
	}
	if len(f.phases) > 1 {
		leases = slices.DeleteFunc(leases, func(l v1alpha1.AddressLease) bool { return !slices.Contains(f.phases, string(l.Spec.Phase)) })
	}
	var nodes answer.Nodes
	if f.output == outputWide {
		wukongs, err := from.Wukongs(c.Context(), f.namespace())
		if err := from.Optional(err, "nodes are not shown"); err != nil {
			return err
		}
		nodes = answer.NodesOf(wukongs)
	}
	if err := f.print(leases, nodes); err != nil {
		return err
	}
	if len(leases) == 0 {
		return found("no lease is as asked for")
	}
	return nil
}

// namespace is that of the flag -n; "" means all.
func (f *listFlags) namespace() string {
	if f.all {
		return ""
	}
	return *f.config.Namespace
}

// terms are what the API server selects by.
func (f *listFlags) terms() []fields.Selector {
	var terms []fields.Selector
	for field, value := range map[string]string{cluster.FieldNamespace: f.namespace(), cluster.FieldPool: f.pool, cluster.FieldSegment: f.segment} {
		if value != "" {
			terms = append(terms, cluster.Is(field, value))
		}
	}
	switch len(f.phases) {
	case 0:
		terms = append(terms, cluster.IsNot(cluster.FieldPhase, string(v1alpha1.LeaseReleased)))
	case 1:
		terms = append(terms, cluster.Is(cluster.FieldPhase, f.phases[0]))
	}
	return terms
}

func (f *listFlags) print(leases []v1alpha1.AddressLease, nodes answer.Nodes) error {
	list := answer.NewList(leases, nodes)
	switch f.output {
	case outputJSON, outputYAML, outputName:
		return answer.Objects(f.std.out, f.output, "AddressLease", leases)
	case outputCSV:
		return list.WriteCSV(f.std.out)
	case outputHosts:
		left, err := list.WriteHosts(f.std.out)
		for _, text := range left {
			f.note("%s", text)
		}
		return err
	}
	if len(leases) == 0 {
		return nil
	}
	return list.Table(f.output == outputWide).Write(f.std.out)
}
