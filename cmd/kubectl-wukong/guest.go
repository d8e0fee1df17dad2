package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/guests"
)

func newGuest(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "guest",
		Short: "See what a guest is told about its network, and whether it has it",
		Long: `Answers what concerns guests: the documents that a guest gets (show), and whether it has what was asked for and delivered
(verify).

Both need to read Wukongs and, where KubeVirt runs, machines and their instances, of one namespace: the roles view and edit of a
namespace allow that. Whoever may read the Secret of the guest, too, sees what was delivered. Both also work on files alone.

Exit codes: 0 done, or in sync; 1 not in sync, not known, or nothing found; 2 wrong usage or input that cannot be read; 3 the
cluster cannot be reached, does not have the kinds, or refuses the rights.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newGuestShow(std), newGuestVerify(std))
	return c
}

// guestAsking is what commands about one guest share: they ask a cluster, or files.
type guestAsking struct {
	*asking
	files       []string
	recursive   bool
	clusterName string
	// instance: without what the running machine says there is no answer.
	instance bool
}

func newGuestAsking(c *cobra.Command, std streams, formats ...string) *guestAsking {
	g := &guestAsking{asking: newAsking(c, std, formats...)}
	f := c.Flags()
	f.StringArrayVarP(&g.files, "filename", "f", nil, "file, folder (*.yaml, *.yml, *.json) or - for standard input; may be repeated")
	f.BoolVarP(&g.recursive, "recursive", "R", false, "look into the folders of folders, too")
	f.StringVar(&g.clusterName, "cluster-name", "", "the controller's flag of this name: goes into MAC addresses that no status has")
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json")
	c.ValidArgsFunction = first(g.completing(g.suggestGuests))
	return g
}

// guestArg is the name of a guest: that of its Wukong, or that of its VirtualMachine.
type guestArg struct{ namespace, name string }

// parse reads VM or NAMESPACE/VM. The namespace is empty where nothing names one.
func (g *guestAsking) parse(c *cobra.Command, arg string) (guestArg, error) {
	namespace, name, qualified := strings.Cut(arg, "/")
	if !qualified {
		namespace, name = *g.config.Namespace, arg
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return guestArg{}, usageError(c, "%q is no name of a Wukong or VirtualMachine: %s", name, problems[0])
	}
	if problems := validation.IsDNS1123Label(namespace); (qualified || namespace != "") && len(problems) > 0 {
		return guestArg{}, usageError(c, "namespace %q: %s", namespace, problems[0])
	}
	return guestArg{namespace, name}, nil
}

// facts reads what is known about a guest, from the cluster or from files.
func (g *guestAsking) facts(c *cobra.Command, arg string, uplink string) (guests.Facts, error) {
	of, err := g.parse(c, arg)
	if err != nil {
		return guests.Facts{}, err
	}
	if len(g.files) > 0 {
		return g.fileFacts(c, of, uplink)
	}
	from, err := g.open()
	if err != nil {
		return guests.Facts{}, err
	}
	if of.namespace == "" {
		if of.namespace, _, err = g.config.ToRawKubeConfigLoader().Namespace(); err != nil {
			return guests.Facts{}, err
		}
	}
	w, err := wukongOf(c.Context(), from, of)
	if err != nil {
		return guests.Facts{}, err
	}
	return g.clusterFacts(c.Context(), from, w)
}

// wukongOf finds the Wukong of the name, or the one whose machine has the name.
func wukongOf(ctx context.Context, from *cluster.Cluster, of guestArg) (*v1alpha1.Wukong, error) {
	w, err := from.Wukong(ctx, of.namespace, of.name)
	if cluster.CauseOf(err) != cluster.NotFound {
		return w, err
	}
	all, err := from.Wukongs(ctx, of.namespace)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if guests.MachineName(&all[i]) == of.name {
			return &all[i], nil
		}
	}
	return nil, found("namespace %s has no Wukong %q, and none whose VirtualMachine has that name", of.namespace, of.name)
}

// clusterFacts reads what belongs to a Wukong. What may not be read is missing from the answer, and that is said.
func (g *guestAsking) clusterFacts(ctx context.Context, from *cluster.Cluster, w *v1alpha1.Wukong) (guests.Facts, error) {
	f := guests.Facts{Wukong: w, ClusterName: g.clusterName}
	var err error
	for _, name := range guests.PoolNames(w) {
		pool, err := from.Pool(ctx, name)
		switch {
		case err == nil:
			f.Pools = append(f.Pools, *pool)
		case cluster.CauseOf(err) == cluster.NotFound:
		default:
			if err := g.without(err, "AddressPool "+name, "what a guest inherits from it is not known"); err != nil {
				return f, err
			}
		}
	}
	machine := guests.MachineName(w)
	f.Machine, err = from.VirtualMachine(ctx, w.Namespace, machine)
	if err := g.without(err, "VirtualMachine "+machine, "what the machine says is not known"); err != nil {
		return f, err
	}
	f.Instance, err = from.Instance(ctx, w.Namespace, machine)
	if g.instance && err != nil {
		return f, err
	}
	if err := g.without(err, "VirtualMachineInstance "+machine, "what the guest runs with is not known"); err != nil {
		return f, err
	}
	return f, g.readSecrets(ctx, from, &f)
}

// readSecrets reads the Secrets that the guest gets and has, by their names. Without the right to, the answer says less.
func (g *guestAsking) readSecrets(ctx context.Context, from *cluster.Cluster, f *guests.Facts) error {
	for _, name := range f.SecretNames() {
		secret, err := from.Secret(ctx, f.Wukong.Namespace, name)
		if cluster.CauseOf(err) == cluster.Forbidden {
			g.note("not allowed to read Secret %s: the delivered document is not shown", name)
			continue
		}
		if err != nil {
			return err
		}
		f.AddSecret(name, secret)
	}
	return nil
}

// without says what an answer lacks where something may not be read. Any other error stays one.
func (g *guestAsking) without(err error, what, missing string) error {
	if cluster.CauseOf(err) != cluster.Forbidden {
		return err
	}
	g.note("not allowed to read %s: %s", what, missing)
	return nil
}

// suggestGuests completes names of Wukongs.
func (g *guestAsking) suggestGuests(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	namespace, _, err := g.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	all, err := c.Wukongs(ctx, namespace)
	var names []string
	for i := range all {
		names = append(names, all[i].Name)
	}
	return names, err
}
