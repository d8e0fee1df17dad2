package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/nmstatectl"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

func newHostPlan(std streams) *cobra.Command {
	var ask *hostAsking
	var prune bool
	c := &cobra.Command{
		Use:   "plan -f FILE|DIR|- [-f ...]",
		Short: "Say what each node would see change if manifests were applied",
		Long: `Lays manifests over what the cluster has and says, for each node, which interfaces would be made, changed or taken away, which
running machines would feel it, which nodes would be left out and why, and which networks would go. Nothing is changed.

Where the files have Nodes or NodeNetworkStates, no cluster is asked: they are all there is.

What a node would see is worked out by the real nmstatectl, 2.2.51 or newer, from what the node reports: the one on the PATH, or
that of $` + nmstatectl.PathVariable + `. Without it (` + nmstatectl.PathVariable + `=` + nmstatectl.Without + `) kubectl wukong compares by itself, knows fewer properties,
and says so.
Policies with captures are evaluated for each node.

--prune takes the files for all objects there are of each kind that they have any of, as a pipeline that prunes does: see kubectl
wukong diff --help.

Exit codes: 0 every node could get it; 1 a node would be left out or would refuse, a HostUplink cannot be carried out, or there
are findings about the manifests; 2 wrong usage or input that cannot be read; 3 the cluster cannot be reached, does not have the
kinds, or refuses the rights.`,
		Example: `  kubectl wukong host plan -f platform/
  kubectl wukong host plan -f platform/ --prune -o json
  kubectl get nodes,nns -o yaml > nodes.yaml; kubectl wukong host plan -f nodes.yaml -f platform/`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return ask.plan(c, prune) },
	}
	ask = newHostAsking(c, std, outputTree, outputJSON, outputYAML)
	c.Flags().BoolVar(&prune, "prune", false, "what the files lack would be deleted")
	return c
}

func (h *hostAsking) plan(c *cobra.Command, prune bool) error {
	if err := h.check(c); err != nil {
		return err
	}
	if len(h.files) == 0 {
		return usageError(c, "nothing to plan: name files with -f, or -f - for standard input")
	}
	judge, err := h.judge(c.Context())
	if err != nil {
		return err
	}
	given, set, err := h.readFiles()
	if err != nil {
		return err
	}
	before, after, err := h.beforeAndAfter(c.Context(), given, prune)
	if err != nil {
		return err
	}
	h.std.progress().Say("comparing")
	plan, err := before.PlanChange(after, judge)
	h.std.progress().Done()
	if err != nil {
		return err
	}
	_, planned := render.Plan(after.Input)
	findings := slices.Clone(set.Findings)
	for _, f := range planned {
		if _, ours := set.Input.Sources[f.Object]; ours && strings.HasPrefix(f.Object.Kind, "Host") && !strings.HasPrefix(f.Message, "node ") {
			findings = append(findings, set.Locate(f))
		}
	}
	printFindings(h.std.err, findings)
	if h.structured() {
		err = answer.Structured(h.std.out, h.output, plan)
	} else {
		err = plan.Write(h.std.out)
	}
	if err == nil && (plan.Findings() || slices.ContainsFunc(findings, counts)) {
		return errFindings
	}
	return err
}

// judge finds nmstatectl, or says that there is none. An interface that holds a nil pointer would not be nil.
func (h *hostAsking) judge(ctx context.Context) (hosts.Judge, error) {
	found, err := nmstatectl.Find(ctx)
	if err != nil {
		return nil, err
	}
	if found == nil {
		h.note("there is no nmstatectl of version 2.2.51 or newer on the PATH, or in $%s: nodes are compared by kubectl wukong itself, which knows fewer properties", nmstatectl.PathVariable)
		return nil, nil
	}
	return &tellingJudge{Judge: found, progress: h.std.progress()}, nil
}

// beforeAndAfter gives the world without the manifests and with them.
func (h *hostAsking) beforeAndAfter(ctx context.Context, given hosts.World, prune bool) (before, after *hosts.View, err error) {
	if len(given.NodeStates)+len(given.Nodes) > 0 {
		all := hosts.NewView(given)
		return all, all, nil
	}
	from, err := h.open()
	if err != nil {
		return nil, nil, err
	}
	live, err := hostWorld(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	return hosts.NewView(live), hosts.NewView(live.Overlay(given, prune)), nil
}
