package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Options scale the handlers. The zero value is fast; the real handler's values are in brackets.
type Options struct {
	// ApplyTime is how long a node works on one apply: 50 ms unless said (seconds to minutes).
	ApplyTime time.Duration
	// ProbeTime is how long a node that a policy cut off stays cut off until it rolls back: 1 s unless said (120 s).
	ProbeTime time.Duration
	// NoRollback leaves such a node cut off for good.
	NoRollback bool
	// Attempts per generation: 5 unless said (5).
	Attempts int
	// Backoff and MaxBackoff bound the pause between attempts: 20 ms and 200 ms unless said (1 s, 30 s).
	Backoff, MaxBackoff time.Duration
	// StateRefresh is how often a node looks for changes of its network: 200 ms unless said (60 s).
	StateRefresh time.Duration
	// Release is the handler to behave as: V087 unless said.
	Release Release
	// Capture evaluates a policy's captures against the current state and returns the desired state: Captures does, with
	// the real nmstatectl. Without it such policies fail on every node. It is given the state that the node had when it
	// first met the policy, because handlers evaluate captures once and keep them with the enactment.
	Capture func(capture map[string]string, desired, current map[string]any) (map[string]any, error)
}

// Release is a range of releases of kubernetes-nmstate.
type Release int

const (
	// V087 is v0.86 and v0.87.
	V087 Release = iota
	// Before086 shows a new generation with the old conditions at first, and has no reason Retrying.
	Before086
	// After087 does not apply again what is Available already, and takes back the slots of failed nodes.
	After087
)

func (o Options) withDefaults() Options {
	o.ApplyTime = cmp.Or(o.ApplyTime, 50*time.Millisecond)
	o.ProbeTime = cmp.Or(o.ProbeTime, time.Second)
	o.Attempts = cmp.Or(o.Attempts, 5)
	o.Backoff = cmp.Or(o.Backoff, 20*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 200*time.Millisecond)
	o.StateRefresh = cmp.Or(o.StateRefresh, 200*time.Millisecond)
	return o
}

// NodeSpec describes a node to simulate.
type NodeSpec struct {
	Name string
	// Labels are added to those that every Linux node has.
	Labels map[string]string
	// Address is the node's InternalIP. Once no interface that is up carries it, the node is cut off.
	Address netip.Addr
	NICs    []NIC
	DNS     []netip.Addr
	// Existing is a further state in nmstate's YAML, applied to the NICs before the node joins: bonds, VLANs, bridges
	// that are there already.
	Existing string
	// ApplyTime is how long this node works on one apply: Options.ApplyTime unless said. Slow changes it later.
	ApplyTime time.Duration
	// NoOVS is a node on which Open vSwitch does not run.
	NoOVS bool
	// Machine is the host of this node; NICs, DNS, Existing and NoOVS are not looked at then. One is simulated unless said.
	Machine Machine
}

// Lab simulates the nodes of one cluster.
type Lab struct {
	cfg    *rest.Config
	opts   Options
	store  store
	events chan Event

	mu       sync.Mutex // guards what follows
	handlers map[string]*handler
	lost     map[string]*handler // of nodes that LoseNode took
	cutOffs  map[string]int
	running  context.Context // nil until Start
	stop     context.CancelFunc
	watching sync.WaitGroup
}

// New returns a lab without nodes for the cluster that cfg reaches as an administrator. nmstate's CRDs must be there.
func New(cfg *rest.Config, opts Options) (*Lab, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.UserAgent = -1, "nmstate-handler-lab"
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("lab: client: %w", err)
	}
	return &Lab{cfg: cfg, opts: opts.withDefaults(), store: store{c}, events: make(chan Event, eventBuffer),
		handlers: map[string]*handler{}, lost: map[string]*handler{}, cutOffs: map[string]int{}}, nil
}

// Start runs the handlers of all nodes, and of those that join later, until the context ends or Stop.
func (l *Lab) Start(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	l.mu.Lock()
	if l.stop != nil {
		l.mu.Unlock()
		stop()
		return errors.New("lab: started already")
	}
	l.stop = stop
	l.mu.Unlock()
	if err := l.watch(running); err != nil {
		stop()
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = running
	for _, name := range sortedKeys(l.handlers) {
		l.handlers[name].start(running)
	}
	return nil
}

// Stop ends all handlers and waits for them. Hosts and objects stay as they are.
func (l *Lab) Stop() {
	l.mu.Lock()
	stop := l.stop
	l.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	for _, h := range l.all() {
		h.halt()
	}
	l.watching.Wait()
}
