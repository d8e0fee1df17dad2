package cluster

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// An API server answers a watch at once with what exists, which may be before anybody listens.
func TestTheFirstLookComesHoweverEarlyWatchesTellOfSomething(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	talkative := interceptor.Funcs{Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (watch.Interface, error) {
		w := watch.NewFakeWithChanSize(1, false)
		w.Add(&v1alpha1.Wukong{})
		return w, nil
	}}
	c := &Cluster{client: fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(talkative).Build()}
	for range 2000 {
		looked := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			changes, _ := c.Changes(ctx, Scope{})
			<-changes
			close(looked)
		}()
		select {
		case <-looked:
			cancel()
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was told")
		}
	}
}
