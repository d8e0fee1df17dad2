package main

import (
	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
)

func newHostPause(std streams) *cobra.Command {
	return newPausing(std, true, "pause", "Stop every change of hosts by a HostUplink",
		`Sets spec.paused of a HostUplink: no further node moves, and what is under way goes on. No other field is changed.`)
}

func newHostResume(std streams) *cobra.Command {
	return newPausing(std, false, "resume", "Let a paused HostUplink go on",
		`Takes spec.paused of a HostUplink back: nodes move again. No other field is changed.`)
}

func newPausing(std streams, paused bool, verb, short, long string) *cobra.Command {
	var ask *steering
	c := &cobra.Command{
		Use:   verb + " HOSTUPLINK",
		Short: short,
		Long: long + `

Where a pipeline keeps the HostUplink in Git, it sets the field back to what Git says: change it there as well.

Exit codes: 0 done, or it was so already; 1 there is no such HostUplink; 2 wrong usage; 3 the cluster cannot be reached, does not
have the kinds, or refuses the rights.`,
		Example: "  kubectl wukong host " + verb + " workers",
		Args:    oneArg("the name of a HostUplink"),
		RunE:    func(c *cobra.Command, args []string) error { return ask.pause(c, args[0], paused) },
	}
	ask = newSteering(c, std)
	return c
}

func (s *steering) pause(c *cobra.Command, name string, paused bool) error {
	from, uplink, err := s.reach(c, name)
	if err != nil {
		return err
	}
	state := map[bool]string{true: "is paused", false: "is not paused"}[paused]
	if uplink.Spec.Paused == paused {
		return s.say("HostUplink %s %s: nothing was changed", name, state)
	}
	if err := from.PauseUplink(c.Context(), uplink, paused, cluster.DryRun(s.dryRun)); err != nil {
		return err
	}
	s.note("a pipeline that keeps HostUplink %s in Git sets spec.paused back to what Git says: change it there as well", name)
	if paused {
		return s.say("HostUplink %s is paused: no further node moves, what is under way goes on%s", name, s.tried())
	}
	return s.say("HostUplink %s goes on%s", name, s.tried())
}
