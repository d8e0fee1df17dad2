package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/adoption"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// gather reads what a plan follows from. Attachments, labels of namespaces and machines may be missing: what they would tell is
// then not known.
func gather(ctx context.Context, from *cluster.Cluster) (*adoption.Facts, error) {
	f := &adoption.Facts{Attachments: map[string]adoption.Attachment{}, Namespaces: map[string]map[string]string{}}
	uplinks, err := from.Uplinks(ctx)
	if err != nil {
		return nil, err
	}
	networks, err := from.HostNetworks(ctx)
	if err != nil {
		return nil, err
	}
	f.Catalog = render.NewCatalog(uplinks, networks)
	pools, err := from.Pools(ctx)
	if err != nil {
		return nil, err
	}
	f.Pools = render.NewPools(f.Catalog, pools)
	reservations, err := from.Reservations(ctx)
	if err != nil {
		return nil, err
	}
	for i := range reservations {
		f.Reservations = append(f.Reservations, render.NewReservation(f.Catalog, &reservations[i]))
	}
	if f.Leases, err = from.Leases(ctx, cluster.IsNot(cluster.FieldPhase, string(v1alpha1.LeaseReleased))); err != nil {
		return nil, err
	}
	if f.Wukongs, err = from.Wukongs(ctx, ""); err != nil {
		return nil, err
	}
	f.Machines, err = from.Instances(ctx)
	if cluster.CauseOf(err) == cluster.NotInstalled {
		err = nil // without KubeVirt there are no machines
	}
	if err != nil {
		return nil, err
	}
	return f, gatherMore(ctx, from, f)
}

// gatherMore reads what a plan can do without.
func gatherMore(ctx context.Context, from *cluster.Cluster, f *adoption.Facts) error {
	attachments, err := from.Attachments(ctx)
	if err := from.Optional(err, "on which segments machines are has to be said with --segment or --host-network"); err != nil {
		return err
	}
	for i := range attachments {
		f.Attachments[attachments[i].Namespace+"/"+attachments[i].Name] = adoption.ReadAttachment(attachments[i].Spec.Config)
	}
	namespaces, err := from.Namespaces(ctx)
	if err := from.Optional(err, "HostNetworks and pools that select namespaces by labels count as closed"); err != nil {
		return err
	}
	for i := range namespaces {
		f.Namespaces[namespaces[i].Name] = namespaces[i].Labels
	}
	return nil
}

// write creates what the plan has, reservations first: a machine's Wukong is not to lose its address to somebody else meanwhile.
// What the cluster refuses is reported, and the rest goes on; without an answer or the rights nothing does.
func (f *importFlags) write(ctx context.Context, from *cluster.Cluster, plan *adoption.Plan) error {
	made, refused := 0, 0
	after := func(what string, err error) error {
		switch cause := cluster.CauseOf(err); {
		case err == nil:
			made++
			if !f.structured() {
				f.note("%s created%s", what, map[cluster.DryRun]string{cluster.DryRunServer: " (server dry run)"}[f.mode()])
			}
		case cause == cluster.Changed, cause == cluster.Refused, cause == cluster.NotFound:
			refused++
			printErrors(f.std.err, err)
		default:
			return err
		}
		return nil
	}
	for _, r := range plan.Reservations {
		if err := after("AddressReservation "+r.Name, f.reserve(ctx, from, r)); err != nil {
			return err
		}
	}
	for _, w := range plan.Wukongs {
		if err := after("Wukong "+w.Namespace+"/"+w.Name, f.adopt(ctx, from, w)); err != nil {
			return err
		}
	}
	if made+refused == 0 && !plan.Findings() {
		return f.summary(plan)
	}
	f.note("%d created, %d refused; %d in conflict, %d undecided, %d done already", made, refused,
		plan.Count(adoption.ActionConflict), plan.Count(adoption.ActionUndecided), plan.Count(adoption.ActionNone))
	if refused > 0 || plan.Findings() {
		return errFindings
	}
	return nil
}

func (f *importFlags) reserve(ctx context.Context, from *cluster.Cluster, r *v1alpha1.AddressReservation) error {
	err := from.Reserve(ctx, r.DeepCopy(), f.mode())
	if cluster.CauseOf(err) != cluster.Changed {
		return err
	}
	if there, readErr := from.Reservation(ctx, r.Name); readErr == nil && answer.SameReservation(there, r) {
		return nil
	}
	return taken("AddressReservation "+r.Name, err)
}

func (f *importFlags) adopt(ctx context.Context, from *cluster.Cluster, w *v1alpha1.Wukong) error {
	err := from.Adopt(ctx, w.DeepCopy(), f.mode())
	if cluster.CauseOf(err) != cluster.Changed {
		return err
	}
	if there, readErr := from.Wukong(ctx, w.Namespace, w.Name); readErr == nil && equality.Semantic.DeepEqual(there.Spec, w.Spec) {
		return nil
	}
	return taken("Wukong "+w.Namespace+"/"+w.Name, err)
}

// taken says that somebody else made an object of that name meanwhile, or earlier for something else.
func taken(what string, err error) error {
	text := fmt.Sprintf("%s exists already and says something else: it is left as it is; look at it, and import again", what)
	return &cluster.Error{Cause: cluster.Changed, Text: text, Err: err}
}
