package machines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Options say how long things take. The zero value is fast; what is usual in reality is in brackets.
type Options struct {
	// StepTime is how long an instance stays in each phase on its way to Running: 20 ms unless said (seconds).
	StepTime time.Duration
	// AgentTime passes from the start of a guest until its agent reports: 50 ms unless said (10 to 120 s).
	AgentTime time.Duration
	// ShutdownTime is how long a guest takes to shut down: 50 ms unless said (up to 3 minutes).
	ShutdownTime time.Duration
	// MigrationTime is how long a migration takes once the pod on the target runs: 200 ms unless said (seconds to minutes).
	MigrationTime time.Duration
}

func (o Options) withDefaults() Options {
	o.StepTime = cmp.Or(o.StepTime, 20*time.Millisecond)
	o.AgentTime = cmp.Or(o.AgentTime, 50*time.Millisecond)
	o.ShutdownTime = cmp.Or(o.ShutdownTime, 50*time.Millisecond)
	o.MigrationTime = cmp.Or(o.MigrationTime, 200*time.Millisecond)
	return o
}

// Runner plays KubeVirt for the whole cluster. Its methods are safe for concurrent use.
type Runner struct {
	cfg    *rest.Config
	opts   Options
	client client.Client
	wake   chan struct{}

	mu        sync.Mutex // guards what follows; held during a pass
	instances map[types.UID]*instance
	disks     map[types.UID]*disk // by UID of the VirtualMachine
	wishes    map[types.NamespacedName]*wishes
	deletions map[types.UID]time.Time // of pods: when it was first seen
	troubles  map[types.NamespacedName]error
	started   int // pods that ever ran, for their addresses

	lifecycle sync.Mutex
	stop      context.CancelFunc // nil while it does not run
	done      sync.WaitGroup
}

// wishes are what a test wants of one machine, whatever its instance.
type wishes struct {
	noAgent bool
	// drift is what the guest has on an interface instead of what cloud-init gave it.
	drift map[string][]netip.Prefix
	// guestOnly are interfaces that the guest made by itself.
	guestOnly []GuestNIC
	// held keeps launcher pods from ending.
	held     bool
	shutdown time.Duration
	// ends is how the guest ends by itself; empty is not at all.
	ends kubevirtv1.VirtualMachineInstancePhase
	// migrates asks for a migration.
	migrates *migration
}

const (
	// soon is when to look again after a change was lost to somebody else's.
	soon = 10 * time.Millisecond
	// later is when to look again after an error.
	later = 200 * time.Millisecond
	// idle is when to look again when nothing is known to be due.
	idle = 2 * time.Second
)

// New returns a runner for the cluster that cfg reaches as an administrator. KubeVirt's CRDs must be there.
func New(cfg *rest.Config, opts Options) (*Runner, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.UserAgent, cfg.ContentType = -1, "virt-controller-lab", "application/json"
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, kubevirtv1.AddToScheme, netattach.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("machines: client: %w", err)
	}
	return &Runner{cfg: cfg, opts: opts.withDefaults(), client: c, wake: make(chan struct{}, 1),
		instances: map[types.UID]*instance{}, disks: map[types.UID]*disk{}, wishes: map[types.NamespacedName]*wishes{},
		deletions: map[types.UID]time.Time{}, troubles: map[types.NamespacedName]error{}}, nil
}

// Run starts the runner; it works until the context ends or Halt.
func (r *Runner) Run(ctx context.Context) error {
	r.lifecycle.Lock()
	defer r.lifecycle.Unlock()
	if r.stop != nil {
		return errors.New("machines: runs already")
	}
	running, stop := context.WithCancel(ctx)
	informers, err := r.watch(running)
	if err != nil {
		stop()
		return err
	}
	r.stop = stop
	r.done.Go(func() { _ = informers.Start(running) })
	r.done.Go(func() { r.loop(running) })
	return nil
}

// Halt stops the runner and waits for it. Objects stay as they are, and so do guests: Run goes on with them.
func (r *Runner) Halt() {
	r.lifecycle.Lock()
	defer r.lifecycle.Unlock()
	if r.stop == nil {
		return
	}
	r.stop()
	r.done.Wait()
	r.stop = nil
}

