package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
	"novasphere.dev/wukong-network/nmstate"
)

// whyFlags are those of the command why.
type whyFlags struct {
	*inspecting
	full bool
}

func newWhy(std streams) *cobra.Command {
	var f *whyFlags
	c := &cobra.Command{
		Use:   "why OBJECT|REASON",
		Short: "Say why something is not as asked for: the cause, the evidence, the rule and the fix",
		Long: `Explains one object: what is the case, what was seen and since when, by which rule that was decided, what to do, and where to read
on. OBJECT is

  NAME, NAMESPACE/NAME  a Wukong, or the VirtualMachine of one
  an IP address         who has it, what collides with it, who waits for it
  KIND/NAME             wukong, hostuplink, hostnetwork, addresspool, addressreservation, addresslease, node, or nncp, a policy of
                        kubernetes-nmstate, whoever made it
  REASON                a word of the vocabulary of reasons, such as PoolExhausted; this needs no cluster

--full adds the whole message of kubernetes-nmstate where a node gave up.

It says what you may read, and names what you may not. With -f it works on files.

Exit codes: 0 done; 1 there is nothing of the name; 2 wrong usage or input that cannot be read; 3 the cluster cannot be reached, does
not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong why web -n team-a
  kubectl wukong why 192.0.2.10
  kubectl wukong why hostuplink/workers --full
  kubectl wukong why PoolExhausted`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        oneArg("an object or a reason"),
		RunE:        func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	f = &whyFlags{inspecting: newInspecting(c, std, outputTable, outputJSON, outputYAML)}
	c.Flags().BoolVar(&f.full, "full", false, "add the whole message of kubernetes-nmstate")
	c.ValidArgsFunction = first(f.complete)
	return c
}

// complete suggests reasons for what begins in upper case, and else Wukongs.
func (f *whyFlags) complete(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if typed != "" && strings.ToUpper(typed[:1]) == typed[:1] && !isDigit(typed[0]) {
		return inspect.Words(), cobra.ShellCompDirectiveNoFileComp
	}
	return f.completing(f.suggestWukongs)(c, args, typed)
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func (f *whyFlags) run(c *cobra.Command, arg string) error {
	if err := f.check(c); err != nil {
		return err
	}
	if arg != "" && arg[0] >= 'A' && arg[0] <= 'Z' && !strings.ContainsAny(arg, "/:.") {
		return f.reason(arg)
	}
	what, err := parseObject(c, arg)
	if err != nil {
		return err
	}
	var e *inspect.Explanation
	if len(f.files) > 0 {
		e, err = f.inFiles(what)
	} else {
		e, err = f.inCluster(c.Context(), what)
	}
	if err != nil {
		return err
	}
	return f.print(e)
}

// reason explains a word.
func (f *whyFlags) reason(word string) error {
	if e := inspect.WhyReason(word); e != nil {
		return f.print(e)
	}
	// What begins alike is meant, or what has the word within.
	var near []string
	plain := strings.ToLower(word)
	for _, known := range inspect.Words() {
		if k := strings.ToLower(known); strings.Contains(k, plain) || strings.HasPrefix(k, plain[:max(min(4, len(plain)), len(plain)*3/4)]) {
			near = append(near, known)
		}
	}
	if len(near) == 0 {
		return found("there is no reason %q: docs/reasons.md lists all", word)
	}
	return found("there is no reason %q; there is %s", word, strings.Join(near, ", "))
}

// object is what an argument means.
type object struct {
	// kind is one of package inspect, wukongKind, or empty for an address.
	kind string
	// namespace is empty for what has none, and where none was named.
	namespace, name string
	addr            netip.Addr
	// noKind stands before a slash and was taken for a namespace; a kind may have been meant.
	noKind string
}

const wukongKind = "Wukong"

// objectKinds are the kinds by the names that may stand before a slash.
var objectKinds = map[string]string{
	"wukong": wukongKind, "wukongs": wukongKind, "wk": wukongKind,
	"virtualmachine": wukongKind, "virtualmachines": wukongKind, "vm": wukongKind, "vms": wukongKind,
	"hostuplink": inspect.KindHostUplink, "hostuplinks": inspect.KindHostUplink,
	"hostnetwork": inspect.KindHostNetwork, "hostnetworks": inspect.KindHostNetwork,
	"addresspool": inspect.KindPool, "addresspools": inspect.KindPool, "wkpool": inspect.KindPool,
	"addressreservation": inspect.KindReservation, "addressreservations": inspect.KindReservation,
	"addresslease": inspect.KindLease, "addressleases": inspect.KindLease, "wkip": inspect.KindLease,
	"node": inspect.KindNode, "nodes": inspect.KindNode,
	"nncp": inspect.KindPolicy, "nodenetworkconfigurationpolicy": inspect.KindPolicy,
}

// parseObject reads an argument. The names of kinds come before those of namespaces.
func parseObject(c *cobra.Command, arg string) (object, error) {
	plain, _, _ := strings.Cut(arg, "/")
	if _, err := netip.ParseAddr(plain); err == nil {
		addr, err := parseAddress(c, arg)
		return object{addr: addr}, err
	}
	before, name, qualified := strings.Cut(arg, "/")
	// kubectl get -o name writes KIND.GROUP/NAME.
	kind, known := objectKinds[strings.ToLower(trimGroup(before))]
	switch {
	case !qualified && strings.Contains(arg, ".") && strings.Trim(arg, "0123456789.") == "":
		return object{}, usageError(c, "%q is no IP address", arg)
	case !qualified || !known:
		of, err := parseWukong(c, arg)
		return object{kind: wukongKind, namespace: of.namespace, name: of.name, noKind: of.namespace}, err
	}
	if kind == wukongKind {
		of, err := parseWukong(c, name)
		return object{kind: wukongKind, namespace: of.namespace, name: of.name}, err
	}
	if name == "" || strings.Contains(name, "/") {
		return object{}, usageError(c, "%q: write %s/NAME", arg, before)
	}
	return object{kind: kind, name: name}, nil
}

// trimGroup leaves the API group of a kind out.
func trimGroup(kind string) string {
	for _, group := range []string{v1alpha1.GroupVersion.Group, nmstate.GroupVersion.Group, kubevirtv1.GroupVersion.Group} {
		kind = strings.TrimSuffix(kind, "."+group)
	}
	return kind
}

// missing says that there is no such object, and which there are.
func missing(kind, name string, there []string) error {
	if len(there) == 0 {
		return found("there is no %s %q, and none at all that you may read", kind, name)
	}
	slices.Sort(there)
	const most = 10
	if len(there) > most {
		there = append(there[:most:most], "…")
	}
	return found("there is no %s %q; there are: %s", kind, name, strings.Join(there, ", "))
}

// explainIn finds the object among the facts and explains it.
func explainIn(f *inspect.Facts, what object) (*inspect.Explanation, error) {
	switch what.kind {
	case "":
		return f.WhyAddress(what.addr), nil
	case inspect.KindHostUplink:
		if o := among(f.HostUplinks, "", what.name); o != nil {
			return f.WhyUplink(o), nil
		}
		return nil, missing(what.kind, what.name, namesOf(f.HostUplinks))
	case inspect.KindHostNetwork:
		if o := among(f.HostNetworks, "", what.name); o != nil {
			return f.WhyHostNetwork(o), nil
		}
		return nil, missing(what.kind, what.name, namesOf(f.HostNetworks))
	case inspect.KindPool:
		if o := among(f.AddressPools, "", what.name); o != nil {
			return f.WhyPool(o), nil
		}
		return nil, missing(what.kind, what.name, namesOf(f.AddressPools))
	case inspect.KindReservation:
		if o := among(f.AddressReservations, "", what.name); o != nil {
			return f.WhyReservation(o), nil
		}
		return nil, missing(what.kind, what.name, namesOf(f.AddressReservations))
	case inspect.KindLease:
		if o := among(f.Leases, "", what.name); o != nil {
			return f.WhyLease(o), nil
		}
		return nil, missing(what.kind, what.name, namesOf(f.Leases))
	case inspect.KindNode:
		if e := f.WhyNode(what.name); e != nil {
			return e, nil
		}
		return nil, missing(what.kind, what.name, namesOf(f.Nodes))
	case inspect.KindPolicy:
		return whyPolicy(f, what.name)
	}
	return f.WhyWukong(&f.Wukongs[0]), nil
}

// whyPolicy explains a policy that is there, or that nodes still have enactments of.
func whyPolicy(f *inspect.Facts, name string) (*inspect.Explanation, error) {
	p := among(f.Policies, "", name)
	enacted := slices.ContainsFunc(f.Enactments, func(e nmstate.Enactment) bool { return e.Policy() == name })
	switch {
	case p != nil:
		return f.WhyPolicy(name, p.Labels[v1alpha1.UplinkLabel]), nil
	case enacted:
		return f.WhyPolicy(name, ""), nil
	}
	return nil, missing(inspect.KindPolicy, name, namesOf(f.Policies))
}

func namesOf[T any, P interface {
	*T
	metav1.Object
}](all []T) []string {
	var out []string
	for i := range all {
		out = append(out, P(&all[i]).GetName())
	}
	return out
}

// inFiles explains what files have.
func (f *whyFlags) inFiles(what object) (*inspect.Explanation, error) {
	var scope cluster.Scope
	if what.kind == wukongKind {
		scope = cluster.Scope{Namespace: cmp.Or(what.namespace, *f.config.Namespace), Name: what.name}
	}
	facts, err := f.fromFiles(scope)
	if err != nil {
		return nil, err
	}
	if what.kind == wukongKind && len(facts.Wukongs) > 1 {
		return nil, fmt.Errorf("the files have Wukongs %q of several namespaces: write NAMESPACE/%s, or name one with -n", what.name, what.name)
	}
	e, err := explainIn(&facts, what)
	if err == nil && f.full {
		e.Full = facts.Message(e.Enactment())
	}
	return e, err
}

// inCluster explains what a cluster has.
func (f *whyFlags) inCluster(ctx context.Context, what object) (*inspect.Explanation, error) {
	from, err := f.open()
	if err != nil {
		return nil, err
	}
	if what.kind == wukongKind && what.namespace == "" {
		what.namespace = f.namespace()
	}
	facts := newInspection(ctx, from)
	if err := facts.about(&what); err != nil {
		return nil, err
	}
	e, err := explainIn(&facts.Facts, what)
	if err != nil || !f.full || e.Enactment() == "" {
		return e, err
	}
	e.Full = may(facts, inspect.KindEnactment, func(ctx context.Context) (string, error) { return from.WholeMessage(ctx, e.Enactment()) })
	return e, facts.err
}
