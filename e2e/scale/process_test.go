package scale

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	toolscache "k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/nmstate"
)

// memory reads from the kernel the peak and the present size of what a process has resident, in bytes.
func memory(pid int) (peak, rss int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64) // other lines are no numbers
		switch fields[0] {
		case "VmHWM:":
			peak = kib << 10
		case "VmRSS:":
			rss = kib << 10
		}
	}
	return peak, rss, nil
}

// cpu is what a process has used.
func cpu(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Fields 14 and 15 are user and system time, in hundredths of a second; the name in brackets is field 2.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// heap is what is in use after garbage collection, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// inProcess runs a controller in this process until it rests, and gives the heap that it holds. A profile of it goes into a file,
// and its first lines into the log of the test.
func (h *hall) inProcess(profile string) int64 {
	h.t.Helper()
	before := heap()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	if profile != "" {
		f, err := os.Create(profile + ".cpu")
		must(h.t, err)
		defer f.Close()
		must(h.t, pprof.StartCPUProfile(f))
	}
	rc, err := h.Cluster.ServiceAccountConfig(ctx, "wukong-network", "wukong-network")
	must(h.t, err)
	mgr, err := controllers.NewManager(ctx, rc, controllers.DefaultConfig(), controllers.ManagerOptions{ManyInOneProcess: true})
	must(h.t, err)
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		h.t.Fatal("the cache did not sync")
	}
	for calm := 0; calm < 20; time.Sleep(100 * time.Millisecond) {
		if waiting() > 0 {
			calm = 0
		} else {
			calm++
		}
	}
	pprof.StopCPUProfile() // which does nothing where none runs
	after := heap()
	if profile != "" {
		h.profile(profile)
	}
	cancel()
	must(h.t, <-done)
	runtime.KeepAlive(mgr)
	return after - before
}

// waiting is what is in the queues of the controllers in this process, and in their hands.
func waiting() (n float64) {
	families, err := metrics.Registry.Gather()
	if err != nil {
		return 1
	}
	for _, f := range families {
		if f.GetName() == "workqueue_depth" || f.GetName() == "controller_runtime_active_workers" {
			for _, m := range f.Metric {
				n += m.GetGauge().GetValue()
			}
		}
	}
	return n
}

func (h *hall) profile(path string) {
	h.t.Helper()
	f, err := os.Create(path)
	must(h.t, err)
	must(h.t, pprof.WriteHeapProfile(f))
	must(h.t, f.Close())
	out, err := exec.CommandContext(h.t.Context(), "go", "tool", "pprof", "-sample_index=inuse_space", "-top", "-cum", "-nodecount=40", path).CombinedOutput()
	h.t.Logf("go tool pprof %s: %v\n%s", path, err, out)
}

// bareFigures are those of a cache of the same objects.
type bareFigures struct {
	heap    int64
	took    time.Duration
	objects map[string]int
}

// kept are the objects that the controller keeps, as it keeps them.
func kept() []client.Object {
	pod, namespace := &metav1.PartialObjectMetadata{}, &metav1.PartialObjectMetadata{}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return []client.Object{&v1alpha1.Wukong{}, &v1alpha1.AddressLease{}, &v1alpha1.AddressPool{}, &v1alpha1.AddressReservation{}, &v1alpha1.HostUplink{},
		&v1alpha1.HostNetwork{}, &nmstate.NodeNetworkState{}, &nmstate.Enactment{}, &nmstate.Policy{},
		&kubevirtv1.VirtualMachine{}, &kubevirtv1.VirtualMachineInstance{}, &netattach.NetworkAttachmentDefinition{}, pod, &corev1.Node{}, namespace,
		&corev1.Service{}}
}

// costs gives the heap of each kind in the controller's cache.
func (h *hall) costs() map[string]int64 {
	h.t.Helper()
	out := map[string]int64{}
	for _, o := range kept() {
		kind, err := apiutil.GVKForObject(o, controllers.NewScheme())
		must(h.t, err)
		options := controllers.CacheOptions()
		options.Scheme = controllers.NewScheme()
		out[kind.Kind], _, _ = h.cached(options, []client.Object{o})
	}
	return out
}

// cached lists objects into a cache, and gives its heap, the time that it took, and the numbers of objects.
func (h *hall) cached(options cache.Options, objects []client.Object) (int64, time.Duration, map[string]int) {
	h.t.Helper()
	before, began := heap(), time.Now()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	c, err := cache.New(h.Cluster.AdminConfig(), options)
	must(h.t, err)
	done := make(chan error, 1)
	go func() { done <- c.Start(ctx) }()
	informers := make([]cache.Informer, len(objects))
	for i, o := range objects {
		informers[i], err = c.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		must(h.t, err)
	}
	if !c.WaitForCacheSync(ctx) {
		h.t.Fatal("a cache did not sync")
	}
	took, numbers := time.Since(began), map[string]int{}
	size := heap() - before
	for i, informer := range informers {
		numbers[objects[i].GetObjectKind().GroupVersionKind().Kind] = len(informer.(toolscache.SharedIndexInformer).GetStore().ListKeys())
	}
	cancel()
	must(h.t, <-done)
	return size, took, numbers
}

// bareCache lists everything that the controller watches into a cache that keeps objects whole.
func (h *hall) bareCache() (f bareFigures) {
	h.t.Helper()
	var whole []client.Object
	for _, o := range kept() {
		kind, err := apiutil.GVKForObject(o, controllers.NewScheme())
		must(h.t, err)
		bare := &unstructured.Unstructured{}
		bare.SetGroupVersionKind(kind)
		whole = append(whole, bare)
	}
	f.heap, f.took, f.objects = h.cached(cache.Options{}, whole)
	return f
}

// prepareScrapes makes an account that may read metrics.
func (h *hall) prepareScrapes() error {
	err := h.Cluster.Apply(h.t.Context(), []byte(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: scraper}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: scraper}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: scraper}
subjects: [{kind: ServiceAccount, namespace: default, name: default}]
`))
	if err != nil {
		return err
	}
	rc, err := h.Cluster.ServiceAccountConfig(h.t.Context(), "default", "default")
	if err == nil {
		h.token = rc.BearerToken
	}
	return err
}
