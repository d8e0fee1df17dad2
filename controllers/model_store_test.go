package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/history"
)

// modelStore is an API server in memory, as far as leases need one: names are taken once, writes carry the version that they
// were decided on, and every write has a number. Objects in it are never changed.
type modelStore struct {
	now     func() time.Time
	version int64
	uids    int
	objects map[modelKey]client.Object
	log     []modelEvent
	checker history.Checker

	// broken makes creates and updates succeed that have to be refused, to see that a checker notices.
	broken bool
}

// modelKey names an object.
type modelKey struct {
	kind string
	types.NamespacedName
}

// modelEvent is one write: what the object was from then on, or nil.
type modelEvent struct {
	key    modelKey
	object client.Object
}

var modelScheme = NewScheme()

// kindsOf remembers kinds by Go type: asking the scheme each time is slow.
var kindsOf = func() map[reflect.Type]schema.GroupVersionKind {
	out := map[reflect.Type]schema.GroupVersionKind{}
	for gvk, t := range modelScheme.AllKnownTypes() {
		out[t] = gvk
	}
	return out
}()

// keyOf gives the key of an object. Metadata alone stands for the object that it says it is of.
func keyOf(o client.Object) modelKey {
	gvk := kindsOf[reflect.TypeOf(o).Elem()]
	if _, partial := o.(*metav1.PartialObjectMetadata); partial {
		gvk = o.GetObjectKind().GroupVersionKind()
	}
	return modelKey{gvk.Kind, client.ObjectKeyFromObject(o)}
}

// put stores an object under the next version; nil deletes it.
func (s *modelStore) put(key modelKey, o client.Object) {
	s.version++
	if o == nil {
		delete(s.objects, key)
	} else {
		o.SetResourceVersion(strconv.FormatInt(s.version, 10))
		s.objects[key] = o
	}
	s.log = append(s.log, modelEvent{key, o})
	e := history.Event{Revision: s.version, Object: history.Object{Kind: history.Kind(key.kind), Namespace: key.Namespace, Name: key.Name}}
	switch o := o.(type) {
	case *v1alpha1.AddressLease:
		e.Lease = o
	case *v1alpha1.Wukong:
		e.Wukong = o
	case nil:
	default:
		return
	}
	s.checker.Add(e)
}

func resourceOf(key modelKey) schema.GroupResource { return schema.GroupResource{Resource: key.kind} }

func (s *modelStore) create(o client.Object) error {
	key := keyOf(o)
	if s.objects[key] != nil && !s.broken {
		return apierrors.NewAlreadyExists(resourceOf(key), key.Name)
	}
	s.uids++
	o.SetUID(types.UID(fmt.Sprintf("uid-%d", s.uids)))
	o.SetGeneration(1)
	o.SetCreationTimestamp(metav1.NewTime(s.now().Truncate(time.Second)))
	stored := o.DeepCopyObject().(client.Object)
	s.put(key, stored)
	o.SetResourceVersion(stored.GetResourceVersion())
	return nil
}

// replace is an update: status says that only the status is taken, and otherwise only the rest is.
func (s *modelStore) replace(o client.Object, status bool) error {
	key := keyOf(o)
	before := s.objects[key]
	switch {
	case before == nil:
		return apierrors.NewNotFound(resourceOf(key), key.Name)
	case before.GetUID() != o.GetUID() || (before.GetResourceVersion() != o.GetResourceVersion() && !s.broken):
		return apierrors.NewConflict(resourceOf(key), key.Name, errors.New("the object has been modified"))
	}
	after := o.DeepCopyObject().(client.Object)
	if w, ok := after.(*v1alpha1.Wukong); ok {
		old := before.(*v1alpha1.Wukong)
		if status {
			fresh := old.DeepCopy()
			fresh.Status = w.Status
			w, after = fresh, fresh
		} else {
			w.Status = old.Status
		}
		if w.Generation = old.Generation; !equality.Semantic.DeepEqual(old.Spec, w.Spec) {
			w.Generation++
		}
	}
	s.put(key, after)
	o.SetResourceVersion(after.GetResourceVersion())
	return nil
}

func (s *modelStore) remove(key modelKey, pre *metav1.Preconditions) error {
	before := s.objects[key]
	switch {
	case before == nil:
		return apierrors.NewNotFound(resourceOf(key), key.Name)
	case pre != nil && pre.UID != nil && *pre.UID != before.GetUID(), pre != nil && pre.ResourceVersion != nil && *pre.ResourceVersion != before.GetResourceVersion():
		return apierrors.NewConflict(resourceOf(key), key.Name, errors.New("the precondition does not hold"))
	}
	s.put(key, nil)
	return nil
}

