package commands_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	connection "novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/ipam"
)

// TestReleaseHasTheControllerFreeALease frees addresses where the controller runs.
func TestReleaseHasTheControllerFreeALease(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	w, err := world.Prepare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	binary := build(t)
	command := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), binary, args...)
		command.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
		out, err := command.CombinedOutput()
		return string(out), err
	}
	t.Run("a list of several pages is complete", func(t *testing.T) {
		const count = 1203
		fill(t, w, count)
		out, err := command("ip", "list", "--segment", "bulk", "-o", "name")
		if got := strings.Count(out, "\n"); err != nil || got != count {
			t.Errorf("listed %d leases of %d: %v", got, count, err)
		}
	})
	t.Run("a lease that changed since it was read is not freed", func(t *testing.T) { changedMeanwhile(t, c, w) })

	stop, err := w.RunController(context.Background(), controllers.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the controller: %v", err)
		}
	})
	t.Run("a reserved address becomes free", func(t *testing.T) {
		create(t, w, reserved("192.0.2.20", "lab"))
		out, err := command("ip", "release", "192.0.2.20", "--reason", "ticket 42", "--yes")
		if err != nil || !strings.HasPrefix(out, "192.0.2.20 on lab is free; it was Reserved for Wukong team-a/kept network lan since ") {
			t.Errorf("%v: %s", err, out)
		}
		l := &v1alpha1.AddressLease{}
		if err := w.Admin.Get(t.Context(), client.ObjectKey{Name: "ip-192-0-2-20.lab"}, l); err != nil || l.Spec.Phase != v1alpha1.LeaseReleased || len(l.Annotations) > 0 {
			t.Errorf("%v: phase %s, annotations %v", err, l.Spec.Phase, l.Annotations)
		}
		if out, err := command("ip", "who", "192.0.2.20"); err == nil || !strings.Contains(out, "nobody has a lease of 192.0.2.20") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("the controller has the last word", func(t *testing.T) {
		// Its holder took the address between the order and the controller's look at it: the order is played here.
		l := held(t, c, w)
		from := connect(t, c)
		asked, err := from.Free(t.Context(), l, "test", connection.DryRunNone)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := from.Answer(t.Context(), asked)
		if err != nil || answer.Spec.Phase != v1alpha1.LeaseAllocated || answer.Annotations[v1alpha1.FreeAnnotation] != "" {
			t.Errorf("%v: phase %s, annotations %v", err, answer.Spec.Phase, answer.Annotations)
		}
	})
	t.Run("an address whose holder asks for it is refused before anything is written", func(t *testing.T) {
		out, err := command("ip", "release", "192.0.2.10", "--reason", "test", "--yes")
		if err == nil || !strings.Contains(out, "192.0.2.10 on lab is not freed: Wukong team-a/web asks for it") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// changedMeanwhile frees a lease as it was read, after somebody else wrote it.
func changedMeanwhile(t *testing.T, c *cluster.Cluster, w *world.World) {
	create(t, w, reserved("192.0.2.30", "lab"))
	from := connect(t, c)
	read, err := from.Lease(t.Context(), "ip-192-0-2-30.lab")
	if err != nil {
		t.Fatal(err)
	}
	other := read.DeepCopy()
	other.Spec.Phase = v1alpha1.LeaseAllocated
	if err := w.Admin.Update(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Free(t.Context(), read, "test", connection.DryRunNone); connection.CauseOf(err) != connection.Changed {
		t.Errorf("want %s: %v", connection.Changed, err)
	}
	now, err := from.Lease(t.Context(), read.Name)
	if err != nil || now.ResourceVersion != other.ResourceVersion {
		t.Errorf("%v: the lease was written", err)
	}
	if err := w.Admin.Delete(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// held gives the lease of a Wukong that asks for its address.
func held(t *testing.T, c *cluster.Cluster, w *world.World) *v1alpha1.AddressLease {
	t.Helper()
	err := c.Apply(t.Context(), []byte(`
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata: {name: workers}
spec: {physicalNetwork: lab, interface: eth1, nodeSelector: {}}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostNetwork
metadata: {name: lab}
spec: {physicalNetwork: lab, default: true, allowedNamespaces: {selector: {}}}
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {name: web, namespace: team-a}
spec:
  networks:
  - name: lan
    ipConfig: {mode: static, address: 192.0.2.10/24}
`))
	if err != nil {
		t.Fatal(err)
	}
	l := &v1alpha1.AddressLease{}
	eventually(t, func() error { return w.Admin.Get(t.Context(), client.ObjectKey{Name: "ip-192-0-2-10.lab"}, l) })
	return l
}

func connect(t *testing.T, c *cluster.Cluster) *connection.Cluster {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	*flags.KubeConfig = c.Kubeconfig()
	from, err := connection.Connect(flags, connection.Options{Diagnostics: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	return from
}

// reserved is a lease that waits for a holder that is gone. No controller moves it.
func reserved(address, segment string) *v1alpha1.AddressLease {
	name, err := ipam.LeaseName(netip.MustParseAddr(address), segment)
	if err != nil {
		panic(err) // a mistake in a test
	}
	return &v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AddressLeaseSpec{
		Address: address, Segment: segment, Phase: v1alpha1.LeaseReserved, Reserved: true, Since: metav1.Unix(1_767_600_000, 0),
		Holder: &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "kept", UID: "kept-1", Network: "lan"}}}
}

func create(t *testing.T, w *world.World, l *v1alpha1.AddressLease) {
	t.Helper()
	if err := w.Admin.Create(t.Context(), l); err != nil {
		t.Fatal(err)
	}
}

// fill makes leases on a segment of their own.
func fill(t *testing.T, w *world.World, count int) {
	t.Helper()
	const writers = 8
	var running sync.WaitGroup
	failed := make(chan error, writers)
	for first := range writers {
		running.Go(func() {
			for i := first; i < count; i += writers {
				if err := w.Admin.Create(t.Context(), reserved(fmt.Sprintf("10.0.%d.%d", i/250, i%250), "bulk")); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
}
