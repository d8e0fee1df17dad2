package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

const (
	// countPace is how often a HostNetwork is written only because the number of its users changed. A batch of a thousand
	// Wukongs then costs a few writes of their network instead of a thousand; whether it is used at all is never late.
	countPace = 5 * time.Second
	// progressPace, for each node, is how often a HostUplink or HostNetwork is written only because nodes went on. A rollout
	// over thousands of nodes then costs a write every few seconds, and one over a few shows every step; that something fails,
	// stops or is done is never late.
	progressPace = time.Millisecond
	// enactmentPace is how long the enactments of a HostUplink, and what happens to the nodes of a HostNetwork, are gathered
	// before it is looked at.
	enactmentPace = 100 * time.Millisecond
)

// pace remembers when each object was last written.
type pace struct {
	mu   sync.Mutex
	last map[types.UID]time.Time
}

// early says whether an object was last written less than a pace ago, and how long to wait. Otherwise it is written now.
func (p *pace) early(uid types.UID, now time.Time, every time.Duration) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return every - now.Sub(p.last[uid])
}

// wrote notes that an object is being written.
func (p *pace) wrote(uid types.UID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[types.UID]time.Time{}
	}
	p.last[uid] = now
}

// forget drops an object that is gone.
func (p *pace) forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, uid)
}

// keepCounts takes back changes of counts that came too soon after the last write of a HostNetwork, and gives the time after
// which they may be written.
func (p *pace) keepCounts(before, after *v1alpha1.HostNetwork, now time.Time) time.Duration {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return 0
	}
	calm := after.Status.DeepCopy()
	every := time.Duration(after.Status.EligibleNodes) * progressPace
	if before.Status.Users > 0 && after.Status.Users > 0 && before.Status.Users != after.Status.Users {
		every = countPace
		calm.Users, calm.UsedBy = before.Status.Users, before.Status.UsedBy
	}
	calm.ReadyNodes, calm.NodesSummary, calm.Problems = before.Status.ReadyNodes, before.Status.NodesSummary, before.Status.Problems
	calm.Conditions = calmConditions(before.Status.Conditions, calm.Conditions)
	if wait := p.early(after.UID, now, every); wait > 0 && equality.Semantic.DeepEqual(*calm, before.Status) && sameReadiness(before, after) {
		after.Status = *calm
		return wait
	}
	p.wrote(after.UID, now)
	return 0
}

// sameReadiness says whether as good as nothing changed for the Wukongs of a network: whether a node has it at all.
func sameReadiness(before, after *v1alpha1.HostNetwork) bool {
	return (before.Status.ReadyNodes > 0) == (after.Status.ReadyNodes > 0)
}

// keepProgress takes back changes of a HostUplink that only say how far nodes are, if they came too soon after its last write,
// and gives the time after which they may be written.
func (p *pace) keepProgress(before, after *v1alpha1.HostUplink, now time.Time) time.Duration {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return 0
	}
	calm := after.Status.DeepCopy()
	matching, leftOut := calm.Nodes.Matching, calm.Nodes.LeftOut
	calm.Nodes = before.Status.Nodes
	calm.Nodes.Matching, calm.Nodes.LeftOut = matching, leftOut
	calm.NodesSummary, calm.Problems = before.Status.NodesSummary, before.Status.Problems
	calm.Conditions = calmConditions(before.Status.Conditions, calm.Conditions)
	if wait := p.early(after.UID, now, time.Duration(matching)*progressPace); wait > 0 && equality.Semantic.DeepEqual(*calm, before.Status) {
		after.Status = *calm
		return wait
	}
	p.wrote(after.UID, now)
	return 0
}

// calmConditions gives the earlier conditions where the later ones differ in nothing but messages.
func calmConditions(before, after []metav1.Condition) []metav1.Condition {
	if len(before) != len(after) {
		return after
	}
	quiet := func(list []metav1.Condition) []metav1.Condition {
		out := append([]metav1.Condition{}, list...)
		for i := range out {
			out[i].Message = ""
		}
		return out
	}
	if !equality.Semantic.DeepEqual(quiet(before), quiet(after)) {
		return after
	}
	return before
}
