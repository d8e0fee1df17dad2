package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
)

// answerTimeout is how long the controller may take to act on an order: it is one write.
const answerTimeout = 30 * time.Second

// maxReason bounds a reason, in bytes: it goes into an event.
const maxReason = 256

// releaseFlags are the flags of the command ip release.
type releaseFlags struct {
	*asking
	segment string
	reason  string
	dryRun  string
	yes     bool
	wait    bool
	timeout time.Duration
}

func newRelease(std streams) *cobra.Command {
	var flags releaseFlags
	c := &cobra.Command{
		Use:   "release ADDRESS --reason TEXT",
		Short: "Free an address that is being released, rests or is reserved",
		Long: `Has the controller free a lease that is Releasing, Cooling or Reserved, at once. Whoever orders this answers for it that no
machine uses the address any more, such as when its node never comes back. The reason is kept in an event.

A lease that is Allocated is not freed: its holder asks for the address. Change or delete the Wukong instead. A lease that
changes between the question and the answer is not freed either.

It is the annotation ` + v1alpha1.FreeAnnotation + ` that gives the order; whoever may patch addressleases may give it.

Exit codes: 0 freed, or free already; 1 refused, or there is no such lease; 2 wrong usage; 3 the cluster cannot be reached or
refuses the rights, or the controller does not answer.`,
		Example: `  kubectl wukong ip release 192.0.2.10 --reason "the node is not coming back"
  kubectl wukong ip release 192.0.2.10 --segment lab.100 --reason "ticket 42" --yes`,
		Args: oneArg("an address"),
		RunE: func(c *cobra.Command, args []string) error { return flags.run(c, args[0]) },
	}
	flags.asking = newAsking(c, std)
	f := c.Flags()
	f.StringVar(&flags.segment, "segment", "", "segment of the lease, where there are several")
	f.StringVar(&flags.reason, "reason", "", "who and why, for people, in one line")
	f.BoolVarP(&flags.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&flags.wait, "wait", true, "wait until the controller has acted")
	f.DurationVar(&flags.timeout, "timeout", answerTimeout, "how long to wait for it")
	addDryRun(c, &flags.dryRun)
	_ = c.RegisterFlagCompletionFunc("segment", flags.completing(suggestSegments))
	c.ValidArgsFunction = first(flags.completing(suggestAddresses))
	return c
}

func (f *releaseFlags) run(c *cobra.Command, text string) error {
	addr, err := parseAddress(c, text)
	if err != nil {
		return err
	}
	if err := f.checkFlags(c); err != nil {
		return err
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	l, err := f.lease(c, from, addr.String())
	if err != nil {
		return err
	}
	if l.Spec.Phase == v1alpha1.LeaseReleased {
		_, err := fmt.Fprintf(f.std.out, "%s is free already\n", place(l))
		return err
	}
	if err := refusal(l); err != nil {
		return err
	}
	if cluster.DryRun(f.dryRun) == cluster.DryRunNone && !f.yes {
		if err := f.confirm(c, l); err != nil {
			return err
		}
	}
	return f.free(c.Context(), from, l)
}

func (f *releaseFlags) checkFlags(c *cobra.Command) error {
	if err := checkDryRun(c, f.dryRun); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(f.reason) == "":
		return usageError(c, "why: write --reason TEXT")
	case len(f.reason) > maxReason || answer.Printable(f.reason) != f.reason:
		return usageError(c, "--reason %q: write one line of at most %d bytes", answer.Printable(f.reason), maxReason)
	case f.timeout <= 0:
		return usageError(c, "--timeout %s: write a positive duration such as 30s, or --wait=false", f.timeout)
	}
	return checkSegment(c, f.segment)
}

