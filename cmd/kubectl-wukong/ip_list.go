package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
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
	flags.withTables(c)
	flags.viaManager(c)
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
	from, err := f.answering(f.output != outputWide && !f.structured())
	if err != nil {
		return err
	}
	which := query.Leases{Namespace: f.namespace(), Pool: f.pool, Segment: f.segment, Live: len(f.phases) == 0}
	for _, phase := range f.phases {
		which.Phases = append(which.Phases, v1alpha1.LeasePhase(phase))
	}
	list, err := from.List(c.Context(), which)
	if err != nil {
		return err
	}
	if err := f.print(list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
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

func (f *listFlags) print(list *answer.List) error {
	switch f.output {
	case outputJSON, outputYAML:
		return answer.Structured(f.std.out, f.output, list)
	case outputName:
		return list.WriteNames(f.std.out)
	case outputCSV:
		return list.WriteCSV(f.std.out)
	case outputHosts:
		left, err := list.WriteHosts(f.std.out)
		for _, text := range left {
			f.note("%s", text)
		}
		return err
	}
	if len(list.Items) == 0 {
		return nil
	}
	return list.Table(f.form().Wide).Write(f.std.out, f.form())
}
