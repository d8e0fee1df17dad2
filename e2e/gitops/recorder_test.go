package gitops

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
)

// id names an object of the store.
type id struct {
	kind string
	types.NamespacedName
}

func (i id) String() string { return fmt.Sprintf("%s %s", i.kind, i.NamespacedName) }

// revision is one revision of one object. Watches miss none, and all kinds are numbered in one sequence.
type revision struct {
	number  int64
	id      id
	object  *unstructured.Unstructured
	deleted bool
	came    time.Time
}

// recorder writes down each revision of our kinds, and of all that is evidence for what their status says.
type recorder struct {
	client client.WithWatch
	mu     sync.Mutex
	list   []revision
	seen   map[id]int64
}

// recorded are the kinds that are written down.
var recorded = func() []schema.GroupVersionKind {
	out := []schema.GroupVersionKind{
		{Version: "v1", Kind: "Node"}, {Version: "v1", Kind: "Secret"}, {Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachineInstance"},
		{Group: "nmstate.io", Version: "v1", Kind: "NodeNetworkConfigurationPolicy"},
		{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkConfigurationEnactment"},
		{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkState"},
		v1alpha1.GroupVersion.WithKind("AddressLease"),
	}
	for _, kind := range kinds {
		out = append(out, v1alpha1.GroupVersion.WithKind(kind))
	}
	return out
}()

// record begins; it goes on until ctx ends.
func record(ctx context.Context, c client.WithWatch) (*recorder, error) {
	r := &recorder{client: c, seen: map[id]int64{}}
	for _, gvk := range recorded {
		watching, err := c.Watch(ctx, listOf(gvk))
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", gvk.Kind, err)
		}
		go func() {
			for e := range watching.ResultChan() {
				r.note(e)
			}
		}()
	}
	return r, nil
}

func listOf(gvk schema.GroupVersionKind) *unstructured.UnstructuredList {
	out := &unstructured.UnstructuredList{}
	gvk.Kind += "List"
	out.SetGroupVersionKind(gvk)
	return out
}

func (r *recorder) note(e watch.Event) {
	object, ok := e.Object.(*unstructured.Unstructured)
	if !ok || e.Type == watch.Error || e.Type == watch.Bookmark {
		return // that something is missing shows in sync
	}
	number, err := strconv.ParseInt(object.GetResourceVersion(), 10, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	which := idOf(object)
	r.list = append(r.list, revision{number, which, object, e.Type == watch.Deleted, time.Now()})
	r.seen[which] = number
}

func idOf(object *unstructured.Unstructured) id {
	return id{object.GetKind(), client.ObjectKeyFromObject(object)}
}

// sync waits until everything is recorded that the store has now.
func (r *recorder) sync(t *testing.T) {
	t.Helper()
	for _, gvk := range recorded {
		list := listOf(gvk)
		if err := r.client.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		world.Eventually(t, time.Minute, func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			for i := range list.Items {
				number, _ := strconv.ParseInt(list.Items[i].GetResourceVersion(), 10, 64)
				if seen := r.seen[idOf(&list.Items[i])]; seen < number {
					return fmt.Errorf("%s is recorded up to revision %d, and is at %d", idOf(&list.Items[i]), seen, number)
				}
			}
			return nil
		})
	}
}

// revisions gives what was recorded, in the order of the store.
func (r *recorder) revisions() []revision {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.list)
	slices.SortFunc(out, func(a, b revision) int { return cmp.Compare(a.number, b.number) })
	return out
}
