package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/checks"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
)

// checkPause is the time between two looks of --wait.
const checkPause = 2 * time.Second

// checkFlags are the flags of the command check.
type checkFlags struct {
	*showing
	pre, wait bool
	timeout   time.Duration
}

func newCheck(std streams) *cobra.Command {
	flags := &checkFlags{}
	c := &cobra.Command{
		Use:   "check",
		Short: "Find out what is wrong with the installation, or in the way of one",
		Long: `Asks the cluster everything that must be so for wukong-network to work, and says for each thing that is not so what it is, what
to run, and where to read on. Nothing is written.

--pre asks what an installation needs, before there is one: the version of Kubernetes, your rights, kubernetes-nmstate on every
node, KubeVirt and Multus, and nobody else who would write the same objects.

√ is as it should be, ‼ is worth a look and in nobody's way, × needs somebody to act, ? could not be found out, mostly for want of
rights: the ClusterRole wukong-network-support has all that it takes. Every check has a section in docs/checks.md.

--wait asks again until nothing has failed any more, and gives up after --timeout. What it waits for goes to standard error. An API
server that answered once may be away for a moment.

Exit codes: 0 nothing failed, 1 something failed or could not be found out, 2 wrong usage, 3 the cluster cannot be reached, 124
--wait gave up.`,
		Example: `  kubectl wukong check --pre
  kubectl apply --server-side -k config/default && kubectl wukong check --wait
  kubectl wukong check -o json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.showing = newShowing(c, std, outputText, outputJSON, outputYAML)
	f := c.Flags()
	f.BoolVar(&flags.pre, "pre", false, "ask what an installation needs, before there is one")
	f.BoolVar(&flags.wait, "wait", false, "ask again until nothing has failed any more")
	f.DurationVar(&flags.timeout, "timeout", 5*time.Minute, "with --wait: how long to ask; 0 is for ever")
	return c
}

func (f *checkFlags) run(c *cobra.Command) error {
	if err := f.check(c); err != nil {
		return err
	}
	switch {
	case c.Flags().Changed("timeout") && !f.wait:
		return usageError(c, "--timeout says how long --wait waits: write both")
	case f.timeout < 0:
		return usageError(c, "--timeout %s: write how long to wait, such as 2m; 0 is for ever", f.timeout)
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	if f.wait {
		f.std.progress().Hold("waiting until nothing fails")
	}
	report, err := f.report(c.Context(), from)
	f.std.progress().Release()
	if err != nil {
		return err
	}
	if err := f.print(report); err != nil {
		return err
	}
	switch {
	case f.wait && report.Failed > 0:
		return timedOut{fmt.Sprintf("%s after %s", report.Summary(), f.timeout)}
	case report.Findings():
		return errFindings
	}
	return nil
}

// report asks, with --wait until nothing has failed any more or the time is over. What is waited for is told whenever it changes.
func (f *checkFlags) report(ctx context.Context, from *cluster.Cluster) (*checks.Report, error) {
	told := ""
	for deadline := time.Now().Add(f.timeout); ; {
		over := func() bool { return !f.wait || f.timeout > 0 && time.Now().Add(checkPause).After(deadline) }
		facts, err := gatherChecks(ctx, from, f.pre)
		// An API server that answered may be away for a moment, as when it is restarted.
		if err != nil && (told == "" || over() || ctx.Err() != nil || cluster.CauseOf(err) != cluster.Unreachable) {
			return nil, err
		}
		var report *checks.Report
		text := fmt.Sprint(err)
		if err == nil {
			report = checks.Decide(facts, answer.ReportVersion)
			text = report.Failures()
		}
		if report != nil && (report.Failed == 0 || over()) {
			return report, nil
		}
		if text != told {
			f.note("waiting: %s", answer.Printable(text))
			told = text
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(checkPause):
		}
	}
}
