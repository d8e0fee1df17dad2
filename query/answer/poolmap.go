package answer

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"go4.org/netipx"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// Sign is what a map shows of an address, or of a block of addresses.
type Sign byte

// Signs of a map. Of a block of addresses it shows the first one, in this order, that is true of one of them.
const (
	SignConflict Sign = 'x'
	SignUsed     Sign = '#'
	SignCooling  Sign = '~'
	SignReserved Sign = 'R'
	SignGateway  Sign = 'G'
	SignFree     Sign = '.'
	SignNever    Sign = '-'
)

// order has the signs, the first one to be shown first.
const order = "x#~RG.-"

// Size is how large a map may be, in characters.
type Size struct{ Columns, Rows int }

// Layout of a map.
const (
	groupOf     = 8  // signs between two spaces
	maxPerRow   = 64 // signs in a row, however wide the terminal is
	defaultRows = 16
)

// Map shows a pool as rows of signs, each for one address or for an equal block of addresses.
type Map struct {
	// From is the first address of the map. It shows the smallest prefix with all of the pool's ranges.
	From string `json:"from"`
	// BlockBits says that each sign stands for 2^BlockBits addresses.
	BlockBits int `json:"blockBits"`
	// Rows are the signs, in the order of addresses.
	Rows []MapRow `json:"rows"`
	// Beside is the number of leases of the subnet that the map does not reach.
	Beside int `json:"beside,omitempty"`
}

// MapRow is a row of a map.
type MapRow struct {
	// From is the first address of the row.
	From  string `json:"from"`
	Signs string `json:"signs"`
}

// grid is a map that is being made. Its signs are a power of two, and so is the number of addresses of its prefix: a sign's
// index is the bits of an address behind the prefix, and no address is ever counted.
type grid struct {
	prefix netip.Prefix
	bits   int // signs are 2^bits
	signs  []Sign
}

func (d *Declared) newMap(pool *render.Pool, offer ipam.Pool, leases []v1alpha1.AddressLease, size Size) *Map {
	prefix := mapped(pool)
	perRow, bits := layout(prefix, size)
	g := &grid{prefix: prefix, bits: bits, signs: make([]Sign, 1<<bits)}
	for i := range g.signs {
		g.signs[i] = SignNever
	}
	// Ranges first, then single addresses: a later sign covers an earlier one only if it comes first in the order.
	for _, r := range pool.Config.Ranges() {
		g.mark(r, SignFree)
	}
	if bits == prefix.Addr().BitLen()-prefix.Bits() {
		// One sign per address: what another pool keeps to itself is not free here.
		g.unmark(pool.Config, offer)
	}
	for _, r := range d.Reservations {
		for _, kept := range r.Ranges {
			if r.Segment == pool.Segment {
				g.mark(kept, SignReserved)
			}
		}
	}
	for _, a := range append([]netip.Addr{pool.Gateway}, pool.DNS...) {
		if a.IsValid() {
			g.mark(netipx.IPRangeFrom(a, a), SignGateway)
		}
	}
	m := &Map{From: prefix.Addr().String(), BlockBits: prefix.Addr().BitLen() - prefix.Bits() - bits}
	for i := range leases {
		a, sign := addressOf(&leases[i]), signOf(&leases[i])
		switch {
		case sign == SignFree || !pool.Config.Subnet().Contains(a):
		case prefix.Contains(a):
			g.mark(netipx.IPRangeFrom(a, a), sign)
		default:
			m.Beside++
		}
	}
	m.Rows = g.rows(perRow)
	return m
}

// signOf is the sign of a lease.
func signOf(l *v1alpha1.AddressLease) Sign {
	switch {
	case l.Spec.Phase == v1alpha1.LeaseReleased:
		return SignFree
	case l.Spec.Conflict != "":
		return SignConflict
	case l.Spec.Phase == v1alpha1.LeaseCooling:
		return SignCooling
	case l.Spec.Phase == v1alpha1.LeaseReserved:
		return SignReserved
	}
	return SignUsed
}

// mapped is the smallest prefix with all of the pool's ranges.
func mapped(pool *render.Pool) netip.Prefix {
	subnet := pool.Config.Subnet()
	var first, last netip.Addr
	for _, text := range pool.Object.Spec.Ranges {
		r, err := ipam.ParseRange(string(text))
		if err != nil {
			return subnet
		}
		if !first.IsValid() || r.From().Less(first) {
			first = r.From()
		}
		if !last.IsValid() || last.Less(r.To()) {
			last = r.To()
		}
	}
	if !first.IsValid() {
		return subnet
	}
	for bits := first.BitLen(); bits > subnet.Bits(); bits-- {
		if p := netip.PrefixFrom(first, bits).Masked(); p.Contains(last) {
			return p
		}
	}
	return subnet
}

