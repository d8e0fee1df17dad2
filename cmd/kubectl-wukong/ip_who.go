package main

import (
	"cmp"
	"context"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/query/answer"
)

func newWho(std streams) *cobra.Command {
	var ask *asking
	c := &cobra.Command{
		Use:   "who ADDRESS|MAC|VM|NAMESPACE/VM",
		Short: "Say who has an address, since when, and who had it before",
		Long: `Says who has an address, on every segment, since when, what collides with it, and who had it before. For an address that
nobody has a lease of it says what else is known: pools, exclusions, reservations, gateways, DNS servers, guests that report it.

For a MAC address it says which machines have it. For the name of a Wukong or of a VirtualMachine it says which addresses that
has; without a namespace in every namespace, unless -n names one. -n also leaves out who has an address, or a MAC address, in
other namespaces.

Exit codes: 0 somebody has it, or it is spoken for; 1 nobody has it; 2 wrong usage; 3 the cluster cannot be reached, or refuses
the rights.`,
		Example: `  kubectl wukong ip who 192.0.2.10
  kubectl wukong ip who 02:00:00:aa:bb:01 -o wide
  kubectl wukong ip who team-a/web
  kubectl wukong ip who web -n team-a -o json`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        oneArg("an address, a MAC address or a name"),
		RunE:        func(c *cobra.Command, args []string) error { return ask.who(c, args[0]) },
	}
	ask = newAsking(c, std, outputTable, outputWide, outputJSON, outputYAML, outputName)
	ask.withTables(c)
	ask.viaManager(c)
	c.ValidArgsFunction = first(ask.completing(suggestHolders))
	return c
}

func (a *asking) who(c *cobra.Command, query string) error {
	if err := a.check(c); err != nil {
		return err
	}
	ask, err := a.question(c, query)
	if err != nil {
		return err
	}
	from, err := a.answering(a.output != outputWide && !a.structured())
	if err != nil {
		return err
	}
	owners, err := ask(c.Context(), from)
	if err != nil {
		return err
	}
	switch {
	case a.structured():
		err = answer.Structured(a.std.out, a.output, owners)
	case a.output == outputName:
		err = owners.WriteNames(a.std.out)
	default:
		err = owners.Write(a.std.out, a.form())
	}
	if err == nil && !owners.Found() {
		return errFindings
	}
	return err
}

// question finds out what is asked for.
func (a *asking) question(c *cobra.Command, text string) (func(context.Context, answering) (*answer.Owners, error), error) {
	within := *a.config.Namespace
	if err := checkNamespace(c, within); err != nil {
		return nil, err
	}
	if plain, _, _ := strings.Cut(text, "/"); plain != "" {
		if _, err := netip.ParseAddr(plain); err == nil {
			addr, err := parseAddress(c, text)
			return func(ctx context.Context, from answering) (*answer.Owners, error) {
				return from.Address(ctx, addr, within)
			}, err
		}
	}
	if mac, ok := answer.ParseMAC(text); ok {
		return func(ctx context.Context, from answering) (*answer.Owners, error) { return from.MAC(ctx, mac, within) }, nil
	}
	namespace, name, qualified := strings.Cut(text, "/")
	if !qualified {
		namespace, name = within, text
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return nil, usageError(c, "%q is no address, no MAC address and no name: %s", text, problems[0])
	}
	if err := checkNamespace(c, namespace); err != nil || (qualified && namespace == "") {
		return nil, cmp.Or(err, usageError(c, "%q: write NAMESPACE/VM, or VM alone", text))
	}
	return func(ctx context.Context, from answering) (*answer.Owners, error) {
		return from.Machine(ctx, namespace, name)
	}, nil
}
