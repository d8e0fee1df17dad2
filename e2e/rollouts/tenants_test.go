package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/fleet"
	"novasphere.dev/wukong-network/e2e/world"
)

// manyTenants is how many Wukongs use one network; WUKONG_TENANTS changes it.
const manyTenants = 1000

// tenants is a place with two nodes, one uplink, and a network that hosts have while it is used.
func tenants(t *testing.T, linger time.Duration) (p *place, namespace string) {
	t.Helper()
	c := shared.ForTest(t)
	p = placeOn(t, c)
	p.ctx = context.WithoutCancel(t.Context())
	t.Cleanup(func() { must(t, p.clear()) })
	for _, n := range []byte("ab") {
		must(t, p.Lab.AddNode(t.Context(), withBridge(world.Node("node-"+string(n), n))))
	}
	must(t, p.start())
	must(t, p.apply(uplink("up", "lab", "nodeSelector: {}", "rollout: {canary: 0, maxUnavailable: 2}")+
		network("blue", "lab", "vlan: 100", "linger: "+linger.String())))
	return p, c.Namespace(t)
}

func address(i int) string { return fmt.Sprintf("172.20.%d.%d/16", i/200, i%200+1) }

// await waits until the network has this many users, and hosts have it or not.
func (p *place) await(users int32, built bool) error {
	return p.until(2*time.Minute, func() (string, error) {
		n := &v1alpha1.HostNetwork{}
		if err := p.Admin.Get(p.ctx, client.ObjectKey{Name: "blue"}, n); err != nil {
			return "", err
		}
		if n.Status.Users != users || n.Status.Provisioned != built || !isReady(n.Status.Conditions) {
			return fmt.Sprintf("%d users, provisioned %v: %s", n.Status.Users, n.Status.Provisioned, text(n.Status.Conditions)), nil
		}
		return "", nil
	})
}

func TestAThousandWukongsOnOneNetworkChangeHostsOnce(t *testing.T) {
	p, namespace := tenants(t, time.Hour)
	must(t, p.apply(wukong(namespace, "first", "blue", address(0))))
	must(t, p.await(1, true))
	must(t, p.calm(time.Second))
	p.Requests.Reset()

	all := number(t, "WUKONG_TENANTS", manyTenants)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for worker := range fleet.Workers {
		wg.Go(func() {
			for i := 1 + worker; i < all; i += fleet.Workers {
				if err := p.apply(wukong(namespace, fmt.Sprintf("web-%d", i), "blue", address(i))); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	must(t, failed)
	must(t, p.await(int32(all), true))
	networkWrites := 0
	for _, w := range p.Requests.Writes() {
		switch {
		case strings.HasPrefix(w.Resource, "nodenetworkconfigurationpolicies") || w.Resource == "nodes" || strings.HasPrefix(w.Resource, "hostuplinks"):
			t.Errorf("the controller sent %s", w)
		case w.Resource == "hostnetworks/status":
			networkWrites++
		}
	}
	t.Logf("%d Wukongs: %d writes of the HostNetwork's status", all, networkWrites)
	if networkWrites > all/10 {
		t.Errorf("%d writes of the HostNetwork's status for %d Wukongs", networkWrites, all)
	}
}

// change is a node that was put on a revision.
type change struct {
	at             time.Time
	node, revision string
}

// changes are the moves of nodes as they come.
type changes struct {
	mu  sync.Mutex
	all []change
}

func followChanges(ctx context.Context, admin client.WithWatch) (*changes, error) {
	follow, err := admin.Watch(ctx, &corev1.NodeList{})
	if err != nil {
		return nil, err
	}
	c, on := &changes{}, map[string]string{}
	go func() {
		defer follow.Stop()
		for e := range follow.ResultChan() {
			node, ok := e.Object.(*corev1.Node)
			if !ok {
				return
			}
			if is := node.Labels[v1alpha1.UplinkLabelPrefix+"up"]; is != on[node.Name] {
				on[node.Name] = is
				c.mu.Lock()
				c.all = append(c.all, change{time.Now(), node.Name, is})
				c.mu.Unlock()
			}
		}
	}()
	return c, nil
}

// of gives the moves of one node to revisions.
func (c *changes) of(node string) []change {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []change
	for _, ch := range c.all {
		if ch.node == node && ch.revision != "" {
			out = append(out, ch)
		}
	}
	return out
}

const linger = 4 * time.Second

func TestTenantThatNeverRestsChangesHostsOnce(t *testing.T) {
	p, namespace := tenants(t, linger)
	seen, err := followChanges(t.Context(), p.Admin)
	must(t, err)
	rounds := 0
	for began := time.Now(); time.Since(began) < 4*linger; rounds++ {
		must(t, p.apply(wukong(namespace, "restless", "blue", address(rounds%20))))
		time.Sleep(time.Duration(rounds%4) * 50 * time.Millisecond) // sometimes it goes before anybody has looked
		must(t, p.Admin.Delete(t.Context(), &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "restless"}}))
		if rounds%10 == 9 {
			time.Sleep(linger / 4) // long enough for its network to be unused
		}
	}
	must(t, p.await(0, false))
	for _, node := range []string{"node-a", "node-b"} {
		if got := len(seen.of(node)); got != 2 {
			t.Errorf("%s was moved to %d revisions in %d rounds of a tenant, want 2: that which builds the network, and that which takes it back in the end", node, got, rounds)
		}
	}
	t.Logf("%d Wukongs came and went", rounds)
}

// The worst that a tenant can do is to come back at the moment in which its network is taken away.
func TestTenantThatComesBackWhenItsNetworkGoesCannotHurryHosts(t *testing.T) {
	p, namespace := tenants(t, linger)
	seen, err := followChanges(t.Context(), p.Admin)
	must(t, err)
	began, rounds := time.Now(), 3
	for i := range rounds {
		must(t, p.apply(wukong(namespace, "back", "blue", address(i))))
		must(t, p.until(time.Minute, func() (string, error) { return p.provisioned(true) }))
		must(t, p.Admin.Delete(t.Context(), &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "back"}}))
		must(t, p.until(time.Minute, func() (string, error) { return p.provisioned(false) }))
	}
	took := time.Since(began)
	must(t, p.await(0, false))
	// The time of the last use has seconds.
	if least := time.Duration(rounds) * (linger - time.Second); took < least {
		t.Errorf("%d rounds took %s: the network lingered for less than %s", rounds, took, linger)
	}
	for _, node := range []string{"node-a", "node-b"} {
		if got := len(seen.of(node)); got > 2*rounds {
			t.Errorf("%s was moved %d times in %d rounds: once to build and once to take back is enough", node, got, rounds)
		}
	}
}

func (p *place) provisioned(want bool) (string, error) {
	n := &v1alpha1.HostNetwork{}
	err := p.Admin.Get(p.ctx, client.ObjectKey{Name: "blue"}, n)
	if n.Status.Provisioned != want {
		return "provisioned: " + fmt.Sprint(n.Status.Provisioned), err
	}
	return "", err
}
