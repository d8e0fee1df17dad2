package walkthrough

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/world"
)

// deployments plays kubelets: while there is a Deployment of the controller, it runs, and the Deployment says so.
func (r *reader) deployments() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("the controller: %v", err)
		}
	})
	go func() { done <- r.deploy(ctx) }()
}

func (r *reader) deploy(ctx context.Context) error {
	var stop func() error
	for ctx.Err() == nil { // the reader makes the Deployment, may change it, and may delete it
		d := &appsv1.Deployment{}
		err := r.Admin.Get(ctx, types.NamespacedName{Namespace: world.Namespace, Name: "wukong-network"}, d)
		switch {
		case apierrors.IsNotFound(err):
			if stop, err = r.scale(ctx, 0, stop); err != nil {
				return err
			}
		case err == nil && d.Status.ObservedGeneration != d.Generation:
			n := *d.Spec.Replicas
			if stop, err = r.scale(ctx, n, stop); err != nil {
				return err
			}
			d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
				Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"}}}
			_ = r.Admin.Status().Update(ctx, d) // or the next time
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	_, err := r.scale(ctx, 0, stop)
	return err
}

// scale has the controller run, or not where there are no replicas. It is given what stops the one that runs, or nil, and gives
// that of the one that runs then.
func (r *reader) scale(ctx context.Context, replicas int32, stop func() error) (func() error, error) {
	switch {
	case replicas > 0 && stop == nil:
		return r.RunController(context.WithoutCancel(ctx), r.cfg)
	case replicas == 0 && stop != nil:
		return nil, stop()
	}
	return stop, nil
}

// logs gives the controller a pod on node-c, and plays its kubelet as far as the log of that pod goes.
func (r *reader) logs() {
	r.t.Helper()
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasPrefix(req.URL.Path, "/containerLogs/"+world.Namespace+"/wukong-network-0/manager") {
			http.NotFound(w, req)
			return
		}
		fmt.Fprintln(w, `{"level":"info","msg":"Lease changed"}`)
	}))
	r.t.Cleanup(kubelet.Close)
	node := &corev1.Node{}
	must(r.t, r.Admin.Get(r.t.Context(), client.ObjectKey{Name: "node-c"}, node))
	address := kubelet.Listener.Addr().(*net.TCPAddr)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.IP.String()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(address.Port)
	must(r.t, r.Admin.Status().Update(r.t.Context(), node))

	d := &appsv1.Deployment{}
	must(r.t, r.Admin.Get(r.t.Context(), types.NamespacedName{Namespace: world.Namespace, Name: "wukong-network"}, d))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: "wukong-network-0", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
	pod.Spec.NodeName = node.Name
	must(r.t, r.Admin.Create(r.t.Context(), pod))
	pod.Status.Phase = corev1.PodRunning
	must(r.t, r.Admin.Status().Update(r.t.Context(), pod))
}

// helm gives the reader the newer Helm of e2e/tools.
func (r *reader) helm() {
	r.t.Helper()
	path, err := exec.CommandContext(r.t.Context(), "go", "tool", "-C", root, "-modfile=e2e/tools/helm4/go.mod", "-n", "helm").Output()
	must(r.t, err)
	must(r.t, os.Symlink(strings.TrimSpace(string(path)), filepath.Join(r.bin, "helm")))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
