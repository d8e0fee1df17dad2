package ipam

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestQueueIsAlwaysInOrder compares with a sorted list. The order of adding is that of time, with stragglers, or none at all;
// the oldest is removed most, as Choose does.
func TestQueueIsAlwaysInOrder(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		var q queue
		var want []released
		for step := range 4000 {
			if grow := step%2000 < 1400; rnd.IntN(3) > 0 == grow || len(want) == 0 {
				r := released{seconds: int64(step / 10), nanos: rnd.Int32N(2), addr: u128{lo: rnd.Uint64N(1000)}}
				if seed%2 == 0 {
					r.seconds = rnd.Int64N(50)
				}
				at, found := slices.BinarySearchFunc(want, r, released.cmp)
				if found {
					continue // an address is never added twice
				}
				want = slices.Insert(want, at, r)
				q.add(r)
			} else {
				at := 0
				if rnd.IntN(2) == 0 {
					at = rnd.IntN(len(want))
				}
				q.remove(want[at])
				want = slices.Delete(want, at, at+1)
			}
			q.remove(released{seconds: -1}) // nothing that is there
		}
		checkQueue(t, q, want)
		for _, i := range rnd.Perm(len(want)) {
			q.remove(want[i])
		}
		checkQueue(t, q, nil)
	}
}

func checkQueue(t *testing.T, q queue, want []released) {
	t.Helper()
	if got := slices.Concat(q.blocks...); !slices.Equal(got, want) {
		t.Fatalf("%d entries, want %d in order", len(got), len(want))
	}
	for i, b := range q.blocks {
		if len(b) == 0 || len(b) > blockSize || cap(b) != blockSize {
			t.Errorf("a block of %d entries and room for %d", len(b), cap(b))
		}
		if i > 0 && len(b)+len(q.blocks[i-1]) <= blockSize/2 {
			t.Errorf("neighbouring blocks of %d and %d entries", len(q.blocks[i-1]), len(b))
		}
	}
}

// TestQueueFillsItsBlocksInOrder: what is released in the order of time, which is nearly always, takes no more blocks than
// it must.
func TestQueueFillsItsBlocksInOrder(t *testing.T) {
	var q queue
	for i := range int64(10 * blockSize) {
		q.add(released{seconds: i})
	}
	if len(q.blocks) != 10 {
		t.Errorf("%d blocks, want 10", len(q.blocks))
	}
}
