package gitops

import (
	"maps"
	"time"
)

// lag is for how long an object may still read current after the evidence is gone: the controller has to see it first. It may not
// read current before there was evidence for its present generation.
const lag = 5 * time.Second

// past are the moments within the lag, the last one is now.
type past struct {
	moments []moment
	came    []time.Time
	// began is when the present generation of each object did.
	began map[id]beginning
}

type beginning struct {
	generation int64
	uid        string
	came       time.Time
}

func newPast() *past { return &past{began: map[id]beginning{}} }

// next takes one revision.
func (p *past) next(r revision) {
	now := newMoment()
	if len(p.moments) > 0 {
		last := p.moments[len(p.moments)-1]
		now = moment{objects: maps.Clone(last.objects), proven: maps.Clone(last.proven)}
	}
	now.next(r)
	p.moments, p.came = append(p.moments, now), append(p.came, r.came)
	for len(p.came) > 1 && r.came.Sub(p.came[0]) > lag {
		p.moments, p.came = p.moments[1:], p.came[1:]
	}
	if b := p.began[r.id]; b.generation != r.object.GetGeneration() || b.uid != string(r.object.GetUID()) {
		p.began[r.id] = beginning{r.object.GetGeneration(), string(r.object.GetUID()), r.came}
	}
}

// evidence gives an error that says what is missing now, if it was missing ever since the generation of the object began, or for
// longer than the lag.
func (p *past) evidence(r revision) error {
	var now error
	for i := len(p.moments) - 1; i >= 0 && !p.came[i].Before(p.began[r.id].came); i-- {
		err := p.moments[i].evidence(r.object)
		if err == nil {
			return nil
		}
		if now == nil {
			now = err
		}
	}
	return now
}
