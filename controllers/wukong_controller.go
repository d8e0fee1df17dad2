package controllers

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/conflicts"
	"novasphere.dev/wukong-network/controllers/metrics"
	"novasphere.dev/wukong-network/render"
)

// WukongReconciler carries a Wukong along the path of an address: parse, resolve, lease, deliver, observe. It is the only
// writer of a Wukong's status. Hosts are the business of the host controllers, which it only reads.
type WukongReconciler struct {
	client.Client
	Live   client.Reader
	Config Config
	Events events.EventRecorder

	components *Components
	ledger     *ledger
	leaser     *leaser
	secrets    *secrets
	fresh      freshness
	rivals     rivals
	stopwatch  metrics.Stopwatch
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=wukongs,verbs=get;list;watch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=wukongs/status,verbs=patch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostuplinks;hostnetworks;addresspools;addressreservations,verbs=list;watch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=addressleases,verbs=get;list;watch;create;update
// +kubebuilder:rbac:groups="",resources=namespaces;nodes;services;pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;patch;delete
// +kubebuilder:rbac:groups=nmstate.io,resources=nodenetworkstates,verbs=list;watch
// +kubebuilder:rbac:groups=k8s.cni.cncf.io,resources=network-attachment-definitions,verbs=list;watch;create;update
// +kubebuilder:rbac:groups=kubevirt.io,resources=virtualmachines,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=kubevirt.io,resources=virtualmachineinstances,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubevirt.io,resources=kubevirts,verbs=list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// wukongScope is one reconcile of one Wukong. Each step fills the fields of its group and reads those above.
type wukongScope struct {
	wukong, before *v1alpha1.Wukong
	now            time.Time
	// patience is how long a machine that may come by itself is waited for.
	patience time.Duration
	// rival: somebody else writes the status, too.
	rival bool

	// Set by parse: nil when the spec is invalid.
	request *render.Request
	invalid error

	// Set by parse, one per network of the request, in its order.
	networks []*networkScope

	// Set by resolve.
	offer           *offer
	namespaceUID    types.UID
	namespaceLabels map[string]string
	bridges         map[string]string // of the attachments of the namespace

	// Set by observeMachine: nil where there is none.
	vm   *kubevirtv1.VirtualMachine
	vmi  *kubevirtv1.VirtualMachineInstance
	node *corev1.Node
	// bindings are the network binding plugins that KubeVirt has; nil where that is not known.
	bindings sets.Set[string]

	// Set by deliver.
	objects   *render.Objects
	delivered delivery
	// applied is the machine as it was written just now, which the cache does not have yet; else nil.
	applied *kubevirtv1.VirtualMachine
	// dropped are Secrets of earlier requests that were deleted.
	dropped []string

	// requeue is the earliest time at which something changes without an event.
	requeue time.Duration
}

// networkScope is one network of a Wukong within one reconcile.
type networkScope struct {
	render.Network
	choice  render.Choice
	refusal *render.Refusal
	host    *v1alpha1.HostNetwork
	mac     string // of the guest's interface; empty while it is not known
	// candidates are interfaces of nodes that could become an uplink, for people who have to declare one.
	candidates []string

	slots []*slot // one per address, in their order
	// kept is what the network published before and still holds while what it asks for now cannot be had.
	kept         []v1alpha1.WukongAddressStatus
	macConflicts []conflicts.Conflict
	nextHops     []v1alpha1.NextHopStatus
	// trouble says what is wrong with the network's addresses, or is nil.
	trouble *Verdict
}

// errStop ends the steps of a reconcile early: what follows needs something that is not there. The status says what.
var errStop = errors.New("stop")

// Reconcile brings one Wukong as far along its path as the world allows, and reports where it stands.
func (r *WukongReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	w := &v1alpha1.Wukong{}
	if err := r.Get(ctx, req.NamespacedName, w); apierrors.IsNotFound(err) {
		r.ledger.releaseMACs(req.NamespacedName)
		r.stopwatch.Forget(req.NamespacedName)
		return ctrl.Result{}, nil // its leases go by their own controller
	} else if err != nil {
		return ctrl.Result{}, err
	}
	if !w.DeletionTimestamp.IsZero() {
		r.ledger.leave(req.NamespacedName, nil)
		return ctrl.Result{}, nil
	}
	if r.fresh.stale(w) {
		return ctrl.Result{RequeueAfter: soon}, nil // the event of what was written here is not looked at
	}
	if !r.ledger.await(ctx.Done()) {
		return ctrl.Result{}, ctx.Err()
	}
	s := &wukongScope{wukong: w.DeepCopy(), before: w, now: r.Config.Clock.Now(), patience: r.Config.MachineAfter}
	if wait := r.rivals.wait(w, s.now, r.Config.Sweep); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	if left := r.rivals.spoken(w, s.now, r.Config.Sweep); left > 0 {
		s.rival = true
		s.again(left)
	}
	err := r.advance(ctx, s)
	if err == nil {
		r.troubles(s)
		r.lookAround(s)
		conclude(s)
		err = r.publish(ctx, s)
	}
	return settle(ctrl.Result{RequeueAfter: s.requeue}, err)
}

// advance takes the steps in order, as far as each finds what it needs.
func (r *WukongReconciler) advance(ctx context.Context, s *wukongScope) error {
	for _, step := range []func(context.Context, *wukongScope) error{r.parse, r.resolve, r.observeMachine, r.observeBindings, r.lease, r.deliver} {
		if err := step(ctx, s); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// parse reads the spec once.
func (r *WukongReconciler) parse(_ context.Context, s *wukongScope) error {
	request, errs := render.ParseWukong(s.wukong)
	if len(errs) > 0 {
		r.ledger.leave(client.ObjectKeyFromObject(s.wukong), nil)
		s.invalid = errs.ToAggregate()
		return errStop
	}
	s.request = request
	for _, n := range request.Networks {
		s.networks = append(s.networks, &networkScope{Network: n})
	}
	return nil
}

// publish writes the status when it differs, with an event when Ready changed its reason.
func (r *WukongReconciler) publish(ctx context.Context, s *wukongScope) error {
	keepProgress(s)
	if err := patchStatus(ctx, r.Client, s.before, s.wukong); err != nil {
		return err
	}
	r.fresh.wrote(s.wukong)
	r.measure(s)
	announce(r.Events, s.wukong, s.before.Status.Conditions, s.wukong.Status.Conditions)
	return nil
}

// again asks for another look after d, or earlier.
func (s *wukongScope) again(d time.Duration) {
	if d > 0 && (s.requeue == 0 || d < s.requeue) {
		s.requeue = d
	}
}
