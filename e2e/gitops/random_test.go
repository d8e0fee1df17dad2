package gitops

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/world"
)

// steps is how many things happen in one random sequence.
const steps = 60

// TestNoObjectReadsAsCurrentBeforeItIsInRandomSequences has people and nodes do things in an order that a seed decides, without
// waiting for what comes of them, and judges every revision. WUKONG_SEED repeats a sequence as far as the machine does.
func TestNoObjectReadsAsCurrentBeforeItIsInRandomSequences(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	if text := os.Getenv("WUKONG_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("WUKONG_SEED=%d", seed)
	s := newStage(t, cluster.Options{})
	recording, err := record(t.Context(), s.Admin)
	s.must(err)
	s.run()
	s.apply(teamA, world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}"), randomNetwork(0, ""))
	s.ready(uplink("workers"))
	chance := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a sequence, no secret
	for range steps {
		s.does(chance)
	}

	t.Log("nothing happens any more")
	for _, node := range []string{"node-a", "node-b", "node-c"} {
		s.must(s.Lab.Repair(node))
	}
	s.apply(world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}"))
	s.settles()
	recording.sync(t)
	revisions := recording.revisions()
	for _, line := range verdicts(t.Context(), s.tools, revisions, nil) {
		t.Error(line)
	}
	t.Logf("judged %d revisions", len(revisions))
}

// randomNetwork is one of three networks, with or without a further line.
func randomNetwork(i int, more string) string {
	return world.HostNetwork(fmt.Sprintf("net-%d", i), "lan", fmt.Sprintf("vlan: %d", 100+i), more)
}

// does has one thing happen.
func (s *stage) does(chance *rand.Rand) {
	s.t.Helper()
	pick := func(of ...string) string { return of[chance.IntN(len(of))] }
	what, which := chance.IntN(10), chance.IntN(3)
	switch what {
	case 0, 1:
		s.tries(randomNetwork(which, pick("mtu: 1400", "mtu: 1500", "provision: Always", "provision: OnDemand")))
	case 2:
		s.asks(s.Admin.Delete(s.t.Context(), s.object("HostNetwork", network(fmt.Sprintf("net-%d", which)).NamespacedName)))
	case 3, 4, 5:
		address := pick("mode: static, ipPool: few", static("192.0.2.10/24"), static("192.0.2.11/24"), static("192.0.2.201/24"), static("192.0.2.201/25"))
		s.tries(wukongText(fmt.Sprintf("web-%d", chance.IntN(4)), fmt.Sprintf("net-%d", which), address))
	case 6:
		s.asks(s.Admin.Delete(s.t.Context(), s.object("Wukong", wukong(fmt.Sprintf("web-%d", chance.IntN(4))).NamespacedName)))
	case 7:
		kind, ranges := pick("AddressPool", "AddressReservation"), pick("192.0.2.200-192.0.2.200", "192.0.2.200-192.0.2.202")
		lines := "subnet: 192.0.2.0/24\n  ranges: [" + ranges + "]\n  allowedNamespaces: {selector: {}}"
		if kind == "AddressReservation" {
			lines = "reason: test\n  addresses: [" + pick(ranges, "192.0.2.10-192.0.2.10") + "]"
		}
		s.tries("apiVersion: vm.novasphere.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: few}\nspec:\n" +
			"  segment: {physicalNetwork: lan, vlan: " + strconv.Itoa(100+which) + "}\n  " + lines + "\n")
	case 8:
		s.asks(s.Admin.Delete(s.t.Context(), s.object(pick("AddressPool", "AddressReservation"), pool("few").NamespacedName)))
	case 9:
		switch node := pick("node-a", "node-b", "node-c"); chance.IntN(4) {
		case 0:
			s.must(s.Lab.Fail(node, lab.Fault{Error: "InvalidArgument: eth1 is on fire"}))
		case 1:
			s.must(s.Lab.Repair(node))
		case 2:
			s.tries(world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}", "paused: true"))
		case 3:
			s.tries(world.HostUplink("workers", "lan", "eth1", "nodeSelector: {}"))
		}
	}
	time.Sleep(time.Duration(chance.IntN(500)) * time.Millisecond)
}

// tries applies a manifest that the API server may refuse.
func (s *stage) tries(manifest string) {
	s.t.Helper()
	s.asks(s.Cluster.Apply(s.t.Context(), []byte(manifest)))
}

// asks takes a refusal, and an object that is not there, as an answer.
func (s *stage) asks(err error) {
	s.t.Helper()
	if !apierrors.IsNotFound(err) && !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
		s.must(err)
	}
}

// inUse says whether an object is deleted and somebody still uses it.
func inUse(object *unstructured.Unstructured) bool {
	ready := meta.FindStatusCondition(decoded[conditioned](object).Status.Conditions, v1alpha1.ConditionReady)
	return object.GetDeletionTimestamp() != nil && ready != nil && ready.Reason == v1alpha1.ReasonInUse
}

// settles waits until each object of ours is as it was asked for, or says that a person has to act.
func (s *stage) settles() {
	s.t.Helper()
	s.eventually(func() error {
		for _, kind := range kinds {
			list := listOf(s.object(kind, client.ObjectKey{}).GroupVersionKind())
			if err := s.Admin.List(s.t.Context(), list); err != nil {
				return err
			}
			for i := range list.Items {
				object := &list.Items[i]
				j, err := s.tools.judge(s.t.Context(), object)
				if err != nil {
					return err
				}
				// What is deleted while it is in use stays until a person acts.
				if j.kstatus != status.CurrentStatus && j.kstatus != status.FailedStatus && !inUse(object) {
					return fmt.Errorf("%s reads %s: %s", idOf(object), j.kstatus, j.message)
				}
			}
		}
		return nil
	})
}
