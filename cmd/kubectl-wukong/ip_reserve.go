package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// reserveFlags are the flags of the command ip reserve.
type reserveFlags struct {
	*asking
	segment string
	pool    string
	reason  string
	holder  string
	name    string
	dryRun  string
}

func newReserve(std streams) *cobra.Command {
	var flags reserveFlags
	c := &cobra.Command{
		Use:   "reserve ADDRESS|RANGE --segment SEGMENT|--pool POOL --reason TEXT",
		Short: "Keep addresses back, for good or for one machine to come",
		Long: `Creates an AddressReservation, which keeps an address, a range (192.0.2.10-192.0.2.19) or a prefix (192.0.2.64/28) out of use,
or with --for keeps it for one Wukong that may not exist yet. Whoever has one of the addresses already keeps it, and is named.

Reservations are intent and belong into Git: --dry-run=client -o yaml prints the manifest. The same addresses on the same
segment always get the same name, unless --name gives another one.

Exit codes: 0 done, or reserved just so before; 1 the cluster refuses it, or has another reservation of that name; 2 wrong usage;
3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong ip reserve 192.0.2.20-192.0.2.29 --segment lab --reason "printers, 2nd floor"
  kubectl wukong ip reserve 192.0.2.10 --pool office --for team-a/web/lan --reason "moves in on Monday"
  kubectl wukong ip reserve 192.0.2.10 --segment lab.100 --reason router --dry-run=client -o yaml`,
		Args: oneArg("an address, a range or a prefix"),
		RunE: func(c *cobra.Command, args []string) error { return flags.run(c, args[0]) },
	}
	flags.asking = newAsking(c, std, outputTable, outputJSON, outputYAML, outputName)
	f := c.Flags()
	f.StringVar(&flags.segment, "segment", "", "segment of the addresses: a physical network, with .VLAN unless untagged")
	f.StringVar(&flags.pool, "pool", "", "AddressPool whose segment it is; the addresses must be in its subnet")
	f.StringVar(&flags.reason, "reason", "", "why, for people, in one line")
	f.StringVar(&flags.holder, "for", "", "NAMESPACE/WUKONG or NAMESPACE/WUKONG/NETWORK that may have them")
	f.StringVar(&flags.name, "name", "", "name of the AddressReservation")
	addDryRun(c, &flags.dryRun)
	c.MarkFlagsMutuallyExclusive("segment", "pool")
	_ = c.RegisterFlagCompletionFunc("segment", flags.completing(suggestSegments))
	_ = c.RegisterFlagCompletionFunc("pool", flags.completing(suggestPools))
	c.ValidArgsFunction = cobra.NoFileCompletions
	return c
}

// addDryRun adds kubectl's flag. The flag alone means that nothing is sent.
func addDryRun(c *cobra.Command, value *string) {
	c.Flags().StringVar(value, "dry-run", string(cluster.DryRunNone), "none, server (checked there and not kept) or client (not sent)")
	c.Flags().Lookup("dry-run").NoOptDefVal = string(cluster.DryRunClient)
	_ = c.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions(dryRuns(), cobra.ShellCompDirectiveNoFileComp))
}

func dryRuns() []string {
	return []string{string(cluster.DryRunNone), string(cluster.DryRunServer), string(cluster.DryRunClient)}
}

func (f *reserveFlags) run(c *cobra.Command, addresses string) error {
	kept, err := f.checkFlags(c, addresses)
	if err != nil {
		return err
	}
	from, err := f.open()
	if err != nil && (f.mode() != cluster.DryRunClient || f.pool != "") {
		return err
	}
	segment, err := f.segmentOf(c, from, kept)
	if err != nil {
		return err
	}
	holder, err := f.holderOf(c)
	if err != nil {
		return err
	}
	r := answer.NewReservation(f.name, segment, addresses, f.reason, holder)
	if problems := manifests.Check("AddressReservation", r); len(problems) > 0 {
		return usageError(c, "%s", strings.Join(problems, "; "))
	}
	if f.mode() != cluster.DryRunClient {
		f.warn(c.Context(), from, r, kept)
	}
	return f.create(c.Context(), from, r)
}

func (f *reserveFlags) mode() cluster.DryRun { return cluster.DryRun(f.dryRun) }

func (f *reserveFlags) checkFlags(c *cobra.Command, addresses string) (netipx.IPRange, error) {
	kept, err := ipam.ParseRange(addresses)
	if err != nil {
		return kept, usageError(c, "%w", err)
	}
	if err := f.check(c); err != nil {
		return kept, err
	}
	if err := checkDryRun(c, f.dryRun); err != nil {
		return kept, err
	}
	if f.segment == "" && f.pool == "" {
		return kept, usageError(c, "where: write --segment SEGMENT, or --pool POOL for that of a pool")
	}
	if strings.TrimSpace(f.reason) == "" {
		return kept, usageError(c, "why: write --reason TEXT")
	}
	return kept, checkSegment(c, f.segment)
}

