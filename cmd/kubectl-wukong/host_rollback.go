package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

// rollbackFlags are the flags of the command host rollback.
type rollbackFlags struct {
	*steering
	undo, yes bool
}

func newHostRollback(std streams) *cobra.Command {
	var flags rollbackFlags
	c := &cobra.Command{
		Use:   "rollback HOSTUPLINK",
		Short: "Have nodes go back to the last revision that every node had",
		Long: `Refuses the revision that is being rolled out and has nodes go back to the last good one. Before, it says which nodes go back,
which networks go with that, and which running machines lose a network or feel it. Where a machine would lose a network it asks,
or wants --yes.

What is declared stays as it is. The refusal is about one revision: as soon as something else is declared, that is rolled out.
--undo takes the refusal back. --dry-run only says what would happen.

It is the annotation ` + v1alpha1.RollbackAnnotation + ` that gives the order.

Exit codes: 0 ordered; 1 there is nothing to go back from or to, or no such HostUplink; 2 wrong usage, or --yes is needed; 3 the
cluster cannot be reached, does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong host rollback workers --dry-run
  kubectl wukong host rollback workers --yes
  kubectl wukong host rollback workers --undo`,
		Args: oneArg("the name of a HostUplink"),
		RunE: func(c *cobra.Command, args []string) error { return flags.run(c, args[0]) },
	}
	flags.steering = newSteering(c, std, outputTree, outputJSON, outputYAML)
	c.Flags().BoolVar(&flags.undo, "undo", false, "take the refusal back, so that what is declared is rolled out again")
	c.Flags().BoolVarP(&flags.yes, "yes", "y", false, "go back although running machines lose a network")
	return c
}

func (f *rollbackFlags) run(c *cobra.Command, name string) error {
	from, uplink, err := f.reach(c, name)
	if err != nil {
		return err
	}
	if f.undo {
		return f.takeBack(c, from, uplink)
	}
	w, err := hostWorld(c.Context(), from)
	if err != nil {
		return err
	}
	view := hosts.NewView(w)
	known, exists := view.Catalog.Uplink(name)
	if !exists {
		return found("there is no HostUplink %q", name)
	}
	rollback, err := view.RollbackOf(known)
	if err != nil {
		return found("%v", err)
	}
	if err := f.show(rollback); err != nil {
		return err
	}
	if len(rollback.Cut) > 0 && !f.yes && cluster.DryRun(f.dryRun) == cluster.DryRunNone {
		if err := f.confirm(c, rollback); err != nil {
			return err
		}
	}
	if err := from.AnnotateUplink(c.Context(), uplink, v1alpha1.RollbackAnnotation, rollback.Refused, cluster.DryRun(f.dryRun)); err != nil {
		return err
	}
	if uplink.Spec.Paused {
		f.note("HostUplink %s is paused: no node moves until it is resumed", name)
	}
	if f.structured() {
		return nil
	}
	return f.say("HostUplink %s: %s is refused, nodes go back to %s%s", name, rollback.Refused, rollback.To, f.tried())
}

func (f *rollbackFlags) show(r *hosts.Rollback) error {
	if f.structured() {
		return answer.Structured(f.std.out, f.output, r)
	}
	return r.Write(f.std.out)
}

func (f *rollbackFlags) takeBack(c *cobra.Command, from *cluster.Cluster, u *v1alpha1.HostUplink) error {
	refused := u.Annotations[v1alpha1.RollbackAnnotation]
	if refused == "" {
		return f.say("HostUplink %s is not rolled back: no revision is refused", u.Name)
	}
	if err := from.AnnotateUplink(c.Context(), u, v1alpha1.RollbackAnnotation, "", cluster.DryRun(f.dryRun)); err != nil {
		return err
	}
	return f.say("HostUplink %s: %s is no longer refused: what is declared is rolled out%s", u.Name, refused, f.tried())
}

// confirm asks a person. Where there is none, the flag --yes has to be given.
func (f *rollbackFlags) confirm(c *cobra.Command, r *hosts.Rollback) error {
	machines := fmt.Sprintf("%d running machines would lose a network", len(r.Cut))
	if len(r.Cut) == 1 {
		machines = "1 running machine would lose a network"
	}
	if !isTerminal(f.std.in) {
		return usageError(c, "%s, and nobody is there to ask: write --yes. Nothing was changed", machines)
	}
	fmt.Fprintf(f.std.err, "%s.\nGo back all the same? [y/N] ", machines)
	reply, err := bufio.NewReader(f.std.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if reply = strings.ToLower(strings.TrimSpace(reply)); reply != "y" && reply != "yes" {
		return found("nothing was changed")
	}
	return nil
}
