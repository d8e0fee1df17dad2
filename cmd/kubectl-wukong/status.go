package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
)

// statusFlags are those of the command status.
type statusFlags struct {
	*inspecting
	all, watch, wait, grouping, conditions bool
	selector                               string
	timeout                                time.Duration
}

func newStatus(std streams) *cobra.Command {
	var f *statusFlags
	c := &cobra.Command{
		Use:   "status [WUKONG]",
		Short: "Say where Wukongs stand: addresses, hosts, machine and guest, and what is wrong",
		Long: `Prints a tree: each Wukong with its networks and addresses, the AddressLeases, the HostNetworks with their uplinks and nodes, the
machine and the guest. Nodes that stand at the same place share a line; those with a problem have their own, with the one line
that says what is wrong. Wukongs that are Ready, with nothing amiss, have one line where several are shown; --grouping=false
shows all lines. The last line names the command to go on with. WUKONG is the name of a Wukong, or of its VirtualMachine, or
NAMESPACE/NAME.

It shows what you may read. An application team sees its Wukongs, and "not readable with your rights" in the place of the rest.

-w follows changes: on a terminal it draws anew, elsewhere it prints a line for each Wukong whose READY or REASON changes.
--wait ends when every Wukong is Ready, and at once when one needs a person.

With -f it works on files, such as those of kubectl wukong report, or of kubectl get -o yaml.

Exit codes: 0 all are Ready; 1 some are not, or there is none; 2 wrong usage or input that cannot be read; 3 the cluster cannot be
reached, does not have the kinds, or refuses the rights; 124 --wait has waited for --timeout.`,
		Example: `  kubectl wukong status
  kubectl wukong status web -n team-a
  kubectl wukong status -A -o wide
  kubectl wukong status web -n team-a --wait --timeout 2m`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(c, "write at most one argument, the name of a Wukong; there are %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, strings.Join(args, "")) },
	}
	f = &statusFlags{inspecting: newInspecting(c, std, outputTable, outputWide, outputJSON, outputYAML, outputName)}
	f.withTables(c)
	flags := c.Flags()
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "Wukongs of all namespaces")
	flags.StringVarP(&f.selector, "selector", "l", "", "Wukongs with these labels, such as app=web")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on and show changes")
	flags.BoolVar(&f.wait, "wait", false, "wait until every Wukong is Ready")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "with --wait: how long to wait; 0 is for ever")
	flags.BoolVar(&f.grouping, "grouping", true, "have nodes that stand at the same place share a line")
	flags.BoolVar(&f.conditions, "show-conditions", false, "show every condition of Wukongs, too")
	return c
}

