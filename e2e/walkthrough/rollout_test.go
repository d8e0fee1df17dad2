package walkthrough

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// TestARolloutThatFailedIsSteeredAsThePagesShow follows both pages through one story: lab-100 is rolled out beside lab and fails on
// node-b, node-c lives on eth1, and node-d waits.
func TestARolloutThatFailedIsSteeredAsThePagesShow(t *testing.T) {
	nodes := []lab.NodeSpec{world.Node("node-a", 11), world.Node("node-b", 12), resident("node-c", 13), world.Node("node-d", 14)}
	nodes[1].NICs, nodes[3].NICs = nodes[1].NICs[:2], nodes[3].NICs[:2]
	r := newReaderOf(t, lab.Options{}, nodes...)
	r.machines()
	r.cfg.RetryAfter = time.Hour // nobody but the reader asks node-b again
	r.install()
	r.prepares("kubectl apply -f config/samples/namespaces.yaml -f "+testdata("workers.yaml"), "mkdir platform",
		"cp "+testdata("workers.yaml")+" platform/")
	r.runs("team-a", "web", "lab=192.0.2.10")
	r.prepares("kubectl cordon node-a node-b")
	r.runs("team-b", "db", "lab=192.0.2.78")
	r.prepares("kubectl uncordon node-a node-b", "kubectl wait hostuplink/workers --for=condition=Ready --timeout=2m",
		"kubectl wait hostuplink/workers --for=jsonpath={.status.nodes.applied}=3 --timeout=2m")
	must(t, r.Lab.Fail("node-b", tooLarge))
	r.runs("team-b", "router", "lab=192.0.2.77", "lab-100=198.51.100.9")
	story := &rollout{reader: r, says: failing}
	r.readsAlong("docs/hosts-commands.md", story.before)
	r.tries("docs/hosts-commands.md")
	r.readsAlong("docs/rollout.md", story.before)
}

// tooLarge is what is wrong with node-b.
var tooLarge = lab.Fault{Error: "InvalidArgument: MTU is too large"}

// What HostUplink workers says when nothing moves any more.
const (
	failing    = "node-b: InvalidArgument: MTU is too large (1/3 nodes configured)"
	rolledBack = "3/3 nodes configured with the last good revision; "
	configured = "3/3 nodes configured; 1 left out: node-c: "
)

// rollout is what happens to nodes between the commands of the pages.
type rollout struct {
	*reader
	// says is how the message of the HostUplink begins once it has settled.
	says string
}

// before waits until what the last commands began has settled, and prepares what the next ones are about.
func (r *rollout) before(commands string) {
	r.t.Helper()
	r.settles()
	is := func(part string) bool { return strings.Contains(commands, part) }
	switch {
	case is("rollback workers --yes"), is("/rollback="):
		must(r.t, r.Lab.Repair("node-b"))
		r.says = rolledBack
	case is("rollback workers --undo"):
		must(r.t, r.Lab.Fail("node-b", tooLarge))
		r.says = failing
	case is("/adopt="):
		r.prepares("kubectl annotate hostuplink workers vm.novasphere.dev/rollback-")
		r.says = configured
		r.settles()
	case is("kubectl delete"):
		r.tries("docs/rollout.md", "delete hostnetwork lab", "delete hostnetwork lab --wait=false") // it is in use
		r.prepares("kubectl delete wukongs --all -A")
		must(r.t, r.Lab.SetReady(r.t.Context(), "node-b", lab.NotReady))
	}
}

// settles waits until the HostUplink says for a while what it says in the end: a node that is asked again keeps its problem in the
// status for a moment.
func (r *rollout) settles() {
	r.t.Helper()
	const calm = 2 * time.Second
	u, since := &v1alpha1.HostUplink{}, time.Now()
	must(r.t, wait.PollUntilContextTimeout(r.t.Context(), 100*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		if err := r.Admin.Get(ctx, types.NamespacedName{Name: "workers"}, u); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
		asked := u.Annotations[v1alpha1.RetryAnnotation] != ""
		if ready == nil || !strings.HasPrefix(ready.Message, r.says) || ready.ObservedGeneration != u.Generation || asked {
			since = time.Now()
		}
		return time.Since(since) > calm, nil
	}))
}

// testdata gives the path of a file, for what is typed.
func testdata(file string) string { return "e2e/walkthrough/testdata/" + file }

// runs makes a machine with addresses of networks, and waits until it runs.
func (r *reader) runs(namespace, name string, addresses ...string) {
	r.t.Helper()
	var networks []string
	for _, a := range addresses {
		network, address, _ := strings.Cut(a, "=")
		networks = append(networks, fmt.Sprintf("{name: %[1]s, hostNetwork: %[1]s, ipConfig: {mode: static, address: %[2]s/24}}", network, address))
	}
	must(r.t, r.Cluster.Apply(r.t.Context(), fmt.Appendf(nil, `
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {name: %s, namespace: %s}
spec:
  disks: [{name: root, size: 4Gi, boot: true, image: "docker://quay.io/containerdisks/debian:12"}]
  networks: [%s]
`, name, namespace, strings.Join(networks, ", "))))
	r.prepares(fmt.Sprintf("kubectl wait wukong/%s -n %s --for=condition=VirtualMachineReady --timeout=2m", name, namespace))
}
