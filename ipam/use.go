package ipam

import "time"

// phase is a Phase in one byte.
type phase uint8

const (
	phaseNone phase = iota // never used
	phaseAllocated
	phaseReleasing
	phaseCooling
	phaseReserved
	phaseReleased
	phaseCount
)

var phaseNames = [phaseCount]Phase{"", Allocated, Releasing, Cooling, Reserved, Released}

// use is a Use without pointers: a quarter of the memory, and nothing for the garbage collector to follow.
type use struct {
	seconds int64 // since 1970
	nanos   int32
	phase   phase
}

func useOf(u Use) use {
	if u.Phase == "" {
		return use{}
	}
	p := phaseAllocated
	for i, name := range phaseNames {
		if u.Phase == name {
			p = phase(i)
		}
	}
	return use{seconds: u.Since.Unix(), nanos: int32(u.Since.Nanosecond()), phase: p}
}

func (u use) public() Use {
	if u.phase == phaseNone {
		return Use{}
	}
	return Use{Phase: phaseNames[u.phase], Since: time.Unix(u.seconds, int64(u.nanos)).UTC()}
}

// free says whether somebody may have the address.
func (u use) free() bool {
	return u.phase == phaseNone || u.phase == phaseReleased
}

func (u use) isReleased() int {
	if u.phase == phaseReleased {
		return 1
	}
	return 0
}
