package nmstate

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxNesting bounds how deep a JSON text may be nested, as encoding/json does.
const maxNesting = 10_000

// cursor reads a JSON text (RFC 8259) from front to back, without building what nobody asks for: node states are large, and
// maps of json.RawMessage would scan and copy every byte once for each level that it lies below. It accepts what encoding/json
// accepts. The first fault ends it: nothing more is read, and fault tells where it was.
//
//	if c.open('{') {
//		for c.more('}') {
//			switch string(c.key()) {
//			case "name":
//				name = c.value()
//			default:
//				c.value()
//			}
//		}
//	}
type cursor struct {
	data  []byte
	pos   int
	depth int
	// fresh says that an object or a list was opened and nothing of it has been read.
	fresh bool
	// bad says that the text is no JSON; faultAt is the byte where that was seen.
	bad     bool
	faultAt int
}

// member is a member of an object that somebody asks for.
type member struct {
	key string
	// value is where its JSON text goes. It is left alone where the object has none. Of several the last counts.
	value *[]byte
}

func (c *cursor) fail() {
	if !c.bad {
		c.bad, c.faultAt, c.pos = true, c.pos, len(c.data)
	}
}

// fault says, after the value that the text is, where it ceases to be JSON, if it does.
func (c *cursor) fault() error {
	if c.peek(); c.pos < len(c.data) {
		c.fail()
	}
	if c.bad {
		return fmt.Errorf("byte %d does not continue a JSON text", c.faultAt)
	}
	return nil
}

// peek gives the byte with which the next thing begins, or zero at the end.
func (c *cursor) peek() byte {
	for i := c.pos; i < len(c.data); i++ {
		switch b := c.data[i]; b {
		case ' ', '\t', '\r', '\n':
		default:
			c.pos = i
			return b
		}
	}
	c.pos = len(c.data)
	return 0
}

// open enters an object or a list, by the bracket with which it begins. It skips a value that is something else.
func (c *cursor) open(bracket byte) bool {
	if c.peek() != bracket {
		c.value()
		return false
	}
	c.pos++
	c.depth++
	if c.fresh = true; c.depth > maxNesting {
		c.fail()
	}
	return !c.bad
}

// more says whether the open object or list goes on, and leaves it at the bracket with which it ends.
func (c *cursor) more(bracket byte) bool {
	b := c.peek()
	switch {
	case c.bad:
		return false
	case b == bracket:
		c.pos++
		c.depth--
	case c.fresh:
	case b == ',':
		c.pos++
	default:
		c.fail()
	}
	c.fresh = false
	return b != bracket && !c.bad
}

// key reads the name of a member. Its value has to be read next.
func (c *cursor) key() []byte {
	if c.peek() != '"' {
		c.fail()
		return nil
	}
	raw := c.value()
	if c.peek() != ':' {
		c.fail()
		return nil
	}
	c.pos++
	return chars(raw)
}

// value skips a value and gives its text, without the spaces around it.
func (c *cursor) value() []byte {
	first, start := c.peek(), c.pos
	switch first {
	case '{':
		for c.open('{'); c.more('}'); c.value() {
			c.key()
		}
	case '[':
		for c.open('['); c.more(']'); {
			c.value()
		}
	case '"':
		c.quoted()
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	default:
		c.number()
	}
	if c.bad {
		return nil
	}
	return c.data[start:c.pos]
}

// members reads some members of an object and skips the others. It gives the text of the value, and whether it is an object.
func (c *cursor) members(wanted ...member) ([]byte, bool) {
	c.peek()
	start := c.pos
	ok := c.open('{')
	for ok && c.more('}') {
		key := c.key()
		value := c.value()
		for _, w := range wanted {
			if w.key == string(key) {
				*w.value = value
			}
		}
	}
	return c.data[start:max(start, c.pos)], ok
}

// members reads some members of an object that has been read before, and says whether it is one.
func members(object []byte, wanted ...member) bool {
	c := cursor{data: object}
	_, ok := c.members(wanted...)
	return ok
}

func (c *cursor) literal(s string) {
	if end := c.pos + len(s); end <= len(c.data) && string(c.data[c.pos:end]) == s {
		c.pos = end
		return
	}
	c.fail()
}

func (c *cursor) quoted() {
	for i := c.pos + 1; i < len(c.data); i++ {
		switch b := c.data[i]; {
		case b == '"':
			c.pos = i + 1
			return
		case b == '\\':
			n := escaped(c.data[i+1:])
			if i += n; n == 0 {
				c.fail()
				return
			}
		case b < ' ':
			c.fail()
			return
		}
	}
	c.fail()
}

// escaped gives how many bytes after a backslash belong to it: none where they mean nothing.
func escaped(data []byte) int {
	switch {
	case len(data) == 0:
		return 0
	case strings.IndexByte(`"\/bfnrt`, data[0]) >= 0:
		return 1
	case data[0] != 'u' || len(data) < 5 || !isHex(data[1]) || !isHex(data[2]) || !isHex(data[3]) || !isHex(data[4]):
		return 0
	}
	return 5
}

func (c *cursor) number() {
	c.maybe('-', '-')
	if !c.maybe('0', '0') {
		c.digits()
	}
	if c.maybe('.', '.') {
		c.digits()
	}
	if c.maybe('e', 'E') {
		c.maybe('+', '-')
		c.digits()
	}
}

// maybe takes one byte if it is one of two.
func (c *cursor) maybe(a, b byte) bool {
	if c.pos < len(c.data) && (c.data[c.pos] == a || c.data[c.pos] == b) {
		c.pos++
		return true
	}
	return false
}

// digits takes one digit or more.
func (c *cursor) digits() {
	start := c.pos
	for c.pos < len(c.data) && isDigit(c.data[c.pos]) {
		c.pos++
	}
	if c.pos == start {
		c.fail()
	}
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

// chars gives the characters of a string, or a number as it is written: a name like 60e02 that lost its quotes on the way is
// still that name. It gives nothing for other values. What it gives is only good as long as the text is.
func chars(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '"' {
		if len(raw) > 0 && (raw[0] == '-' || isDigit(raw[0])) {
			return raw
		}
		return nil
	}
	for _, b := range raw {
		if b == '\\' || b >= 0x80 {
			var s string
			_ = json.Unmarshal(raw, &s) // the cursor has seen that it is a string
			return []byte(s)
		}
	}
	return raw[1 : len(raw)-1]
}

// text is the string of chars.
func text(raw []byte) string { return string(chars(raw)) }
