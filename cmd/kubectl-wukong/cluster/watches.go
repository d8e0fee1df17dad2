package cluster

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Scope is which Wukongs are asked about: those of a namespace, where "" means all, that the labels select, or the one of the
// name.
type Scope struct {
	Namespace string
	Name      string
	Labels    labels.Selector
}

// options select the Wukongs of a scope.
func (s Scope) options() []client.ListOption {
	out := []client.ListOption{client.InNamespace(s.Namespace)}
	if s.Labels != nil {
		out = append(out, client.MatchingLabelsSelector{Selector: s.Labels})
	}
	if s.Name != "" {
		out = append(out, client.MatchingFields{metav1.ObjectNameField: s.Name})
	}
	return out
}

// WukongsIn gives the Wukongs of a scope.
func (c *Cluster) WukongsIn(ctx context.Context, scope Scope) ([]v1alpha1.Wukong, error) {
	list := func() *v1alpha1.WukongList { return &v1alpha1.WukongList{} }
	return pages(ctx, c, "Wukongs", list, func(l *v1alpha1.WukongList) []v1alpha1.Wukong { return l.Items }, scope.options()...)
}

// NodeMetadata gives all nodes, with their metadata alone.
func (c *Cluster) NodeMetadata(ctx context.Context) ([]corev1.Node, error) {
	found, err := c.metadata(ctx, corev1.SchemeGroupVersion.WithKind("Node"), "Nodes")
	var out []corev1.Node
	for _, node := range found {
		out = append(out, corev1.Node{ObjectMeta: node.ObjectMeta})
	}
	return out, err
}

// Changes watches the Wukongs of a scope, and what it may of HostNetworks, HostUplinks, AddressLeases and the events of the
// namespace. The channel gets a value when something may have changed since the last one was taken, and first of all when the
// watches are there; what is read then misses nothing. It is closed when ctx ends, and when the cluster stops answering: then the
// function gives the error.
func (c *Cluster) Changes(ctx context.Context, scope Scope) (<-chan struct{}, func() error) {
	ctx, cancel := context.WithCancelCause(ctx)
	changed := make(chan struct{}, 1)
	watches := []func(context.Context) (watch.Interface, error){
		func(ctx context.Context) (watch.Interface, error) {
			return c.client.Watch(ctx, &v1alpha1.WukongList{}, scope.options()...)
		},
	}
	for _, list := range []client.ObjectList{&v1alpha1.HostNetworkList{}, &v1alpha1.HostUplinkList{}, &v1alpha1.AddressLeaseList{}, &eventsv1.EventList{}} {
		var options []client.ListOption
		if _, namespaced := list.(*eventsv1.EventList); namespaced {
			options = append(options, client.InNamespace(scope.Namespace))
		}
		watches = append(watches, func(ctx context.Context) (watch.Interface, error) {
			w, err := c.client.Watch(ctx, list, options...)
			if cause := causeOf(err); err != nil && (cause == Forbidden || cause == NotInstalled) {
				return nil, nil
			}
			return w, err
		})
	}
	open := make([]watch.Interface, len(watches))
	for i, begin := range watches {
		w, err := begin(ctx)
		if err != nil {
			cancel(explain("watch Wukongs", err))
			break
		}
		open[i] = w
	}
	changed <- struct{}{} // before a watch can fill its place
	for i, begin := range watches {
		go c.keep(ctx, cancel, begin, open[i], changed)
	}
	out := make(chan struct{})
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			select {
			case <-ctx.Done():
				return
			case out <- struct{}{}:
			}
		}
	}()
	return out, func() error {
		defer cancel(context.Canceled)
		if cause := context.Cause(ctx); CauseOf(cause) != "" {
			return cause
		}
		return nil
	}
}

// renewal is the time before a watch that ended begins anew. What changes meanwhile is told by the new one.
const renewal = time.Second

// keep passes changes on, and begins a watch anew that the API server ends. Nil is a watch that the caller has no right to.
func (c *Cluster) keep(ctx context.Context, fail context.CancelCauseFunc, begin func(context.Context) (watch.Interface, error), w watch.Interface, changed chan<- struct{}) {
	for w != nil && ctx.Err() == nil {
		for ended := false; !ended; {
			select {
			case <-ctx.Done():
				w.Stop()
				return
			case event, more := <-w.ResultChan():
				ended = !more || event.Type == watch.Error
			}
			select {
			case changed <- struct{}{}:
			default: // one is on its way already
			}
		}
		w.Stop()
		select {
		case <-ctx.Done():
			return
		case <-time.After(renewal):
		}
		var err error
		if w, err = begin(ctx); err != nil {
			fail(explain("watch Wukongs", err))
			return
		}
	}
}
