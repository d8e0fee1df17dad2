package answer

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// position is where a page ends: that of its last item in the order of SortLeases.
type position struct {
	Segment string `json:"s"`
	Address string `json:"a"`
	Name    string `json:"n"`
}

// Page keeps the items after those that token stands for, at most limit of them, and says what follows. Tokens are those of
// earlier pages, or empty. They stand for a place in the order, so what comes or goes between two pages is seen or not, and
// nothing else is left out or given twice.
func (l *List) Page(limit int, token string) error {
	if token != "" {
		after, err := readToken(token)
		if err != nil {
			return err
		}
		first, found := slices.BinarySearchFunc(l.Items, after, func(item Lease, p position) int { return comparePositions(positionOf(&item), p) })
		if found {
			first++
		}
		l.Items = l.Items[first:]
	}
	if len(l.Items) > limit {
		l.Metadata.Remaining = len(l.Items) - limit
		l.Items = l.Items[:limit]
		text, err := json.Marshal(positionOf(&l.Items[limit-1]))
		if err != nil {
			return err
		}
		l.Metadata.Continue = base64.RawURLEncoding.EncodeToString(text)
	}
	return nil
}

func readToken(token string) (position, error) {
	var p position
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Name == "" {
		return p, fmt.Errorf("%q is no token of an earlier page", Printable(token))
	}
	return p, nil
}

func positionOf(l *Lease) position { return position{l.Segment, l.Address, l.Name} }

func comparePositions(a, b position) int {
	return cmp.Or(bySegment(a.Segment, b.Segment), parsed(a.Address).Compare(parsed(b.Address)), cmp.Compare(a.Name, b.Name))
}

// parsed is zero for what is no address.
func parsed(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a
}
