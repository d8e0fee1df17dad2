package main

import (
	"errors"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/guests"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// outputText is the usual form of answers that are documents.
const outputText = "text"

// guestShowFlags are the flags of guest show.
type guestShowFlags struct {
	*guestAsking
	netplan, userData bool
	uplink            string
}

func newGuestShow(std streams) *cobra.Command {
	var flags guestShowFlags
	c := &cobra.Command{
		Use:   "show VM",
		Short: "Print what a guest is told: network data and user data, without secrets",
		Long: `Prints what cloud-init in a guest is told at the next start of its machine: the network data and the user data. Passwords and
their hashes are hidden. VM is the name of a Wukong, or that of its VirtualMachine, or NAMESPACE/VM.

Whoever may read the Secret of the guest sees what was delivered, and a line where this version would render something else, or
where the running guest has an older document. Others see what is rendered, by the function by which the controller does, from the
Wukong and what its status says was chosen and leased.

--netplan prints the network data as a complete netplan file, --userdata the user data alone. With guestConfig Manual nothing is
delivered: the netplan file is what a person writes into the guest, or types into an appliance.

With -f it works on files. A Wukong without a status is planned as by render: the files need HostUplinks and HostNetworks, or
--uplink stands in for them.

Exit codes: 0 done; 1 there is no such guest, no such document, or it is not known yet; 2 wrong usage or input that cannot be
read; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong guest show web -n team-a
  kubectl wukong guest show team-a/web --netplan
  kubectl wukong guest show appliance -f appliance.yaml --uplink eth1 --netplan`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        oneArg("the name of a Wukong or of its VirtualMachine"),
		RunE:        func(c *cobra.Command, args []string) error { return flags.run(c, args[0]) },
	}
	flags.guestAsking = newGuestAsking(c, std, outputText, outputJSON, outputYAML)
	f := c.Flags()
	f.BoolVar(&flags.netplan, "netplan", false, "print the network data alone, as a complete netplan file")
	f.BoolVar(&flags.userData, "userdata", false, "print the user data alone")
	f.StringVar(&flags.uplink, "uplink", "", "with -f: interface of the hosts that stands in for a HostUplink and a default HostNetwork")
	_ = c.RegisterFlagCompletionFunc("uplink", cobra.NoFileCompletions)
	return c
}

func (f *guestShowFlags) run(c *cobra.Command, arg string) error {
	if err := f.checkFlags(c); err != nil {
		return err
	}
	facts, err := f.facts(c, arg, f.uplink)
	if err != nil {
		return err
	}
	documents, err := facts.Documents()
	if err != nil {
		return found("Wukong %s/%s: %s", facts.Wukong.Namespace, facts.Wukong.Name, err)
	}
	switch {
	case f.structured():
		return answer.Structured(f.std.out, f.output, documents)
	case f.netplan:
		err = documents.WriteNetplan(f.std.out)
	case f.userData:
		err = documents.WriteUserData(f.std.out)
	default:
		err = documents.Write(f.std.out)
	}
	if errors.Is(err, guests.ErrNothing) {
		return found("%s", err)
	}
	return err
}

// checkFlags refuses flags that cannot work, before anything is read.
func (f *guestShowFlags) checkFlags(c *cobra.Command) error {
	if err := f.check(c); err != nil {
		return err
	}
	if f.netplan && f.userData {
		return usageError(c, "write --netplan or --userdata, not both: without either both documents are printed")
	}
	if (f.netplan || f.userData) && f.structured() {
		return usageError(c, "-o %s has every document: leave --netplan and --userdata out", f.output)
	}
	if !c.Flags().Changed("uplink") {
		return nil
	}
	if len(f.files) == 0 {
		return usageError(c, "--uplink stands in for manifests: name files with -f")
	}
	uplink, _ := render.StandIn(f.uplink)
	if problems := manifests.Check("HostUplink", uplink); len(problems) > 0 {
		return usageError(c, "--uplink %q cannot be the name of a network interface: %s", f.uplink, problems[0])
	}
	return nil
}
