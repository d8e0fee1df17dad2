package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
)

// eventsFlags are those of the command events.
type eventsFlags struct {
	*inspecting
	all, watch bool
	since      time.Duration
}

func newEvents(std streams) *cobra.Command {
	var f *eventsFlags
	c := &cobra.Command{
		Use:   "events [OBJECT]",
		Short: "Print what happened to a Wukong and to all that it needs, in order",
		Long: `Prints one timeline: the events of a Wukong, its machine, its leases, HostNetworks and HostUplinks, the history of the leases, the
last change of every condition, and what the handlers of nodes say about the policies. Clusters forget events after an hour;
the rest stays. OBJECT is what kubectl wukong why takes, apart from reasons. Without one, the Wukongs of the namespace and
their leases are told of; with -A all Wukongs, HostNetworks, HostUplinks, AddressPools and AddressReservations.

It shows what you may read, and says what is missing. -w goes on with what happens. With -f it works on files.

Exit codes: 0 done; 1 nothing happened, or there is nothing of the name; 2 wrong usage or input that cannot be read; 3 the cluster
cannot be reached, does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong events web -n team-a
  kubectl wukong events hostuplink/workers --since 1h
  kubectl wukong events -A -w`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(c, "write at most one argument, an object; there are %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, strings.Join(args, "")) },
	}
	f = &eventsFlags{inspecting: newInspecting(c, std, outputTable, outputWide, outputJSON, outputYAML)}
	f.withTables(c)
	flags := c.Flags()
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "what happened in all namespaces, and to hosts")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on and print what happens")
	flags.DurationVar(&f.since, "since", 0, "only what happened in this time, such as 1h; 0 is all")
	return c
}