// modelView is a set of objects that can be read: those of the store, or those of a cache.
type modelView map[modelKey]client.Object

func (v modelView) get(key client.ObjectKey, into client.Object) error {
	wanted := keyOf(into)
	wanted.NamespacedName = key
	o := v[wanted]
	if o == nil {
		return apierrors.NewNotFound(resourceOf(wanted), key.Name)
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(o.DeepCopyObject()).Elem())
	return nil
}

// list reads the objects of a kind, in the order of their names, narrowed by namespace and by cache indexes.
func (v modelView) list(into client.ObjectList, indexes modelIndexes, opts ...client.ListOption) error {
	gvk, err := apiutil.GVKForObject(into, modelScheme)
	if err != nil {
		return err
	}
	kind := gvk.Kind[:len(gvk.Kind)-len("List")]
	var options client.ListOptions
	options.ApplyOptions(opts)
	var keys []modelKey
	for key, o := range v {
		if key.kind == kind && (options.Namespace == "" || key.Namespace == options.Namespace) && indexes.match(kind, o, options) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b modelKey) int { return compareNames(a.NamespacedName, b.NamespacedName) })
	found := make([]runtime.Object, len(keys))
	for i, key := range keys {
		found[i] = v[key].DeepCopyObject()
	}
	return meta.SetList(into, found)
}

func compareNames(a, b types.NamespacedName) int {
	return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
}

// modelIndexes are the indexes of caches, by kind and name.
type modelIndexes map[string]client.IndexerFunc

func (m modelIndexes) IndexField(_ context.Context, o client.Object, field string, f client.IndexerFunc) error {
	m[keyOf(o).kind+"/"+field] = f
	return nil
}

func (m modelIndexes) match(kind string, o client.Object, options client.ListOptions) bool {
	if options.FieldSelector == nil {
		return true
	}
	for _, r := range options.FieldSelector.Requirements() {
		if !slices.Contains(m[kind+"/"+r.Field](o), r.Value) {
			return false
		}
	}
	return true
}

// modelAPI is the API server as one replica reaches it. Each call is a moment at which others may act, at which the replica may
// die, and of which the answer may get lost.
type modelAPI struct {
	client.Client // what is not modelled
	replica       *modelReplica
	cached        bool // reads come from the replica's cache
}

func (c modelAPI) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if c.cached {
		return c.replica.cache.get(key, into)
	}
	return c.replica.call(ctx, false, func() error { return modelView(c.replica.model.store.objects).get(key, into) })
}

func (c modelAPI) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	if c.cached {
		return c.replica.cache.list(into, c.replica.model.indexes, opts...)
	}
	if _, pods := into.(*corev1.PodList); pods {
		return nil // no machine runs
	}
	return c.replica.call(ctx, false, func() error {
		return modelView(c.replica.model.store.objects).list(into, c.replica.model.indexes, opts...)
	})
}

func (c modelAPI) Create(ctx context.Context, o client.Object, _ ...client.CreateOption) error {
	return c.replica.call(ctx, true, func() error { return c.replica.model.store.create(o) })
}

func (c modelAPI) Update(ctx context.Context, o client.Object, _ ...client.UpdateOption) error {
	return c.replica.call(ctx, true, func() error { return c.replica.model.store.replace(o, false) })
}

func (c modelAPI) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	var options client.DeleteOptions
	options.ApplyOptions(opts)
	return c.replica.call(ctx, true, func() error { return c.replica.model.store.remove(keyOf(o), options.Preconditions) })
}

func (c modelAPI) Status() client.SubResourceWriter { return modelStatus{api: c} }

// modelStatus writes statuses. Every patch of one carries the version that it was made from, so that what is patched is what is
// stored, and taking the whole status is the same.
type modelStatus struct {
	client.SubResourceWriter
	api modelAPI
}

func (c modelStatus) Patch(ctx context.Context, o client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	data, err := patch.Data(o)
	if err != nil {
		return err
	}
	var content struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return err
	}
	if content.Metadata.ResourceVersion != o.GetResourceVersion() {
		return fmt.Errorf("a status is patched without the version that it was decided on: %s", data)
	}
	return c.api.replica.call(ctx, true, func() error { return c.api.replica.model.store.replace(o, true) })
}

// snapshot gives what is stored now, for a cache that begins.
func (s *modelStore) snapshot() modelView { return modelView(maps.Clone(s.objects)) }
