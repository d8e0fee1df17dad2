package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

// countPace is how often a HostNetwork is written only because the number of its users changed. A batch of a thousand
// Wukongs then costs a few writes of their network instead of a thousand; whether it is used at all is never late.
const countPace = 5 * time.Second

// pace remembers when each HostNetwork was last written.
type pace struct {
	mu   sync.Mutex
	last map[types.UID]time.Time
}

// keepCount takes back a change of the count of users that came too soon after the last write, and asks for another look.
func (p *pace) keepCount(s *hostNetworkScope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[types.UID]time.Time{}
	}
	before, after := &s.before.Status, &s.network.Status
	if equality.Semantic.DeepEqual(before, after) {
		return
	}
	calm := after.DeepCopy()
	calm.Users, calm.UsedBy = before.Users, before.UsedBy
	wait := countPace - s.now.Sub(p.last[s.network.UID])
	if wait > 0 && before.Users > 0 && after.Users > 0 && equality.Semantic.DeepEqual(calm, before) {
		s.network.Status = *calm
		if s.requeue == 0 || wait < s.requeue {
			s.requeue = wait
		}
		return
	}
	p.last[s.network.UID] = s.now
}