func checkDryRun(c *cobra.Command, value string) error {
	for _, known := range dryRuns() {
		if value == known {
			return nil
		}
	}
	return usageError(c, "--dry-run %q is not known: use %s", value, strings.Join(dryRuns(), ", "))
}

// segmentOf gives the segment of the flags.
func (f *reserveFlags) segmentOf(c *cobra.Command, from *cluster.Cluster, kept netipx.IPRange) (v1alpha1.Segment, error) {
	if f.pool == "" {
		return answer.SegmentOf(f.segment)
	}
	pool, err := from.Pool(c.Context(), f.pool)
	if err != nil {
		return v1alpha1.Segment{}, err
	}
	subnet, err := netip.ParsePrefix(string(pool.Spec.Subnet))
	if err != nil || !subnet.Contains(kept.From()) || !subnet.Contains(kept.To()) {
		return v1alpha1.Segment{}, usageError(c, "%s is not in the subnet %s of AddressPool %s: write addresses of it, or --segment instead of --pool",
			kept, pool.Spec.Subnet, pool.Name)
	}
	return pool.Spec.Segment, nil
}

// holderOf reads the flag --for.
func (f *reserveFlags) holderOf(c *cobra.Command) (*v1alpha1.ReservedFor, error) {
	if !c.Flags().Changed("for") {
		return nil, nil
	}
	parts := strings.Split(f.holder, "/")
	const most = 3 // namespace, Wukong, network
	if len(parts) < 2 || len(parts) > most {
		return nil, usageError(c, "--for %q: write NAMESPACE/WUKONG or NAMESPACE/WUKONG/NETWORK", f.holder)
	}
	holder := &v1alpha1.ReservedFor{Namespace: parts[0], Name: parts[1]}
	if len(parts) == most {
		holder.Network = parts[2]
	}
	return holder, nil
}

// warn names who has one of the addresses already. That nobody can be named is no reason not to reserve.
func (f *reserveFlags) warn(ctx context.Context, from *cluster.Cluster, r *v1alpha1.AddressReservation, kept netipx.IPRange) {
	segment := answer.SegmentName(r.Spec.Segment)
	if uplinks, err := from.Uplinks(ctx); err == nil {
		segment = render.NewReservation(render.NewCatalog(uplinks, nil), r).Segment.String()
	}
	leases, err := from.Leases(ctx, cluster.Is(cluster.FieldSegment, segment), cluster.IsNot(cluster.FieldPhase, string(v1alpha1.LeaseReleased)))
	if err != nil {
		f.note("%v: whether somebody has one of the addresses is not known", err)
		return
	}
	answer.SortLeases(leases)
	const most = 5
	held := 0
	for _, l := range leases {
		a, err := netip.ParseAddr(l.Spec.Address)
		if err != nil || !kept.Contains(a) || l.Spec.Holder == nil || keptFor(r.Spec.For, l.Spec.Holder) {
			continue
		}
		if held++; held <= most {
			f.note("%s", answer.Printable(fmt.Sprintf("%s is %s for Wukong %s/%s, whose claim to it does not change", l.Spec.Address, l.Spec.Phase, l.Spec.Holder.Namespace, l.Spec.Holder.Name)))
		}
	}
	if held > most {
		f.note("and %d more of the addresses", held-most)
	}
}

func keptFor(holder *v1alpha1.ReservedFor, h *v1alpha1.LeaseHolder) bool {
	return holder != nil && holder.Namespace == h.Namespace && holder.Name == h.Name && (holder.Network == "" || holder.Network == h.Network)
}

func (f *reserveFlags) create(ctx context.Context, from *cluster.Cluster, r *v1alpha1.AddressReservation) error {
	done := "created" + map[cluster.DryRun]string{cluster.DryRunClient: " (dry run)", cluster.DryRunServer: " (server dry run)"}[f.mode()]
	created := r.DeepCopy()
	if f.mode() != cluster.DryRunClient {
		err := from.Reserve(ctx, created, f.mode())
		if cluster.CauseOf(err) == cluster.Changed {
			there, getErr := from.Reservation(ctx, r.Name)
			if getErr != nil || !answer.SameReservation(there, r) {
				return found("there is another AddressReservation %s already: look at it with kubectl get wkres %s -o yaml, or give this one a --name", r.Name, r.Name)
			}
			done, err = "unchanged", nil
		}
		if err != nil {
			return err
		}
	}
	switch {
	case f.structured():
		// What belongs into Git, not what the API server made of it.
		return answer.Manifest(f.std.out, f.output, r)
	case f.output == outputName:
		done = ""
	}
	_, err := fmt.Fprintln(f.std.out, strings.TrimSpace("addressreservation."+v1alpha1.GroupVersion.Group+"/"+r.Name+" "+done))
	return err
}