// watch wakes the loop at every change of what it looks at.
func (r *Runner) watch(ctx context.Context) (cache.Cache, error) {
	informers, err := cache.New(r.cfg, cache.Options{Scheme: r.client.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("machines: cache: %w", err)
	}
	poke := toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { r.poke() }, UpdateFunc: func(any, any) { r.poke() }, DeleteFunc: func(any) { r.poke() },
	}
	for _, object := range []client.Object{&kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{}, &corev1.Pod{}, &corev1.Node{},
		&corev1.Secret{}, &netattach.NetworkAttachmentDefinition{}} {
		informer, err := informers.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if meta.IsNoMatchError(err) {
			continue // without Multus machines wait, and the loop looks again now and then
		}
		if err != nil {
			return nil, fmt.Errorf("machines: watch %T: %w", object, err)
		}
		if _, err := informer.AddEventHandler(poke); err != nil {
			return nil, fmt.Errorf("machines: watch %T: %w", object, err)
		}
	}
	return informers, nil
}

func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Runner) loop(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(r.pass(ctx))
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pass is one look at everything. It works on what is stored at the time, not on a cache, and does one step of each object.
type pass struct {
	*Runner
	now   time.Time
	next  time.Duration // when to look again at the latest
	nodes []corev1.Node
	vmis  map[types.NamespacedName]*kubevirtv1.VirtualMachineInstance
	pods  map[types.UID][]*corev1.Pod // launcher pods by the UID of their instance
}

// pass looks at everything once, and returns when to look again at the latest.
func (r *Runner) pass(ctx context.Context) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &pass{Runner: r, now: time.Now(), next: idle, vmis: map[types.NamespacedName]*kubevirtv1.VirtualMachineInstance{},
		pods: map[types.UID][]*corev1.Pod{}}
	vms, vmis := &kubevirtv1.VirtualMachineList{}, &kubevirtv1.VirtualMachineInstanceList{}
	nodes, pods := &corev1.NodeList{}, &corev1.PodList{}
	launchers := client.MatchingLabels{kubevirtv1.AppLabel: launcherApp}
	if err := errors.Join(r.client.List(ctx, vms), r.client.List(ctx, vmis), r.client.List(ctx, nodes), r.client.List(ctx, pods, launchers)); err != nil {
		return later
	}
	p.nodes = nodes.Items
	for i := range vmis.Items {
		p.vmis[client.ObjectKeyFromObject(&vmis.Items[i])] = &vmis.Items[i]
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		uid := types.UID(pod.Labels[kubevirtv1.CreatedByLabel])
		p.pods[uid] = append(p.pods[uid], pod)
	}
	p.forget(vmis.Items)
	for i := range pods.Items {
		p.do(client.ObjectKeyFromObject(&pods.Items[i]), p.kubelet(ctx, &pods.Items[i]))
	}
	for key, vmi := range p.vmis {
		p.do(key, p.instance(ctx, vmi))
	}
	for i := range vms.Items {
		p.do(client.ObjectKeyFromObject(&vms.Items[i]), p.machine(ctx, &vms.Items[i]))
	}
	return p.next
}

// forget drops what is known of instances that are no more.
func (p *pass) forget(living []kubevirtv1.VirtualMachineInstance) {
	maps.DeleteFunc(p.instances, func(uid types.UID, _ *instance) bool {
		return !slices.ContainsFunc(living, func(vmi kubevirtv1.VirtualMachineInstance) bool { return vmi.UID == uid })
	})
}

// do notes how a step went. What was lost to somebody else's change is tried again at once.
func (p *pass) do(key types.NamespacedName, err error) {
	switch {
	case err == nil:
		delete(p.troubles, key)
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
		p.within(soon)
	default:
		p.troubles[key] = err
		p.within(later)
	}
}

// within asks for another look after some time.
func (p *pass) within(d time.Duration) { p.next = max(time.Millisecond, min(p.next, d)) }

// passed says whether a time is over since then, and asks for another look when it will be.
func (p *pass) passed(since time.Time, d time.Duration) bool {
	left := d - p.now.Sub(since)
	if left > 0 {
		p.within(left)
	}
	return left <= 0
}

// of gives what a test wants of a machine.
func (r *Runner) of(key types.NamespacedName) *wishes {
	if r.wishes[key] == nil {
		r.wishes[key] = &wishes{drift: map[string][]netip.Prefix{}}
	}
	return r.wishes[key]
}