func (f *eventsFlags) run(c *cobra.Command, arg string) error {
	if err := f.check(c); err != nil {
		return err
	}
	switch {
	case f.since < 0:
		return usageError(c, "--since %s: write how long ago, such as 1h", f.since)
	case f.all && arg != "":
		return usageError(c, "--all-namespaces does not go with an object")
	case f.watch && len(f.files) > 0:
		return usageError(c, "files do not change: leave -w out")
	}
	var what *object
	if arg != "" {
		parsed, err := parseObject(c, arg)
		if err != nil {
			return err
		}
		if parsed.kind == wukongKind && parsed.namespace == "" {
			parsed.namespace = f.namespace()
		}
		what = &parsed
	}
	if len(f.files) > 0 {
		facts, err := f.fromFiles(f.fileScope(what))
		if err != nil {
			return err
		}
		if what != nil {
			if _, err := explainIn(&facts, *what); err != nil { // there is no such object
				return err
			}
		}
		return f.show(f.timeline(facts, what))
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	if f.watch {
		return f.follow(c.Context(), from, what)
	}
	t, err := f.read(c.Context(), from, what)
	if err != nil {
		return err
	}
	return f.show(t)
}

// fileScope is which Wukongs of files are told of.
func (f *eventsFlags) fileScope(what *object) cluster.Scope {
	switch {
	case what == nil && !f.all:
		return cluster.Scope{Namespace: f.namespace()}
	case what != nil && what.kind == wukongKind:
		return cluster.Scope{Namespace: what.namespace, Name: what.name}
	}
	return cluster.Scope{}
}

// timeline is that of an object, or of all that was read.
func (f *eventsFlags) timeline(facts inspect.Facts, what *object) *inspect.Timeline {
	var since time.Time
	if f.since > 0 {
		since = time.Now().Add(-f.since)
	}
	narrow := narrowed(facts, what, f.all)
	return narrow.Timeline(subjectsOf(narrow, what, f.all), since)
}

// subjectsOf are the objects whose timeline is asked for.
func subjectsOf(facts inspect.Facts, what *object, all bool) []inspect.Subject {
	switch {
	case what == nil && all:
		return facts.Everything()
	case what == nil, what.kind == wukongKind:
		return facts.Subjects()
	case what.kind == "":
		var out []inspect.Subject
		for i := range facts.Leases {
			if facts.Leases[i].Spec.Address == what.addr.String() {
				out = append(out, inspect.Subject{Kind: inspect.KindLease, Name: facts.Leases[i].Name})
			}
		}
		return out
	}
	return []inspect.Subject{{Kind: what.kind, Name: what.name}}
}

// narrowed leaves out the leases and enactments that have nothing to do with an object. Files have all of a cluster.
func narrowed(facts inspect.Facts, what *object, all bool) inspect.Facts {
	relevant := func(policy, node string) bool {
		switch {
		case what == nil:
			return all
		case what.kind == inspect.KindPolicy:
			return policy == what.name
		case what.kind == inspect.KindNode:
			return node == what.name
		case what.kind == inspect.KindHostUplink:
			u := among(facts.HostUplinks, "", what.name)
			return u != nil && slices.Contains([]string{u.Status.Revision, u.Spec.ExternalPolicy}, policy)
		}
		return what.kind == wukongKind && servedBy(facts, policy) || what.kind == inspect.KindHostNetwork
	}
	out := facts
	if what == nil && !all {
		out.HostNetworks, out.HostUplinks = nil, nil
	}
	out.Enactments = nil
	for _, e := range facts.Enactments {
		if relevant(e.Policy(), e.NodeName()) {
			out.Enactments = append(out.Enactments, e)
		}
	}
	if what == nil && !all || what != nil && what.kind == wukongKind {
		names := inspect.LeasesOf(facts.Wukongs)
		out.Leases = slices.DeleteFunc(slices.Clone(facts.Leases), func(l v1alpha1.AddressLease) bool { return !slices.Contains(names, l.Name) })
	}
	return out
}

// servedBy says whether a policy is rolled out for a HostNetwork of one of the Wukongs.
func servedBy(facts inspect.Facts, policy string) bool {
	for _, s := range facts.Subjects() {
		if s.Kind == inspect.KindHostUplink {
			u := among(facts.HostUplinks, "", s.Name)
			if u != nil && slices.Contains([]string{u.Status.Revision, u.Spec.ExternalPolicy}, policy) {
				return true
			}
		}
	}
	return false
}

// read asks the cluster.
func (f *eventsFlags) read(ctx context.Context, from *cluster.Cluster, what *object) (*inspect.Timeline, error) {
	g := newInspection(ctx, from)
	var err error
	if what != nil {
		err = g.history(what)
	} else {
		err = g.everything(f.all, f.namespace())
	}
	if err != nil {
		return nil, err
	}
	return f.timeline(g.Facts, what), nil
}

// show prints a timeline. Nothing is an answer that says so.
func (f *eventsFlags) show(t *inspect.Timeline) error {
	f.sayUnread(t)
	if len(t.Entries) > 0 {
		return f.print(t)
	}
	if f.structured() {
		if err := f.print(t); err != nil {
			return err
		}
	}
	if f.since > 0 {
		return found("nothing is known to have happened within %s", f.since)
	}
	return found("nothing is known to have happened")
}

func (f *eventsFlags) sayUnread(t *inspect.Timeline) {
	if len(t.Unread) > 0 {
		f.note("what these kinds would tell is missing, since you may not read them: %s", strings.Join(t.Unread, ", "))
	}
}

// follow prints what is there, and goes on with what happens.
func (f *eventsFlags) follow(ctx context.Context, from *cluster.Cluster, what *object) error {
	scope := cluster.Scope{}
	switch {
	case what != nil && what.kind == wukongKind:
		scope = cluster.Scope{Namespace: what.namespace, Name: what.name}
		if err := resolve(ctx, from, &scope); err != nil {
			return err
		}
		what.name = scope.Name
	case what == nil && !f.all:
		scope.Namespace = f.namespace()
	}
	changes, failure := from.Changes(ctx, scope)
	var shown *inspect.Timeline
	for range changes {
		began := time.Now()
		t, err := f.read(ctx, from, what)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		if shown == nil {
			f.sayUnread(t)
		}
		if err := f.goOn(t.Since(shown), shown == nil); err != nil {
			return err
		}
		shown = t
		settle(ctx, began)
	}
	if err := failure(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// goOn prints what is new. Heads of tables are printed once; later lines stand below them without regard for their columns.
func (f *eventsFlags) goOn(t *inspect.Timeline, begin bool) error {
	switch {
	case len(t.Entries) == 0:
		return nil
	case begin:
		return f.print(t)
	case f.structured():
		return f.printNext(t)
	}
	s := f.style()
	s.NoHeaders = true
	if err := t.Write(f.std.out, s); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
