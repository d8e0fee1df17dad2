package controllers

import (
	"context"
	"fmt"
	"time"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// HostNetworkReconciler says who uses a HostNetwork, whether hosts should have it now (status.provisioned, which the
// HostUplink controller acts on), and which nodes have it. It writes nothing for hosts itself.
type HostNetworkReconciler struct {
	client.Client
	Live   client.Reader
	Config Config
	Events events.EventRecorder

	components *Components
	pace       pace
	effort     effort
}

// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostnetworks,verbs=list;watch;patch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostnetworks/status,verbs=patch
// +kubebuilder:rbac:groups=vm.novasphere.dev,resources=hostuplinks;wukongs;addressleases,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=nodes;namespaces,verbs=list;watch
// +kubebuilder:rbac:groups=nmstate.io,resources=nodenetworkconfigurationpolicies;nodenetworkconfigurationenactments,verbs=list;watch
// +kubebuilder:rbac:groups=k8s.cni.cncf.io,resources=network-attachment-definitions,verbs=list;watch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// hostNetworkScope is one reconcile of one HostNetwork. Each step fills the fields of its group and reads those above.
type hostNetworkScope struct {
	network, before *v1alpha1.HostNetwork
	now             time.Time

	// Set by gather.
	catalog     *render.Catalog
	known       *render.HostNetwork
	users       []string // namespace/name of Wukongs, sorted
	vlans       string   // of a trunk, those that they have picked
	uplinks     []*v1alpha1.HostUplink
	nodes       []corev1.Node
	policies    map[string]nmstate.Policy
	enactments  enactments
	states      map[string]*nmstate.NodeNetworkState
	nmstateGone bool

	// Set by observe.
	drifts    []v1alpha1.NodeProblem       // nodes that no longer show what was built for the network
	revisions map[revisionKey]heldRevision // those that nodes hold
	holders   int                          // nodes that still have, or may have, the network
	ready     int32

	requeue time.Duration
}

// Reconcile looks at one HostNetwork from both sides: its users and its nodes.
func (r *HostNetworkReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	n := &v1alpha1.HostNetwork{}
	if err := r.Get(ctx, req.NamespacedName, n); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !n.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(n, v1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	defer r.effort.measure(time.Now())
	s := &hostNetworkScope{network: n.DeepCopy(), now: r.Config.Clock.Now()}
	for _, step := range []func(context.Context, *hostNetworkScope) error{r.hold, r.gather, r.provision, r.observe, r.letGo, r.publish} {
		if err := step(ctx, s); err != nil {
			return laterOnConflict(err)
		}
	}
	return ctrl.Result{RequeueAfter: s.requeue}, nil
}

func (r *HostNetworkReconciler) hold(ctx context.Context, s *hostNetworkScope) error {
	if err := hold(ctx, r.Client, s.network); err != nil {
		return err
	}
	s.before = s.network.DeepCopy()
	return nil
}

// gather reads the users, the uplinks, and what nodes have.
func (r *HostNetworkReconciler) gather(ctx context.Context, s *hostNetworkScope) error {
	var err error
	if s.catalog, err = listCatalog(ctx, r.Client); err != nil {
		return err
	}
	known, ok := s.catalog.HostNetwork(s.network.Name)
	if !ok {
		return errAgain // the cache lost it between two reads
	}
	s.known, s.uplinks = known, s.catalog.UplinksOf(s.network)
	if s.users, err = r.listUsers(ctx, s); err != nil {
		return err
	}
	nodes := &corev1.NodeList{}
	if err := r.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	s.nodes = nodes.Items
	if s.nmstateGone = !r.components.Has(Nmstate); s.nmstateGone {
		return nil
	}
	policies := &nmstate.PolicyList{}
	if err := r.List(ctx, policies, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	s.policies = map[string]nmstate.Policy{}
	for _, p := range policies.Items {
		s.policies[p.Name] = p
	}
	if s.enactments, err = listEnactments(ctx, r.Client); err != nil {
		return err
	}
	s.states, err = listNodeStates(ctx, r.Client)
	return err
}

// provision decides whether hosts should have the network now: always, or while it is used, and for a while after.
func (r *HostNetworkReconciler) provision(_ context.Context, s *hostNetworkScope) error {
	status := &s.network.Status
	status.Users = int32(len(s.users))
	status.UsedBy = s.users[:min(len(s.users), maxUsedBy)]
	status.VLANsInUse = s.vlans
	provisioned, lastUsed, wait := provisioned(provisioning{spec: s.network.Spec, deleted: !s.network.DeletionTimestamp.IsZero(),
		users: len(s.users), before: s.before.Status.Provisioned, lastUsed: s.before.Status.LastUsed, now: s.now})
	status.Provisioned, status.LastUsed = provisioned, lastUsed
	s.requeue = wait
	return nil
}

// letGo takes the finalizer off a deleted HostNetwork when nobody uses it and no node has it, after its attachments are gone.
func (r *HostNetworkReconciler) letGo(ctx context.Context, s *hostNetworkScope) error {
	if s.network.DeletionTimestamp.IsZero() {
		return nil
	}
	leaving, err := definitionsLeaving(ctx, r.Live)
	if err != nil {
		return err
	}
	if !leaving && (len(s.users) > 0 || s.holders > 0 || s.before.Status.Provisioned) {
		return nil
	}
	if err := r.deleteAttachments(ctx, s); err != nil {
		return err
	}
	log.FromContext(ctx).Info("HostNetwork is gone from all nodes")
	s.before = nil // nothing is left to publish to
	r.pace.forget(s.network.UID)
	return release(ctx, r.Client, s.network)
}

// deleteAttachments deletes the attachments that were made for the network, and no others of its label.
func (r *HostNetworkReconciler) deleteAttachments(ctx context.Context, s *hostNetworkScope) error {
	if !r.components.Has(Multus) {
		return nil
	}
	list := &netattach.NetworkAttachmentDefinitionList{}
	if err := r.Live.List(ctx, list, client.MatchingLabels{v1alpha1.HostNetworkLabel: s.network.Name, v1alpha1.ManagedByLabel: v1alpha1.ManagedBy}); err != nil {
		return fmt.Errorf("attachments: %w", err)
	}
	for i := range list.Items {
		nad := &list.Items[i]
		if nad.Annotations[v1alpha1.OwnerUIDAnnotation] != string(s.network.UID) {
			continue
		}
		if err := r.Delete(ctx, nad, client.Preconditions{UID: &nad.UID, ResourceVersion: &nad.ResourceVersion}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("attachment %s/%s: %w", nad.Namespace, nad.Name, err)
		}
	}
	return nil
}

// provisioning is what the decision about provisioning depends on.
type provisioning struct {
	spec     v1alpha1.HostNetworkSpec
	deleted  bool
	users    int
	before   bool
	lastUsed *metav1.Time
	now      time.Time
}

// defaultLinger is used for objects that no schema has completed.
const defaultLinger = 24 * time.Hour

// provisioned decides, and says when the last user went and when to look again. A network that is to be retained stays as it
// is until its HostNetwork is deleted.
func provisioned(p provisioning) (yes bool, lastUsed *metav1.Time, wait time.Duration) {
	if p.users > 0 {
		return true, nil, 0
	}
	if lastUsed = p.lastUsed; lastUsed == nil && p.before {
		t := metav1.NewTime(p.now.Truncate(time.Second))
		lastUsed = &t
	}
	switch {
	case p.deleted:
		return false, lastUsed, 0
	case p.spec.Provision == v1alpha1.ProvisionAlways:
		return true, nil, 0
	case p.before && p.spec.ReclaimPolicy == v1alpha1.ReclaimRetain:
		return true, lastUsed, 0
	case !p.before:
		return false, lastUsed, 0
	}
	linger := defaultLinger
	if p.spec.Linger != nil {
		linger = p.spec.Linger.Duration
	}
	if left := lastUsed.Add(linger).Sub(p.now); left > 0 {
		return true, lastUsed, left
	}
	return false, lastUsed, 0
}
