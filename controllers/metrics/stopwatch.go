package metrics

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Stopwatch measures how long a change that somebody asked for takes. What was under way before this process looked, and
// what broke after it had been Ready, is not measured: neither is the time that a request takes. The zero value is ready.
type Stopwatch struct {
	mu   sync.Mutex
	runs map[types.NamespacedName]run
}

// run is the measurement of one object.
type run struct {
	uid        types.UID
	generation int64
	// since is when it began; zero when nothing is measured.
	since time.Time
}

// Look is what is known of an object when it was looked at.
type Look struct {
	Key        types.NamespacedName
	UID        types.UID
	Generation int64
	// Observed is the generation that its status spoke of before; not above zero when nobody had looked.
	Observed     int64
	Created, Now time.Time
	Ready        bool
}

// Saw takes in a look, and records the time when it is the first one at which the object is Ready as asked.
func (w *Stopwatch) Saw(look Look) {
	if took, done := w.saw(look); done {
		untilReady.WithLabelValues().Observe(took.Seconds())
	}
}

func (w *Stopwatch) saw(look Look) (took time.Duration, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs == nil {
		w.runs = map[types.NamespacedName]run{}
	}
	r, known := w.runs[look.Key]
	switch {
	case known && r.uid == look.UID && r.generation == look.Generation:
	case look.Observed <= 0:
		r = run{look.UID, look.Generation, look.Created}
	case look.Observed < look.Generation:
		r = run{look.UID, look.Generation, look.Now}
	default:
		r = run{look.UID, look.Generation, time.Time{}}
	}
	if done = look.Ready && !r.since.IsZero(); done {
		took, r.since = max(0, look.Now.Sub(r.since)), time.Time{}
	}
	w.runs[look.Key] = r
	return took, done
}

// Forget drops an object that is gone.
func (w *Stopwatch) Forget(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.runs, key)
}
