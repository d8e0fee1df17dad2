package server

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shared gives the same objects to everybody, as a cache does that copies nothing.
type shared struct {
	client.Reader
	lists map[string][]runtime.Object
}

func (s *shared) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	kind := fmt.Sprintf("%T %v", list, options)
	if s.lists[kind] == nil {
		all := list.DeepCopyObject().(client.ObjectList)
		if err := s.Reader.List(ctx, all, options...); err != nil {
			return err
		}
		objects, err := meta.ExtractList(all)
		if err != nil {
			return err
		}
		s.lists[kind] = append([]runtime.Object{}, objects...)
	}
	return meta.SetList(list, s.lists[kind])
}

func TestAnswersChangeNothingInTheCaches(t *testing.T) {
	s := newStage(t, objects(t)...)
	reader := &shared{s.handler.caches.reader, map[string][]runtime.Object{}}
	s.handler.caches.reader = reader
	everything := func() {
		for _, target := range []string{"/addresses?namespace=team-a", "/addresses", "/addresses/192.0.2.10", "/addresses/192.0.2.10/history", "/addresses/192.0.2.70",
			"/macs/02:00:00:aa:bb:02", "/machines/web", "/pools", "/pools/office", "/pools/office/next?count=9", "/segments", "/hosts", "/hosts/workers"} {
			for _, who := range []string{engineer, tenant} {
				if got := s.ask(who, Base+target); got.Code >= http.StatusInternalServerError {
					t.Errorf("%s: %d %s", target, got.Code, got.Body)
				}
			}
		}
	}
	everything()
	before := map[string][]runtime.Object{}
	for kind, objects := range reader.lists {
		before[kind] = []runtime.Object{}
		for _, o := range objects {
			before[kind] = append(before[kind], o.DeepCopyObject())
		}
	}
	if len(reader.lists) < 12 {
		t.Fatalf("few kinds were read: %d", len(reader.lists))
	}
	// Whatever a first round changed for good, such as the order, a fresh copy of the same world shows.
	fresh := newStage(t, objects(t)...)
	for kind, objects := range reader.lists {
		for _, o := range objects {
			original := o.DeepCopyObject().(client.Object)
			if err := fresh.handler.caches.reader.Get(t.Context(), client.ObjectKeyFromObject(original), original); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(original, o); diff != "" {
				t.Errorf("%s %s (-stored +cached):\n%s", kind, original.GetName(), diff)
			}
		}
	}
	everything()
	if diff := cmp.Diff(before, reader.lists); diff != "" {
		t.Errorf("a second round (-before +after):\n%s", diff)
	}
}
