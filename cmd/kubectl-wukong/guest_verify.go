package main

import (
	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/query/answer"
)

func newGuestVerify(std streams) *cobra.Command {
	var ask *guestAsking
	c := &cobra.Command{
		Use:   "verify VM",
		Short: "Say whether a guest has what was asked for and delivered",
		Long: `Compares, address by address, what was requested, what was delivered to the guest when its machine started, and what the guest
agent reports. Below the table it says that the guest is in sync, or explains the first difference and what to do. VM is the name
of a Wukong, or that of its VirtualMachine, or NAMESPACE/VM.

Present: the guest has the address. Missing: it does not report it. RestartRequired: the running guest was started with an older
document. Unexpected: nobody asked for it. Unknown, and ? in a cell: that could not be found out.

What was delivered is read from the Secret, if you may. Else its name stands for its content, except for somebody else's machine.

With -f it works on files, such as a copy of what a namespace has: kubectl get wukongs,vm,vmi -o yaml.

Exit codes: 0 the guest is in sync; 1 it is not, or that is not known (it does not run, has no guest agent, waits for a restart),
or there is no such guest; 2 wrong usage or input that cannot be read; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong guest verify web -n team-a
  kubectl wukong guest verify team-a/web -o json`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        oneArg("the name of a Wukong or of its VirtualMachine"),
		RunE:        func(c *cobra.Command, args []string) error { return ask.verify(c, args[0]) },
	}
	ask = newGuestAsking(c, std, outputTable, outputJSON, outputYAML)
	ask.withTables(c)
	ask.instance = true
	return c
}

func (g *guestAsking) verify(c *cobra.Command, arg string) error {
	if err := g.check(c); err != nil {
		return err
	}
	facts, err := g.facts(c, arg, "")
	if err != nil {
		return err
	}
	verification, err := facts.Verify()
	if err != nil {
		return found("Wukong %s/%s: %s", facts.Wukong.Namespace, facts.Wukong.Name, err)
	}
	if g.structured() {
		err = answer.Structured(g.std.out, g.output, verification)
	} else {
		err = verification.Write(g.std.out, g.form())
	}
	if err == nil && !verification.InSync() {
		return errFindings
	}
	return err
}
