package ipam

import "math/bits"

// bitmap is a set of addresses that finds the next address outside of it in a few look-ups, however full it is.
//
// Level 0 has a bit for each address of the set, 64 in a word. The bits of each level above say which words of the level
// below are full, so that a search skips 64, 4,096, 262,144, … addresses at once. A word exists only while it has a bit,
// so the memory follows the number of addresses in the set, wherever they lie.
type bitmap struct {
	levels []map[u128]uint64
}

// add puts x into the set.
func (b *bitmap) add(x u128) {
	for level := 0; ; level++ {
		if level == len(b.levels) {
			b.levels = append(b.levels, map[u128]uint64{})
		}
		word := x.word()
		set := b.levels[level][word] | 1<<(x.lo&63)
		b.levels[level][word] = set
		if ^set != 0 {
			return // never beyond the last level of 22, whose only word has 4 bits
		}
		x = word
	}
}

// remove takes x out of the set.
func (b *bitmap) remove(x u128) {
	for _, words := range b.levels {
		word := x.word()
		before := words[word]
		if after := before &^ (1 << (x.lo & 63)); after != 0 {
			words[word] = after
		} else {
			delete(words, word)
		}
		if ^before != 0 {
			return
		}
		x = word
	}
}

// nextOutside gives the lowest number from first to last that is not in the set.
func (b *bitmap) nextOutside(first, last u128) (u128, bool) {
	if last.less(first) {
		return u128{}, false
	}
	// Up, while everything in the word from x on is full. At every level x is the number of a word of the level below.
	x, level := first, 0
	for ; level < len(b.levels); level++ {
		word := x.word()
		if free := ^b.levels[level][word] >> (x.lo & 63); free != 0 {
			x = x.add(u128{lo: uint64(bits.TrailingZeros64(free))})
			break
		}
		x = word.next()
	}
	// Down to the first number outside: x is no full word.
	for level--; level >= 0; level-- {
		x = x.at(bits.TrailingZeros64(^b.levels[level][x]))
	}
	// Behind the largest number of all, x has wrapped.
	return x, !x.less(first) && !last.less(x)
}
