package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/answer"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
)

func newWho(std streams) *cobra.Command {
	var ask *asking
	c := &cobra.Command{
		Use:   "who ADDRESS|MAC|VM|NAMESPACE/VM",
		Short: "Say who has an address, since when, and who had it before",
		Long: `Says who has an address, on every segment, since when, what collides with it, and who had it before. For an address that
nobody has a lease of it says what else is known: pools, exclusions, reservations, gateways, DNS servers, guests that report it.

For a MAC address it says which machines have it. For the name of a Wukong or of a VirtualMachine it says which addresses that
has; without a namespace in every namespace, unless -n names one.

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
	from, err := a.open()
	if err != nil {
		return err
	}
	owners, err := ask(c.Context(), &investigation{from: from, wide: a.output == outputWide || a.structured()})
	if err != nil {
		return err
	}
	switch {
	case a.structured():
		err = answer.Structured(a.std.out, a.output, owners)
	case a.output == outputName:
		err = owners.WriteNames(a.std.out)
	default:
		err = owners.Write(a.std.out, a.output == outputWide)
	}
	if err == nil && !owners.Found() {
		return errFindings
	}
	return err
}

// question finds out what is asked for.
func (a *asking) question(c *cobra.Command, query string) (func(context.Context, *investigation) (*answer.Owners, error), error) {
	if plain, _, _ := strings.Cut(query, "/"); plain != "" {
		if _, err := netip.ParseAddr(plain); err == nil {
			addr, err := parseAddress(c, query)
			return func(ctx context.Context, i *investigation) (*answer.Owners, error) { return i.address(ctx, addr) }, err
		}
	}
	if mac, ok := answer.ParseMAC(query); ok {
		return func(ctx context.Context, i *investigation) (*answer.Owners, error) { return i.mac(ctx, mac) }, nil
	}
	namespace, name, qualified := strings.Cut(query, "/")
	if !qualified {
		namespace, name = *a.config.Namespace, query
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return nil, usageError(c, "%q is no address, no MAC address and no name: %s", query, problems[0])
	}
	if problems := validation.IsDNS1123Label(namespace); (qualified || namespace != "") && len(problems) > 0 {
		return nil, usageError(c, "namespace %q: %s", namespace, problems[0])
	}
	return func(ctx context.Context, i *investigation) (*answer.Owners, error) {
		return i.machine(ctx, namespace, name)
	}, nil
}

// investigation gathers the facts for one answer.
type investigation struct {
	from *cluster.Cluster
	// wide says that nodes are asked for.
	wide bool
}

func (i *investigation) address(ctx context.Context, addr netip.Addr) (*answer.Owners, error) {
	var facts answer.Facts
	var err error
	if facts.Leases, err = i.from.Leases(ctx, cluster.Is(cluster.FieldAddress, addr.String())); err != nil {
		return nil, err
	}
	pools, err := i.from.Pools(ctx)
	if err := i.from.Optional(err, "what pools say about the address is not shown"); err != nil {
		return nil, err
	}
	if facts.Declared, err = declared(ctx, i.from, pools); err != nil {
		return nil, err
	}
	if held := slices.ContainsFunc(facts.Leases, func(l v1alpha1.AddressLease) bool { return l.Spec.Phase != v1alpha1.LeaseReleased }); !held {
		// Nobody says that it is theirs: ask what guests report.
		facts.Wukongs, err = i.from.Wukongs(ctx, "")
		if err := i.from.Optional(err, "what guests report is not shown"); err != nil {
			return nil, err
		}
	} else if i.wide {
		if facts.Wukongs, err = i.holders(ctx, facts.Leases); err != nil {
			return nil, err
		}
	}
	return answer.WhoHasAddress(addr, facts), nil
}

func (i *investigation) mac(ctx context.Context, mac string) (*answer.Owners, error) {
	var facts answer.Facts
	var err error
	if facts.Leases, err = i.from.Leases(ctx); err != nil {
		return nil, err
	}
	facts.Wukongs, err = i.from.Wukongs(ctx, "")
	if err := i.from.Optional(err, "networks without a lease are not shown"); err != nil {
		return nil, err
	}
	facts.Machines, err = i.from.VirtualMachines(ctx, "")
	if err := i.from.Optional(err, "VirtualMachines without a Wukong are not shown"); err != nil {
		return nil, err
	}
	return answer.WhoHasMAC(mac, facts), nil
}

// machine looks for a Wukong of the name, then for what serves a VirtualMachine of that name. An empty namespace is any.
func (i *investigation) machine(ctx context.Context, namespace, name string) (*answer.Owners, error) {
	var facts answer.Facts
	wukongs, err := i.from.Wukongs(ctx, namespace)
	if err := i.from.Optional(err, "only leases of a Wukong of that name are shown"); err != nil {
		return nil, err
	}
	names := map[answer.Holder]bool{}
	for _, w := range wukongs {
		if w.Name == name || w.Status.VMName == name {
			facts.Wukongs = append(facts.Wukongs, w)
			names[answer.Holder{Namespace: w.Namespace, Name: w.Name}] = true
		}
	}
	if err := i.leases(ctx, namespace, name, names, &facts); err != nil {
		return nil, err
	}
	if len(facts.Wukongs) == 0 && len(facts.Leases) == 0 {
		machines, err := i.from.VirtualMachines(ctx, namespace)
		if err := i.from.Optional(err, "whether there is a VirtualMachine of that name is not known"); err != nil {
			return nil, err
		}
		facts.Machines = slices.DeleteFunc(machines, func(m kubevirtv1.VirtualMachine) bool { return m.Name != name })
	}
	query := name
	if namespace != "" {
		query = namespace + "/" + name
	}
	return answer.WhatHas(query, facts), nil
}

// leases reads those of a Wukong of the name, and of the Wukongs that were found. Without the right to read leases, what Wukongs
// say about themselves has to do.
func (i *investigation) leases(ctx context.Context, namespace, name string, holders map[answer.Holder]bool, facts *answer.Facts) error {
	asked := []answer.Holder{{Namespace: namespace, Name: name}}
	for h := range holders {
		if h.Name != name {
			asked = append(asked, h)
		}
	}
	slices.SortFunc(asked, func(a, b answer.Holder) int { return strings.Compare(a.String(), b.String()) })
	for _, h := range asked {
		terms := []fields.Selector{cluster.Is(cluster.FieldName, h.Name)}
		if h.Namespace != "" {
			terms = append(terms, cluster.Is(cluster.FieldNamespace, h.Namespace))
		}
		leases, err := i.from.Leases(ctx, terms...)
		if err != nil && len(holders) > 0 {
			facts.Unread = true
			err = i.from.Optional(err, "only what the Wukong says is shown")
		}
		if err != nil {
			return err
		}
		facts.Leases = append(facts.Leases, leases...)
	}
	return nil
}

// holders reads the Wukongs that have the leases. One that is gone is no error.
func (i *investigation) holders(ctx context.Context, leases []v1alpha1.AddressLease) ([]v1alpha1.Wukong, error) {
	var out []v1alpha1.Wukong
	for _, l := range leases {
		if l.Spec.Holder == nil {
			continue
		}
		w, err := i.from.Wukong(ctx, l.Spec.Holder.Namespace, l.Spec.Holder.Name)
		if cluster.CauseOf(err) == cluster.NotFound {
			continue
		}
		if err := i.from.Optional(err, "nodes are not shown"); err != nil {
			return nil, err
		}
		if err == nil {
			out = append(out, *w)
		}
	}
	return out, nil
}

// declared reads what platform teams say beside pools.
func declared(ctx context.Context, from *cluster.Cluster, pools []v1alpha1.AddressPool) (*answer.Declared, error) {
	reservations, err := from.Reservations(ctx)
	if err := from.Optional(err, "reservations are not regarded"); err != nil {
		return nil, err
	}
	uplinks, err := from.Uplinks(ctx)
	if err := from.Optional(err, "native VLANs are not regarded"); err != nil {
		return nil, err
	}
	return answer.NewDeclared(uplinks, pools, reservations), nil
}
