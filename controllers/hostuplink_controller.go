package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// HostUplinkReconciler brings the nodes of a HostUplink to the revision that its HostNetworks in use need, node by node, and
// takes back what was built when nothing needs it. It is the only writer of policies and of our marks on nodes.
type HostUplinkReconciler struct {
	client.Client
	Live   client.Reader
	Config Config
	Events events.EventRecorder

	components *Components
	nodes      *nodeWriter
	sightings  sightings
	pace       pace
	effort     effort
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostuplinks,verbs=list;watch;patch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostuplinks/status,verbs=patch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostnetworks,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=nodes,verbs=list;watch;patch
// +kubebuilder:rbac:groups=nmstate.io,resources=nodenetworkconfigurationpolicies,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=nmstate.io,resources=nodenetworkconfigurationenactments;nodenetworkstates,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// uplinkScope is one reconcile of one HostUplink. Each step fills the fields of its group and reads those above.
type uplinkScope struct {
	uplink, before *v1alpha1.HostUplink
	now            time.Time
	// calm is how long a repaired node must be well before it is repaired again.
	calm time.Duration

	// Set by gather.
	catalog     *render.Catalog
	known       *render.Uplink
	nodes       []corev1.Node
	states      map[string]*nmstate.NodeNetworkState
	enactments  enactments
	policies    map[string]policy // ours, by hash
	foreign     []nmstate.ForeignPolicy
	observed    *observedPolicy // that of an External uplink, if it exists
	nmstateGone bool
	departed    []v1alpha1.DepartedNode

	// Set by decide.
	inUse    sets.Set[string]            // HostNetworks of the fabric that hosts should have
	declared *render.Revision            // what is declared: the target unless it was rolled back
	target   *render.Revision            // nil: nothing is to be built
	rendered map[string]*render.Revision // by hash: the target, and the removals that nodes pass through
	members  []*member                   // by name of node
	plan     nmstate.Plan
	inUseBy  []string // networks that keep a deleted uplink from going

	// verdict is set by a step after which the status cannot be told from the plan.
	verdict *Verdict
	// requeue is the earliest time at which something changes without an event.
	requeue time.Duration
}

// errAgain ends the steps: something moved meanwhile, so look again in a moment.
var errAgain = errors.New("look again")

// lookAgain is that moment.
const lookAgain = 500 * time.Millisecond

// Reconcile takes one step: what follows from it comes back as an event.
func (r *HostUplinkReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	u := &v1alpha1.HostUplink{}
	if err := r.Get(ctx, req.NamespacedName, u); err != nil {
		r.sightings.forget(req.Name)
		if apierrors.IsNotFound(err) {
			metrics.ForgetUplink(req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !u.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(u, v1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	defer r.effort.measure(time.Now())
	s := &uplinkScope{uplink: u.DeepCopy(), now: r.Config.Clock.Now(), calm: r.Config.RetryAfter, rendered: map[string]*render.Revision{}}
	for _, step := range []func(context.Context, *uplinkScope) error{
		r.hold, r.spareHosts, r.gather, r.decide, r.mayTakeBack, r.replaceEdited, r.createNeeded, r.moveNodes, r.deleteUnneeded, r.answer, r.letGo,
	} {
		if err := step(ctx, s); errors.Is(err, errStop) {
			break
		} else if err != nil {
			return laterOnConflict(err)
		}
	}
	if err := r.publish(ctx, s); err != nil {
		return laterOnConflict(err)
	}
	return ctrl.Result{RequeueAfter: s.requeue}, nil
}

// laterOnConflict looks again in a moment where the decision was made on something that has changed meanwhile.
func laterOnConflict(err error) (ctrl.Result, error) {
	if errors.Is(err, errAgain) || apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: lookAgain}, nil
	}
	return ctrl.Result{}, err
}

// again asks for another look after d, or earlier.
func (s *uplinkScope) again(d time.Duration) {
	if d = max(d, time.Millisecond); s.requeue == 0 || d < s.requeue {
		s.requeue = d
	}
}

// hold puts the finalizer on before anything is written for hosts.
func (r *HostUplinkReconciler) hold(ctx context.Context, s *uplinkScope) error {
	if err := hold(ctx, r.Client, s.uplink); err != nil {
		return err
	}
	s.before = s.uplink.DeepCopy()
	return nil
}

// spareHosts lets a HostUplink go, and hosts as they are, when it is deleted together with its definition.
func (r *HostUplinkReconciler) spareHosts(ctx context.Context, s *uplinkScope) error {
	if s.uplink.DeletionTimestamp.IsZero() {
		return nil
	}
	leaving, err := definitionsLeaving(ctx, r.Live)
	if err != nil || !leaving {
		return err
	}
	log.FromContext(ctx).Info("Definitions are being deleted: hosts stay as they are")
	s.before = nil // nothing is left to publish to
	if err := release(ctx, r.Client, s.uplink); err != nil {
		return err
	}
	return errStop
}

// mayTakeBack stops before anything is taken from hosts while the definitions of our kinds are being deleted: HostNetworks and
// Wukongs that go with them say nothing about what hosts should have.
func (r *HostUplinkReconciler) mayTakeBack(ctx context.Context, s *uplinkScope) error {
	if !slices.ContainsFunc(s.plan.Moves, func(m nmstate.Move) bool { return m.Removes || m.To == "" }) {
		return nil
	}
	leaving, err := definitionsLeaving(ctx, r.Live)
	if err != nil || !leaving {
		return err
	}
	s.verdict = &Verdict{Stalled, v1alpha1.ReasonDefinitionsRemoved,
		"the definitions of HostUplink, HostNetwork or Wukong are being deleted, so hosts stay as they are: apply them again (config/crd) to go on"}
	return errStop
}

// hold adds the finalizer to an object that is not being deleted.
func hold(ctx context.Context, c client.Client, obj client.Object) error {
	before := obj.DeepCopyObject().(client.Object)
	if !obj.GetDeletionTimestamp().IsZero() || !controllerutil.AddFinalizer(obj, v1alpha1.Finalizer) {
		return nil
	}
	return c.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// release takes the finalizer off.
func release(ctx context.Context, c client.Client, obj client.Object) error {
	before := obj.DeepCopyObject().(client.Object)
	if !controllerutil.RemoveFinalizer(obj, v1alpha1.Finalizer) {
		return nil
	}
	return client.IgnoreNotFound(c.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

// letGo takes the finalizer off a deleted HostUplink once no node carries a mark of it and its policies are gone, which is
// read past the cache.
func (r *HostUplinkReconciler) letGo(ctx context.Context, s *uplinkScope) error {
	if s.uplink.DeletionTimestamp.IsZero() || len(s.inUseBy) > 0 || s.occupied() {
		return nil
	}
	if !s.nmstateGone {
		left := &nmstate.PolicyList{}
		if err := r.Live.List(ctx, left); err != nil {
			return fmt.Errorf("policies: %w", err)
		}
		for i := range left.Items {
			if render.Owns(s.uplink, &left.Items[i]) {
				s.again(lookAgain)
				return nil
			}
		}
	}
	log.FromContext(ctx).Info("HostUplink is gone from all nodes")
	s.before = nil // nothing is left to publish to
	r.pace.forget(s.uplink.UID)
	return release(ctx, r.Client, s.uplink)
}

// occupied says whether a node still carries a mark of the uplink.
func (s *uplinkScope) occupied() bool {
	for i := range s.nodes {
		if marksOf(&s.nodes[i], s.uplink.Name).Held() != "" {
			return true
		}
	}
	return false
}
