package controllers

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// The operator of NovaSphere writes the whole status of Wukongs with each of its passes. Where it still runs, each of the two
// undoes what the other wrote. Nothing is decided from a status alone, so nothing is lost; it is said, and not fought over.

// rivalConditions are the condition types by which a status is known to be that operator's.
var rivalConditions = []string{"NetworksConfigured", "VolumesBound"}

// rivalRemembered is for how many pauses a rival is spoken of after it was seen last.
const rivalRemembered = 10

// rivals remembers when the status of which Wukong was somebody else's last.
type rivals struct {
	mu   sync.Mutex
	seen map[types.UID]time.Time
}

// wait says how long to leave a status alone, so that it is written anew at most once per pause.
func (r *rivals) wait(w *v1alpha1.Wukong, now time.Time, pause time.Duration) time.Duration {
	if !slices.ContainsFunc(w.Status.Conditions, func(c metav1.Condition) bool { return slices.Contains(rivalConditions, c.Type) }) {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.seen[w.UID]; ok && now.Sub(last) < pause {
		return pause - now.Sub(last)
	}
	if r.seen == nil {
		r.seen = map[types.UID]time.Time{}
	}
	maps.DeleteFunc(r.seen, func(_ types.UID, last time.Time) bool { return now.Sub(last) > rivalRemembered*pause })
	r.seen[w.UID] = now
	return 0
}

// spoken says for how much longer a rival is spoken of; 0 where there is none.
func (r *rivals) spoken(w *v1alpha1.Wukong, now time.Time, pause time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.seen[w.UID]
	left := rivalRemembered*pause - now.Sub(last)
	if ok && left > 0 {
		return left
	}
	return 0
}

// rivalNotice tells of a rival in the status.
var rivalNotice = v1alpha1.FieldNotice{Field: "status",
	Message: "the operator of NovaSphere writes this status, too, and each of the two undoes what the other wrote: stop it, or its controller of Wukongs"}

// withoutRivals takes out the conditions that a rival left behind.
func withoutRivals(conditions *[]metav1.Condition) {
	for _, typ := range rivalConditions {
		meta.RemoveStatusCondition(conditions, typ)
	}
}