// lease finds the one lease that is meant.
func (f *releaseFlags) lease(c *cobra.Command, from *cluster.Cluster, address string) (*v1alpha1.AddressLease, error) {
	terms := []fields.Selector{cluster.Is(cluster.FieldAddress, address)}
	where := ""
	if f.segment != "" {
		terms = append(terms, cluster.Is(cluster.FieldSegment, f.segment))
		where = " on " + f.segment
	}
	leases, err := from.Leases(c.Context(), terms...)
	if err != nil {
		return nil, err
	}
	switch len(leases) {
	case 0:
		return nil, found("there is no lease of %s%s: it is free", address, where)
	case 1:
		return &leases[0], nil
	}
	answer.SortLeases(leases)
	var segments []string
	for _, l := range leases {
		segments = append(segments, l.Spec.Segment)
	}
	return nil, usageError(c, "%s has leases on several segments: write --segment with one of %s", address, strings.Join(segments, ", "))
}

// refusal says why the controller would not free a lease, and what to do instead.
func refusal(l *v1alpha1.AddressLease) error {
	if l.Spec.Phase != v1alpha1.LeaseAllocated || l.Spec.Holder == nil {
		return nil
	}
	h := l.Spec.Holder
	return found("%s is not freed: Wukong %s/%s asks for it on network %s and has it since %s. Take the address off the Wukong (kubectl edit wukong %s -n %s), or delete the Wukong: the address is freed once no machine can use it",
		place(l), h.Namespace, h.Name, h.Network, answer.Since(l), h.Name, h.Namespace)
}

// place is address and segment of a lease.
func place(l *v1alpha1.AddressLease) string { return l.Spec.Address + " on " + l.Spec.Segment }

// had says who has to do with a lease.
func had(l *v1alpha1.AddressLease) string {
	if h := l.Spec.Holder; h != nil {
		return fmt.Sprintf("%s for Wukong %s/%s network %s since %s", l.Spec.Phase, h.Namespace, h.Name, h.Network, answer.Since(l))
	}
	return fmt.Sprintf("%s since %s", l.Spec.Phase, answer.Since(l))
}

// confirm asks a person. Where there is none, the flag --yes has to be given.
func (f *releaseFlags) confirm(c *cobra.Command, l *v1alpha1.AddressLease) error {
	if !isTerminal(f.std.in) {
		return usageError(c, "nobody is there to ask whether to free %s (%s): write --yes", place(l), answer.Printable(had(l)))
	}
	fmt.Fprintf(f.std.err, "%s is %s.\nFree it? You answer for it that no machine uses it any more. [y/N] ", place(l), answer.Printable(had(l)))
	line, err := bufio.NewReader(f.std.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if reply := strings.ToLower(strings.TrimSpace(line)); reply != "y" && reply != "yes" {
		return found("nothing was changed")
	}
	return nil
}

func (f *releaseFlags) free(ctx context.Context, from *cluster.Cluster, l *v1alpha1.AddressLease) error {
	mode := cluster.DryRun(f.dryRun)
	asked, err := from.Free(ctx, l, f.reason, mode)
	if err != nil {
		return err
	}
	if mode != cluster.DryRunNone {
		return f.say("%s would be freed (%s dry run); it is %s", place(l), mode, had(l))
	}
	if !f.wait {
		return f.say("%s: the controller was told to free it; it was %s", place(l), had(l))
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	now, err := from.Answer(ctx, asked)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &cluster.Error{Cause: cluster.Unreachable, Err: err,
			Text: fmt.Sprintf("the controller has not acted on AddressLease %s within %s: does it run? The order stands, as annotation %s", l.Name, f.timeout, v1alpha1.FreeAnnotation)}
	case err != nil:
		return err
	case now.Spec.Phase != v1alpha1.LeaseReleased:
		return found("the controller did not free %s: it is %s", place(l), had(now))
	}
	return f.say("%s is free; it was %s", place(l), had(l))
}

func (f *releaseFlags) say(format string, args ...any) error {
	_, err := fmt.Fprintln(f.std.out, answer.Printable(fmt.Sprintf(format, args...)))
	return err
}
