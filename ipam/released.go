package ipam

import (
	"cmp"
	"slices"
)

// released is one address that was released, and when. Ordered by time, then by address.
type released struct {
	seconds int64 // since 1970
	nanos   int32
	addr    u128
}

func (r released) cmp(o released) int {
	if c := cmp.Compare(r.seconds, o.seconds); c != 0 {
		return c
	}
	if c := cmp.Compare(r.nanos, o.nanos); c != 0 {
		return c
	}
	return r.addr.cmp(o.addr)
}

// blockSize is how many entries a block of a queue holds at most: 4 KiB, which moves faster than a tree is walked.
const blockSize = 128

// queue holds released addresses, the one that was released longest ago first. It is a sorted list in blocks: what happens
// most, adding at the end and removing at the beginning, needs no memory once the blocks are there, and events that come
// out of order cost a move within one block.
type queue struct {
	blocks [][]released // none is empty
	spare  []released   // a block that was given up, for the next one
}

// add puts r in its place.
func (q *queue) add(r released) {
	i := q.block(r)
	if i < 0 {
		if len(q.blocks) == 0 {
			q.blocks = append(q.blocks, append(q.fresh(), r))
			return
		}
		i = 0
	}
	at, _ := slices.BinarySearchFunc(q.blocks[i], r, released.cmp)
	if len(q.blocks[i]) == blockSize {
		i, at = q.split(i, at)
	}
	q.blocks[i] = slices.Insert(q.blocks[i], at, r)
}

// split makes room in the full block i for an entry at a place, and gives the block and the place that it has then. At the
// end nothing moves, so that blocks that grow in order become full.
func (q *queue) split(i, at int) (int, int) {
	half := blockSize / 2
	if at == blockSize {
		half = blockSize
	}
	q.blocks = slices.Insert(q.blocks, i+1, append(q.fresh(), q.blocks[i][half:]...))
	q.blocks[i] = q.blocks[i][:half]
	if at < half || half < blockSize && at == half {
		return i, at
	}
	return i + 1, at - half
}

// remove takes r out.
func (q *queue) remove(r released) {
	i := q.block(r)
	if i < 0 {
		return
	}
	at, found := slices.BinarySearchFunc(q.blocks[i], r, released.cmp)
	if !found {
		return
	}
	q.blocks[i] = slices.Delete(q.blocks[i], at, at+1)
	if len(q.blocks[i]) == 0 {
		q.drop(i)
	} else if i+1 < len(q.blocks) && len(q.blocks[i])+len(q.blocks[i+1]) <= blockSize/2 {
		q.blocks[i] = append(q.blocks[i], q.blocks[i+1]...)
		q.drop(i + 1)
	}
}

// block gives the index of the block that r belongs into: the last one that does not begin after r, or -1.
func (q *queue) block(r released) int {
	low, high := 0, len(q.blocks)
	for low < high {
		middle := (low + high) / 2
		if q.blocks[middle][0].cmp(r) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// drop removes block i and keeps its memory for the next one.
func (q *queue) drop(i int) {
	q.spare = q.blocks[i][:0]
	q.blocks = slices.Delete(q.blocks, i, i+1)
}

func (q *queue) fresh() []released {
	if b := q.spare; b != nil {
		q.spare = nil
		return b
	}
	return make([]released, 0, blockSize)
}