func (f *statusFlags) run(c *cobra.Command, arg string) error {
	if err := f.check(c); err != nil {
		return err
	}
	switch {
	case c.Flags().Changed("timeout") && !f.wait:
		return usageError(c, "--timeout says how long --wait waits: write both")
	case f.timeout < 0:
		return usageError(c, "--timeout %s: write how long to wait, such as 2m; 0 is for ever", f.timeout)
	}
	if len(f.files) > 0 && (f.watch || f.wait) {
		return usageError(c, "files do not change: leave -w and --wait out")
	}
	scope, err := f.scope(c, arg)
	if err != nil {
		return err
	}
	if len(f.files) > 0 {
		facts, err := f.fromFiles(scope)
		if err != nil {
			return err
		}
		return f.show(f.view(facts))
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	if f.watch || f.wait {
		return f.follow(c.Context(), from, scope)
	}
	status, err := f.read(c.Context(), from, scope)
	if err != nil {
		return err
	}
	return f.show(status)
}

// scope is which Wukongs the command line means.
func (f *statusFlags) scope(c *cobra.Command, arg string) (cluster.Scope, error) {
	var scope cluster.Scope
	if f.selector != "" {
		selector, err := labels.Parse(f.selector)
		if err != nil {
			return scope, usageError(c, "--selector %q: %w", f.selector, err)
		}
		scope.Labels = selector
	}
	if arg == "" {
		if !f.all {
			scope.Namespace = f.namespace()
		}
		return scope, nil
	}
	if f.all || f.selector != "" {
		return scope, usageError(c, "--all-namespaces and --selector do not go with the name of a Wukong: write NAMESPACE/NAME")
	}
	of, err := parseWukong(c, arg)
	if err != nil {
		return scope, err
	}
	if of.namespace == "" {
		of.namespace = f.namespace()
	}
	return cluster.Scope{Namespace: of.namespace, Name: of.name}, nil
}

// view is the status that the facts give.
func (f *statusFlags) view(facts inspect.Facts) *inspect.Status {
	s := facts.Status()
	s.Ungrouped, s.Conditions = !f.grouping, f.conditions
	return s
}

// read asks the cluster. A name may be that of the machine.
func (f *statusFlags) read(ctx context.Context, from *cluster.Cluster, scope cluster.Scope) (*inspect.Status, error) {
	facts := newInspection(ctx, from)
	wukongs, err := from.WukongsIn(ctx, scope)
	if err != nil {
		return nil, err
	}
	if len(wukongs) == 0 && scope.Name != "" {
		w, err := wukongOf(ctx, from, guestArg{scope.Namespace, scope.Name})
		if err != nil {
			return nil, err
		}
		wukongs = append(wukongs, *w)
	}
	facts.Wukongs = wukongs
	facts.forStatus()
	return f.view(facts.Facts), facts.err
}

// show prints a status. What is not Ready makes the exit code 1.
func (f *statusFlags) show(s *inspect.Status) error {
	if s.Total == 0 {
		return f.nothing(s)
	}
	if err := f.print(s); err != nil {
		return err
	}
	if !s.AllReady() {
		return errFindings
	}
	return nil
}

// nothing says that there is no Wukong, and where else to look. Programs get an empty status.
func (f *statusFlags) nothing(empty *inspect.Status) error {
	if f.structured() {
		if err := f.print(empty); err != nil {
			return err
		}
	}
	scope := ""
	if f.selector != "" {
		scope = " with labels " + f.selector
	}
	if f.all || len(f.files) > 0 {
		return found("there is no Wukong%s", scope)
	}
	return found("namespace %s has no Wukong%s: kubectl wukong status -A shows those of all namespaces", f.namespace(), scope)
}

// follow shows a status again and again. What it waits for, and the end of the time for that, end it.
func (f *statusFlags) follow(ctx context.Context, from *cluster.Cluster, scope cluster.Scope) error {
	outer := ctx
	if f.wait && f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	if err := resolve(ctx, from, &scope); err != nil {
		return err
	}
	screen := &screen{statusFlags: f}
	changes, failure := from.Changes(ctx, scope)
	var last *inspect.Status
	for range changes {
		began := time.Now()
		s, err := f.read(ctx, from, scope)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err != nil {
			break
		}
		last = s
		if done, err := screen.next(s); done || err != nil {
			return err
		}
		settle(ctx, began)
	}
	f.std.progress().Release()
	if err := failure(); err != nil && ctx.Err() == nil {
		return err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && outer.Err() == nil {
		return f.late(last)
	}
	return nil
}

// resolve makes the name of a scope, which may be that of a machine, that of the Wukong.
func resolve(ctx context.Context, from *cluster.Cluster, scope *cluster.Scope) error {
	if scope.Name == "" {
		return nil
	}
	w, err := wukongOf(ctx, from, guestArg{scope.Namespace, scope.Name})
	if err == nil {
		scope.Name = w.Name
	}
	return err
}

// settle lets changes come together: at least for a moment, and longer where reading takes long.
func settle(ctx context.Context, began time.Time) {
	const least = 200 * time.Millisecond
	select {
	case <-ctx.Done():
	case <-time.After(max(least, 4*time.Since(began))):
	}
}

// late says what --wait waited for in vain.
func (f *statusFlags) late(last *inspect.Status) error {
	text := fmt.Sprintf("not ready within %s", f.timeout)
	if last == nil {
		return timedOut{text}
	}
	if !f.watch {
		if err := f.print(last); err != nil {
			return err
		}
	}
	if w := last.NotReady(); w != nil {
		text += ": " + w.Sentence()
	}
	return timedOut{text}
}

// screen is what a following command has shown.
type screen struct {
	*statusFlags
	// drawn is what was printed last, where all of it is printed.
	drawn string
	// shown is where each Wukong stood, where lines are printed.
	shown map[string]string
}

// next shows a status, and says whether there is nothing more to wait for.
func (s *screen) next(status *inspect.Status) (bool, error) {
	if status.Total == 0 && !s.watch {
		return true, s.nothing(status)
	}
	if s.watch {
		s.std.progress().Hold("") // what is drawn says it
		if err := s.draw(status); err != nil {
			return true, err
		}
	}
	if !s.wait || status.Total == 0 {
		return false, nil
	}
	bad := status.Stalled()
	if bad == nil && !status.AllReady() {
		if !s.watch {
			s.std.progress().Hold("waiting for %s", status.NotReady().Sentence())
		}
		return false, nil
	}
	s.std.progress().Release()
	if !s.watch {
		if err := s.print(status); err != nil {
			return true, err
		}
	}
	if bad != nil {
		return true, found("%s", bad.Sentence())
	}
	return true, nil
}

// draw shows all of it on a terminal, and else what changed since it was shown last.
func (s *screen) draw(status *inspect.Status) error {
	const home = "\x1b[H\x1b[2J"
	terminal := isTerminal(s.std.out) && os.Getenv("TERM") != "dumb"
	if whole := s.structured() || s.output == outputName; whole || terminal {
		text, err := s.text(status)
		if err != nil || text == s.drawn {
			return err
		}
		first := s.drawn == ""
		s.drawn = text
		switch {
		case terminal && !whole:
			text = home + text
		case !first:
			return s.printNext(status)
		}
		_, err = io.WriteString(s.std.out, text)
		return err
	}
	before := s.shown
	s.shown = map[string]string{}
	for _, w := range status.Wukongs {
		name := w.Namespace + "/" + w.Name
		s.shown[name] = string(w.Ready) + "/" + w.Reason
		if before[name] == s.shown[name] {
			continue
		}
		if err := status.WriteTransition(s.std.out, w, time.Now(), s.style()); err != nil {
			return err
		}
	}
	for name := range before {
		if _, still := s.shown[name]; !still {
			fmt.Fprintf(s.std.out, "%s  %s  is gone\n", time.Now().UTC().Format(time.RFC3339), name)
		}
	}
	return nil
}
