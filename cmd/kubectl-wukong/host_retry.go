package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

// steering is what commands share that change a HostUplink.
type steering struct {
	*asking
	dryRun string
}

func newSteering(c *cobra.Command, std streams, formats ...string) *steering {
	s := &steering{asking: newAsking(c, std, formats...)}
	addDryRun(c, &s.dryRun)
	c.ValidArgsFunction = first(s.completing(suggestUplinks))
	return s
}

// reach gives the cluster and the HostUplink that is to be changed, once the flags are checked.
func (s *steering) reach(c *cobra.Command, name string) (*cluster.Cluster, *v1alpha1.HostUplink, error) {
	if err := errors.Join(s.check(c), checkDryRun(c, s.dryRun)); err != nil {
		return nil, nil, err
	}
	from, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	uplink, err := from.Uplink(c.Context(), name)
	return from, uplink, err
}

func (s *steering) say(format string, args ...any) error {
	_, err := fmt.Fprintln(s.std.out, answer.Printable(fmt.Sprintf(format, args...)))
	return err
}

// tried ends what is said about a write that was not kept.
func (s *steering) tried() string {
	if mode := cluster.DryRun(s.dryRun); mode != cluster.DryRunNone {
		return fmt.Sprintf(" (%s dry run: nothing was changed)", mode)
	}
	return ""
}

func newHostRetry(std streams) *cobra.Command {
	var ask *steering
	var all bool
	c := &cobra.Command{
		Use:   "retry HOSTUPLINK NODE...|--all",
		Short: "Have nodes that gave up try again now",
		Long: `Has the controller ask nodes that gave up to carry out their revision once more, at once instead of after a while. Nodes that
did not give up are refused, and then nothing is changed.

It is the annotation ` + v1alpha1.RetryAnnotation + ` that gives the order. The controller takes it off when it has acted.

Exit codes: 0 ordered; 1 a node has not given up, or there is no such HostUplink; 2 wrong usage; 3 the cluster cannot be reached,
does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong host retry workers node-b
  kubectl wukong host retry workers --all`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usageError(c, "write the name of a HostUplink, and nodes or --all")
			case len(args) == 1 && !all:
				return usageError(c, "write which nodes of HostUplink %s shall try again, or --all", args[0])
			case len(args) > 1 && all:
				return usageError(c, "write nodes or --all, not both")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return ask.retry(c, args[0], args[1:]) },
	}
	ask = newSteering(c, std)
	c.Flags().BoolVar(&all, "all", false, "all nodes of the HostUplink that gave up")
	return c
}

// retry asks nodes; none means all that gave up.
func (s *steering) retry(c *cobra.Command, name string, nodes []string) error {
	from, uplink, err := s.reach(c, name)
	if err != nil {
		return err
	}
	w, err := hostWorld(c.Context(), from)
	if err != nil {
		return err
	}
	status := hosts.NewView(w).Status(name, time.Now())
	if status == nil || status.Uplink(name) == nil {
		return found("there is no HostUplink %q", name)
	}
	failed := status.Uplink(name).Failed()
	if len(nodes) == 0 && len(failed) == 0 {
		return found("no node of HostUplink %s gave up, so there is nothing to try again", name)
	}
	for _, node := range nodes {
		if slices.Contains(failed, node) {
			continue
		}
		if at, known := status.Uplink(name).Node(node); known {
			return found("node %s has not given up: it is %s. Nothing was changed", node, at.Words())
		}
		return found("HostUplink %s has nothing to do with a node %s. Nothing was changed", name, node)
	}
	value, who := "*", failed
	if len(nodes) > 0 {
		value, who = withNodes(uplink.Annotations[v1alpha1.RetryAnnotation], nodes), nodes
	}
	if err := from.AnnotateUplink(c.Context(), uplink, v1alpha1.RetryAnnotation, value, cluster.DryRun(s.dryRun)); err != nil {
		return err
	}
	if uplink.Spec.Paused {
		s.note("HostUplink %s is paused: the nodes wait until it is resumed", name)
	}
	return s.say("HostUplink %s: %s shall try again%s", name, strings.Join(who, ", "), s.tried())
}

// withNodes adds nodes to those that an annotation lists already.
func withNodes(value string, nodes []string) string {
	if strings.TrimSpace(value) == "*" {
		return "*"
	}
	out := slices.Clone(nodes)
	for _, name := range strings.Split(value, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ",")
}