// layout says how many signs a row has, a power of two, and how many bits number all of them.
func layout(prefix netip.Prefix, size Size) (perRow, bits int) {
	label := len(netipx.PrefixLastIP(prefix).String())
	if prefix.Addr().Is4() {
		label = len("255.255.255.255")
	}
	perRow = groupOf
	for next := perRow * 2; next <= maxPerRow && label+next+next/groupOf <= size.Columns; next *= 2 {
		perRow = next
	}
	rows := 1
	for limit := max(min(size.Rows, defaultRows), 1); rows*2 <= limit; {
		rows *= 2
	}
	for 1<<bits < perRow*rows && bits < prefix.Addr().BitLen()-prefix.Bits() {
		bits++
	}
	return min(perRow, 1<<bits), bits
}

// index is the sign of an address of the prefix.
func (g *grid) index(a netip.Addr) int {
	raw, index := a.AsSlice(), 0
	for i := g.prefix.Bits(); i < g.prefix.Bits()+g.bits; i++ {
		index = index<<1 | int(raw[i/8]>>(7-i%8)&1)
	}
	return index
}

// at is the first address of a sign.
func (g *grid) at(index int) netip.Addr {
	raw := g.prefix.Addr().AsSlice()
	for i := 0; i < g.bits; i++ {
		bit := g.prefix.Bits() + g.bits - 1 - i
		raw[bit/8] |= byte(index>>i&1) << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// mark sets a sign wherever none is that comes before it in the order.
func (g *grid) mark(r netipx.IPRange, sign Sign) {
	first, last := g.prefix.Addr(), netipx.PrefixLastIP(g.prefix)
	if r.From().BitLen() != first.BitLen() || last.Less(r.From()) || r.To().Less(first) {
		return
	}
	if first.Less(r.From()) {
		first = r.From()
	}
	if r.To().Less(last) {
		last = r.To()
	}
	for i := g.index(first); i <= g.index(last); i++ {
		if strings.IndexByte(order, byte(sign)) < strings.IndexByte(order, byte(g.signs[i])) {
			g.signs[i] = sign
		}
	}
}

// unmark takes the sign of free addresses from those that the pool has and does not offer.
func (g *grid) unmark(pool, offer ipam.Pool) {
	for i, sign := range g.signs {
		if a := g.at(i); sign == SignFree && pool.Contains(a) && !offer.Contains(a) {
			g.signs[i] = SignNever
		}
	}
}

// rows cuts the signs into rows. Of a run of rows without any address of the pool only the first one is kept.
func (g *grid) rows(perRow int) []MapRow {
	var out []MapRow
	never := strings.Repeat(string(rune(SignNever)), perRow)
	before := ""
	for i := 0; i < len(g.signs); i += perRow {
		var text strings.Builder
		for _, sign := range g.signs[i : i+perRow] {
			text.WriteByte(byte(sign))
		}
		if text.String() != never || before != never {
			out = append(out, MapRow{From: g.at(i).String(), Signs: text.String()})
		}
		before = text.String()
	}
	return out
}

// Palette colours the signs of a map for a terminal. The zero Palette colours nothing.
type Palette map[Sign]string

// Colours is a palette of the sixteen colours that every terminal has.
func Colours() Palette {
	return Palette{SignConflict: "\033[31;1m", SignUsed: "\033[34m", SignCooling: "\033[36m", SignReserved: "\033[33m",
		SignGateway: "\033[35m", SignFree: "\033[32m"}
}

const colourEnd = "\033[0m"

// write prints the rows with their addresses, and the legend.
func (m *Map) write(w io.Writer, palette Palette) error {
	var out strings.Builder
	label := 0
	for _, row := range m.Rows {
		label = max(label, len(row.From))
	}
	out.WriteByte('\n')
	for _, row := range m.Rows {
		fmt.Fprintf(&out, "%-*s", label, row.From)
		for i := range len(row.Signs) {
			if i%groupOf == 0 {
				out.WriteByte(' ')
			}
			out.WriteString(palette.paint(Sign(row.Signs[i]), row.Signs[i:i+1]))
		}
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
	out.WriteString(m.legend(palette))
	_, err := io.WriteString(w, out.String())
	return err
}

func (m *Map) legend(palette Palette) string {
	words := map[Sign]string{SignConflict: "conflict", SignUsed: "used", SignCooling: "cooling", SignReserved: "reserved",
		SignGateway: "gateway or DNS", SignFree: "free", SignNever: "excluded or outside the ranges"}
	var parts []string
	for _, sign := range []byte(order) {
		parts = append(parts, palette.paint(Sign(sign), string(sign))+" "+words[Sign(sign)])
	}
	text := strings.Join(parts, "  ") + "\n"
	if m.BlockBits == 0 {
		text += "each sign is one address\n"
	} else {
		text += fmt.Sprintf("each sign is a block of 2^%d addresses, and shows the first of these that is true of one of them\n", m.BlockBits)
	}
	switch m.Beside {
	case 0:
	case 1:
		text += "1 lease of the subnet is beside this map\n"
	default:
		text += fmt.Sprintf("%d leases of the subnet are beside this map\n", m.Beside)
	}
	return text
}

func (p Palette) paint(sign Sign, text string) string {
	if colour, ok := p[sign]; ok {
		return colour + text + colourEnd
	}
	return text
}
