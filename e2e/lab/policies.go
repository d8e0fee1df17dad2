package lab

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// resetPolicy makes a policy's conditions Unknown, as every handler does that starts to look at it.
func (l *Lab) resetPolicy(ctx context.Context, name string) error {
	return client.IgnoreNotFound(l.store.updatePolicy(ctx, name, func(p *policy) error {
		p.Status.Conditions = policyConditions(nil, phaseCreated, "", metav1.Now())
		return nil
	}))
}

// giveBack frees one slot of a policy's generation.
func (l *Lab) giveBack(ctx context.Context, name string, generation int64) error {
	return client.IgnoreNotFound(l.store.updatePolicy(ctx, name, func(p *policy) error {
		key := fmt.Sprint(generation)
		p.Status.count(key, p.Status.UnavailableNodeCountMap[key]-1)
		return nil
	}))
}

// concludePolicy computes a policy's conditions from its enactments. A conflict means that they may have changed, so
// everything is read again.
func (l *Lab) concludePolicy(ctx context.Context, name string) error {
	return client.IgnoreNotFound(l.store.updatePolicy(ctx, name, func(p *policy) error {
		enactments, err := l.store.enactments(ctx, policyLabel, name)
		if err != nil {
			return err
		}
		nodes, err := l.matching(ctx, p)
		if err != nil {
			return err
		}
		at, message := judgePolicy(p.Metadata.Generation, nodes, enactments)
		p.Status.Conditions = policyConditions(p.Status.Conditions, at, message, metav1.Now())
		if at == phaseSucceeded {
			p.Status.UnavailableNodeCountMap = nil
		}
		return nil
	}))
}

// matching counts the nodes with a handler that fit the policy's selector.
func (l *Lab) matching(ctx context.Context, p *policy) (matchingNodes, error) {
	nodes := &corev1.NodeList{}
	if err := l.store.List(ctx, nodes, client.MatchingLabels(p.Spec.NodeSelector)); err != nil {
		return matchingNodes{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var count matchingNodes
	for i := range nodes.Items {
		if l.handlers[nodes.Items[i].Name] == nil {
			continue
		}
		count.all++
		if isReady(&nodes.Items[i]) {
			count.ready++
		}
	}
	return count, nil
}

// watch wakes the handlers: all of them when a policy comes, goes or has a new generation, one when the labels of its
// node change or somebody asks for its NodeNetworkState.
func (l *Lab) watch(ctx context.Context) error {
	informers, err := cache.New(l.cfg, cache.Options{Scheme: scheme.Scheme})
	if err != nil {
		return fmt.Errorf("lab: cache: %w", err)
	}
	everyone := func(name string) {
		for _, h := range l.all() {
			h.look(name)
		}
	}
	for _, w := range []struct {
		object  metav1.PartialObjectMetadata
		handler toolscache.ResourceEventHandlerFuncs
	}{
		{metadata(policyKind.GroupVersion().String(), policyKind.Kind), toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { everyone(nameOf(o)) },
			UpdateFunc: func(before, after any) {
				if before.(client.Object).GetGeneration() != after.(client.Object).GetGeneration() {
					everyone(nameOf(after))
				}
			},
			DeleteFunc: func(o any) { everyone(nameOf(o)) },
		}},
		{metadata("v1", "Node"), toolscache.ResourceEventHandlerFuncs{UpdateFunc: l.nodeChanged(ctx)}},
		{metadata(stateKind.GroupVersion().String(), stateKind.Kind), toolscache.ResourceEventHandlerFuncs{
			UpdateFunc: func(before, after any) {
				asked := after.(client.Object).GetLabels()[forceRefreshLabel]
				if h, err := l.handler(nameOf(after)); err == nil && asked != before.(client.Object).GetLabels()[forceRefreshLabel] {
					h.refresh()
				}
			},
			DeleteFunc: func(o any) {
				if h, err := l.handler(nameOf(o)); err == nil {
					h.republish()
				}
			},
		}},
	} {
		informer, err := informers.GetInformer(ctx, &w.object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("lab: watch %s: %w", w.object.Kind, err)
		}
		if _, err := informer.AddEventHandler(w.handler); err != nil {
			return fmt.Errorf("lab: watch %s: %w", w.object.Kind, err)
		}
	}
	l.watching.Go(func() { _ = informers.Start(ctx) })
	if !informers.WaitForCacheSync(ctx) {
		return fmt.Errorf("lab: caches did not fill: %w", ctx.Err())
	}
	return nil
}

// nodeChanged makes a node look at all policies, by name, when any of its labels changes.
func (l *Lab) nodeChanged(ctx context.Context) func(before, after any) {
	return func(before, after any) {
		h, err := l.handler(nameOf(after))
		if err != nil || maps.Equal(before.(client.Object).GetLabels(), after.(client.Object).GetLabels()) {
			return
		}
		names, err := l.store.policyNames(ctx)
		if err != nil {
			l.tell(Event{Kind: HandlerError, Node: nameOf(after), Message: err.Error()})
			return
		}
		h.look(names...)
	}
}

func (l *Lab) all() []*handler {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*handler, 0, len(l.handlers))
	for _, name := range sortedKeys(l.handlers) {
		out = append(out, l.handlers[name])
	}
	return out
}

func metadata(apiVersion, kind string) metav1.PartialObjectMetadata {
	return metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}}
}

func nameOf(object any) string {
	if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	if o, ok := object.(client.Object); ok {
		return o.GetName()
	}
	return ""
}
