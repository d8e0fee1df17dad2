package ipam

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLeaving(t *testing.T) {
	now := noon.Add(time.Hour)
	release := func(l Lease) (Lease, bool, error) { return Release(l, "AddressChanged", now) }
	proven := func(l Lease) (Lease, bool, error) { return Proven(l, now, cooldown) }
	atOnce := func(l Lease) (Lease, bool, error) { return Proven(l, now, 0) }
	expire := func(l Lease) (Lease, bool, error) { return Expire(l, now) }
	early := func(l Lease) (Lease, bool, error) { return Expire(l, noon.Add(7*time.Minute-1)) }
	free := func(l Lease) (Lease, bool, error) { return Free(l, "Freed", now) }
	cases := map[string]struct {
		from  Phase
		lease func(*Request)
		step  func(Lease) (Lease, bool, error)
		to    Phase // empty: unchanged
		err   bool
	}{
		"release of an allocated lease":                  {from: Allocated, step: release, to: Releasing},
		"release of a releasing lease":                   {from: Releasing, step: release},
		"release of a cooling lease":                     {from: Cooling, step: release},
		"release of a reserved lease":                    {from: Reserved, lease: keep, step: release},
		"release of a released lease":                    {from: Released, step: release},
		"release of an unknown phase":                    {from: "Surprise", step: release, err: true},
		"proof for an allocated lease is no release":     {from: Allocated, step: proven, err: true},
		"proof for a releasing lease":                    {from: Releasing, step: proven, to: Cooling},
		"proof for a releasing lease that is kept":       {from: Releasing, lease: keep, step: proven, to: Reserved},
		"proof for a releasing lease without cooldown":   {from: Releasing, step: atOnce, to: Released},
		"proof, kept, without cooldown":                  {from: Releasing, lease: keep, step: atOnce, to: Reserved},
		"proof for a cooling lease does not prolong it":  {from: Cooling, step: proven},
		"proof for a reserved lease":                     {from: Reserved, lease: keep, step: proven},
		"proof for a released lease":                     {from: Released, step: proven},
		"proof for an unknown phase":                     {from: "", step: proven, err: true},
		"the end of a cooling lease":                     {from: Cooling, step: expire, to: Released},
		"the end of a cooling lease before its time":     {from: Cooling, step: early},
		"an allocated lease does not expire":             {from: Allocated, step: expire},
		"a releasing lease does not expire":              {from: Releasing, step: expire},
		"a reserved lease does not expire":               {from: Reserved, lease: keep, step: expire},
		"a released lease does not expire":               {from: Released, step: expire},
		"an unknown phase does not expire":               {from: "Surprise", step: expire, err: true},
		"an engineer cannot free what is asked for":      {from: Allocated, step: free, err: true},
		"an engineer frees a releasing lease":            {from: Releasing, step: free, to: Released},
		"an engineer frees a cooling lease":              {from: Cooling, step: free, to: Released},
		"an engineer frees a reserved lease":             {from: Reserved, lease: keep, step: free, to: Released},
		"an engineer frees a released lease":             {from: Released, step: free},
		"an engineer cannot free an unknown phase":       {from: "Surprise", step: free, err: true},
		"an engineer frees a releasing lease that keeps": {from: Releasing, lease: keep, step: free, to: Released},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := after(t, Allocated, c.lease)
			start.Phase = c.from
			if c.from != "" && c.from != "Surprise" {
				start = after(t, c.from, c.lease)
			}
			before := clone(start)
			got, changed, err := c.step(start)
			if errors.Is(err, ErrPhase) != c.err {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(before, start, same); diff != "" {
				t.Errorf("the argument was changed (-before +after):\n%s", diff)
			}
			if changed != (c.to != "") {
				t.Fatalf("changed = %v: %+v", changed, got)
			}
			if !changed {
				if diff := cmp.Diff(before, got, same); diff != "" {
					t.Errorf("unchanged, and still a difference (-want +got):\n%s", diff)
				}
				return
			}
			if got.Phase != c.to || !got.Since.Equal(now) {
				t.Errorf("%s since %s, want %s since %s", got.Phase, got.Since, c.to, now)
			}
			checkInvariants(t, got)
		})
	}
}

