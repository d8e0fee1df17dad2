package ipam

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVerdictTexts(t *testing.T) {
	db := request(holder("team-b", "db"))
	web := request(holder("team-a", "web"))
	again := web.with(func(r *Request) { r.Holder.UID = "2" })
	cases := map[string]struct {
		phase            Phase
		lease            func(*Request)
		asks             Request
		engineer, tenant string
	}{
		"held by another namespace": {phase: Allocated, asks: db,
			engineer: "10.0.0.5 on segment lab.100 is held by team-a/web/eth0: choose another address, or have its holder give it up (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 is held by somebody else: choose another address, or have its holder give it up (AddressLease ip-10-0-0-5.lab.100)"},
		"held in the own namespace": {phase: Allocated, asks: again,
			engineer: "10.0.0.5 on segment lab.100 is held by team-a/web/eth0: choose another address, or have its holder give it up (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 is held by team-a/web/eth0: choose another address, or have its holder give it up (AddressLease ip-10-0-0-5.lab.100)"},
		"cooling": {phase: Cooling, asks: db,
			engineer: "10.0.0.5 on segment lab.100 was released by team-a/web/eth0 and rests until 2026-11-23T12:07:00Z: wait, or choose another address (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 was released by somebody else and rests until 2026-11-23T12:07:00Z: wait, or choose another address (AddressLease ip-10-0-0-5.lab.100)"},
		"leaving": {phase: Releasing, asks: db,
			engineer: "10.0.0.5 on segment lab.100 was given up by team-a/web/eth0 and is not yet proved unused: wait, or choose another address (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 was given up by somebody else and is not yet proved unused: wait, or choose another address (AddressLease ip-10-0-0-5.lab.100)"},
		"reserved for another namespace": {phase: Reserved, lease: keep, asks: db,
			engineer: "10.0.0.5 on segment lab.100 is reserved for team-a/web/eth0: choose another address, or have an engineer free it (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 is reserved for somebody else: choose another address, or have an engineer free it (AddressLease ip-10-0-0-5.lab.100)"},
		"reserved for an earlier namespace": {phase: Reserved, lease: keep, asks: web.with(func(r *Request) { r.Holder.UID, r.Holder.NamespaceUID = "2", "2" }),
			engineer: "10.0.0.5 on segment lab.100 is reserved for an earlier namespace of the name team-a: choose another address, or have an engineer free it (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 is reserved for an earlier namespace of the name team-a: choose another address, or have an engineer free it (AddressLease ip-10-0-0-5.lab.100)"},
		"held for another machine": {phase: Allocated, asks: web.with(func(r *Request) { r.Holder.VirtualMachine = "other" }),
			engineer: "10.0.0.5 on segment lab.100 is held for the machine web-vm: it follows when that machine no longer uses it (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 is held for the machine web-vm: it follows when that machine no longer uses it (AddressLease ip-10-0-0-5.lab.100)"},
		"held by an earlier namespace of the asker's name": {phase: Allocated, asks: web.with(func(r *Request) { r.Holder.UID, r.Holder.NamespaceUID = "2", "2" }),
			engineer: "10.0.0.5 on segment lab.100 is held by team-a/web/eth0: choose another address, or have its holder give it up (AddressLease ip-10-0-0-5.lab.100)",
			tenant:   "10.0.0.5 on segment lab.100 is held by somebody else: choose another address, or have its holder give it up (AddressLease ip-10-0-0-5.lab.100)"},
		"granted": {phase: Released, asks: db, engineer: "10.0.0.5 on segment lab.100 is leased to team-b/db/eth0", tenant: "10.0.0.5 on segment lab.100 is leased to team-b/db/eth0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := after(t, c.phase, c.lease)
			_, verdict := Take(&l, c.asks, noon.Add(3*time.Minute))
			if diff := cmp.Diff(c.engineer, verdict.String()); diff != "" {
				t.Errorf("String (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.tenant, verdict.Tenant()); diff != "" {
				t.Errorf("Tenant (-want +got):\n%s", diff)
			}
			if verdict.Until.IsZero() != (c.phase != Cooling) {
				t.Errorf("wait until %s", verdict.Until)
			}
		})
	}
}

func TestAnUnknownPhaseIsShownHarmlessly(t *testing.T) {
	l := after(t, Allocated, nil)
	l.Phase = "\x1b[31mSurprise"
	_, verdict := Take(&l, request(holder("team-b", "db")), noon)
	_, _, err := Release(l, "", noon)
	for _, text := range []string{verdict.Tenant(), err.Error()} {
		if !strings.Contains(text, `"\x1b[31mSurprise"`) {
			t.Error(text)
		}
	}
}