// checkInvariants holds what is true of every lease that the package makes.
func checkInvariants(t *testing.T, l Lease) {
	t.Helper()
	if (l.Phase == Cooling) != !l.Until.IsZero() {
		t.Errorf("%s until %s", l.Phase, l.Until)
	}
	if (l.Phase == Released) != (l.Holder == Holder{}) {
		t.Errorf("%s with the holder %+v", l.Phase, l.Holder)
	}
	if len(l.History) == 0 || len(l.History) > MaxHistory {
		t.Fatalf("%d entries of history", len(l.History))
	}
	if open := l.History[0].Until.IsZero(); open != l.Held() {
		t.Errorf("%s with the history %+v", l.Phase, l.History)
	}
	for i, c := range l.History {
		if i > 0 && (c.Until.IsZero() || c.Until.After(l.History[i-1].From)) {
			t.Errorf("entry %d overlaps a later one: %+v", i, l.History)
		}
		if !c.Until.IsZero() && c.Until.Before(c.From) {
			t.Errorf("entry %d runs backwards: %+v", i, l.History)
		}
	}
}

func TestAStoryOfOneAddress(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	must := func(l Lease, changed bool, err error) Lease {
		t.Helper()
		if err != nil || !changed {
			t.Fatal(l, changed, err)
		}
		return l
	}
	grant := func(l *Lease, req Request, minute int) Lease {
		t.Helper()
		got, verdict := Take(l, req, at(minute))
		if !verdict.Writes() {
			t.Fatal(verdict)
		}
		return got
	}
	web, db := request(holder("team-a", "web")), request(holder("team-b", "db")).with(keep)
	l := grant(nil, web, 0)
	l = must(Release(l, "AddressChanged", at(1)))
	l = grant(&l, web, 2)
	l = must(Release(l, "HolderDeleted", at(3)))
	l = must(Proven(l, at(4), cooldown))
	l = grant(&l, db, 10)
	l = must(Release(l, "HolderDeleted", at(11)))
	l = must(Proven(l, at(12), cooldown))
	want := Lease{Address: l.Address, Segment: lab, Phase: Reserved, Since: at(12), Holder: db.Holder, PrefixLength: 24,
		HostNetwork: "vlan100", MAC: "02:00:00:00:00:01", Reserve: true, History: []Change{
			{Holder: "team-b/db/eth0", UID: "uid-team-b-db", MAC: "02:00:00:00:00:01", From: at(10), Until: at(12), Reason: "HolderDeleted"},
			{Holder: "team-a/web/eth0", UID: "uid-team-a-web", MAC: "02:00:00:00:00:01", From: at(0), Until: at(4), Reason: "HolderDeleted"},
		}}
	if diff := cmp.Diff(want, l, same); diff != "" {
		t.Errorf("after the story (-want +got):\n%s", diff)
	}
	l = must(Free(l, "Freed", at(13)))
	if l.History[0].Reason != "HolderDeleted" || l.Holder != (Holder{}) {
		t.Errorf("freed: %+v", l)
	}
}

func TestTheTimeOfRestIsNeverShorterThanAskedFor(t *testing.T) {
	l := after(t, Releasing, nil)
	now := noon.Add(10*time.Minute + 999*time.Millisecond)
	for _, c := range []struct {
		rest time.Duration
		want time.Time
	}{
		{5 * time.Minute, noon.Add(15*time.Minute + time.Second)},
		{time.Millisecond, noon.Add(10*time.Minute + time.Second)},
		{1, noon.Add(10*time.Minute + time.Second)},
	} {
		got, _, _ := Proven(l, now, c.rest)
		if !got.Until.Equal(c.want) {
			t.Errorf("a rest of %s ends at %s, want %s", c.rest, got.Until, c.want)
		}
	}
}

func TestAClockThatGoesBackDoesNotTurnHistoryRound(t *testing.T) {
	l := after(t, Allocated, nil)
	l, _, _ = Release(l, "HolderDeleted", noon.Add(-time.Hour))
	l, _, _ = Proven(l, noon.Add(-2*time.Hour), cooldown)
	checkInvariants(t, l)
	if !l.Since.Equal(noon) || !l.Until.Equal(noon.Add(cooldown)) {
		t.Errorf("since %s until %s", l.Since, l.Until)
	}
}
