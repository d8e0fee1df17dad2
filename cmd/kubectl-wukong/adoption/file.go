package adoption

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
)

// Row is one line of a file of addresses.
type Row struct {
	// Line is its number, from 1.
	Line    int
	Address netip.Addr
	// Bits is the length of the subnet's prefix, or 0.
	Bits int
	// The rest is what other columns say, as they say it; empty where they are not there. Names are all names of the line.
	Names                           []string
	Namespace, Network, Machine     string
	Segment, HostNetwork, Pool, MAC string
}

// BadRow is a line that cannot be read.
type BadRow struct {
	Line int
	// Text is the address as the line has it.
	Text    string
	Problem string
}

// File is what a file of addresses says.
type File struct {
	// Name is how the file is called in messages.
	Name string
	Rows []Row
	Bad  []BadRow
}

// MaxFile is the largest size of a file that is read, in bytes.
const MaxFile = 64 << 20

// ReadFile reads comma, semicolon or tab separated values, or a hosts file (hosts(5)).
//
// Values may have a header with the names that kubectl wukong ip list -o csv prints, or common other ones, in any order;
// columns of other names are passed over. Without a header the columns are address, name and namespace. Lines that begin with
// # are comments. A line whose phase is Released is passed over: nobody has that address. A line that cannot be read is among
// Bad; the error is about a file that cannot be read at all.
func ReadFile(name string, text []byte) (File, error) {
	out := File{Name: name}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	switch {
	case len(text) > MaxFile:
		return out, fmt.Errorf("%s: has %d bytes, more than %d: split it", name, len(text), MaxFile)
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return out, fmt.Errorf("%s: is no text in UTF-8: export comma separated values", name)
	}
	first := firstLine(text)
	separator, header := separatorOf(first)
	if separator == 0 {
		out.hosts(text)
		return out, nil
	}
	return out, out.values(text, separator, header)
}

// firstLine gives the first line that is neither blank nor a comment.
func firstLine(text []byte) string {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line)
		}
	}
	return ""
}

// separatorOf finds what separates values, or 0 for a hosts file, and whether the line is a header.
func separatorOf(line string) (separator rune, header bool) {
	for _, s := range []rune{',', ';', '\t'} {
		cells := strings.Split(line, string(s))
		if slices.ContainsFunc(cells, func(cell string) bool { return columnOf(cell) == columnAddress }) {
			return s, true
		}
	}
	for _, s := range []rune{',', ';'} {
		if strings.ContainsRune(line, s) {
			return s, false
		}
	}
	return 0, false
}

// column is what a column means.
type column string

const (
	columnAddress     column = "address"
	columnBits        column = "prefix_length"
	columnSegment     column = "segment"
	columnPhase       column = "phase"
	columnNamespace   column = "namespace"
	columnName        column = "name"
	columnNetwork     column = "network"
	columnMachine     column = "virtual_machine"
	columnMAC         column = "mac"
	columnPool        column = "pool"
	columnHostNetwork column = "host_network"
)

// columns are the names of columns, without what separates words: those that are printed here, and those that people use.
var columns = map[string]column{
	"address": columnAddress, "ip": columnAddress, "ipaddress": columnAddress,
	"prefixlength": columnBits, "segment": columnSegment, "phase": columnPhase, "namespace": columnNamespace, "project": columnNamespace,
	"wukong": columnName, "name": columnName, "hostname": columnName, "host": columnName,
	"network": columnNetwork, "virtualmachine": columnMachine, "vm": columnMachine,
	"mac": columnMAC, "macaddress": columnMAC, "pool": columnPool, "hostnetwork": columnHostNetwork,
}

func columnOf(cell string) column {
	return columns[strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(unquoted(cell)))]
}

// unquoted takes from a cell what kept a spreadsheet from computing it, and blanks and quotes around it.
func unquoted(cell string) string {
	return strings.TrimPrefix(strings.Trim(strings.TrimSpace(cell), `"`), "'")
}

func (f *File) values(text []byte, separator rune, header bool) error {
	in := csv.NewReader(bytes.NewReader(text))
	in.Comma, in.Comment, in.FieldsPerRecord, in.LazyQuotes, in.TrimLeadingSpace = separator, '#', -1, true, separator != '\t'
	in.ReuseRecord = true
	order := []column{columnAddress, columnName, columnNamespace}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if header {
			if order, err = f.header(record); err != nil {
				return err
			}
			header = false
			continue
		}
		line, _ := in.FieldPos(0)
		cells := map[column]string{}
		for i, cell := range record[:min(len(record), len(order))] {
			if order[i] != "" {
				cells[order[i]] = unquoted(cell)
			}
		}
		f.row(line, cells)
	}
}

func (f *File) header(record []string) ([]column, error) {
	var order []column
	for _, cell := range record {
		c := columnOf(cell)
		if c != "" && slices.Contains(order, c) {
			return nil, fmt.Errorf("%s: two columns are the %s: rename or remove one of them", f.Name, c)
		}
		order = append(order, c)
	}
	return order, nil
}

// row takes in one line of values.
func (f *File) row(line int, cells map[column]string) {
	text := cells[columnAddress]
	switch {
	case cells[columnPhase] == string(v1alpha1.LeaseReleased):
		return
	case text == "":
		for _, cell := range cells {
			if cell != "" {
				f.bad(line, "", errors.New("has no address"))
				break
			}
		}
		return
	}
	addr, bits, err := parseCell(text)
	if err != nil {
		f.bad(line, text, err)
		return
	}
	if length := cells[columnBits]; length != "" && bits == 0 {
		if bits, err = strconv.Atoi(length); err != nil || bits < 1 || bits > addr.BitLen() {
			f.bad(line, text, fmt.Errorf("%q is no length of a prefix: write 1 to %d", length, addr.BitLen()))
			return
		}
	}
	row := Row{Line: line, Address: addr, Bits: bits, Namespace: cells[columnNamespace], Network: cells[columnNetwork],
		Machine: cells[columnMachine], Segment: cells[columnSegment], HostNetwork: cells[columnHostNetwork], Pool: cells[columnPool],
		MAC: cells[columnMAC]}
	if name := cells[columnName]; name != "" {
		row.Names = []string{name}
	}
	f.Rows = append(f.Rows, row)
}

// hosts reads a hosts file.
func (f *File) hosts(text []byte) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		content, _, _ := strings.Cut(string(line), "#")
		words := strings.Fields(content)
		if len(words) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err == nil {
			if _, ok := usable(addr); !ok {
				continue // every hosts file has loopback and multicast addresses
			}
		}
		addr, bits, err := parseCell(words[0])
		if err != nil {
			f.bad(number, words[0], err)
			continue
		}
		f.Rows = append(f.Rows, Row{Line: number, Address: addr, Bits: bits, Names: words[1:]})
	}
}

func (f *File) bad(line int, text string, problem error) {
	f.Bad = append(f.Bad, BadRow{Line: line, Text: text, Problem: problem.Error()})
}

// parseCell reads an address with or without the length of its prefix.
func parseCell(text string) (netip.Addr, int, error) {
	if strings.Contains(text, "/") {
		prefix, err := ipam.ParseAddress(text)
		return prefix.Addr(), prefix.Bits(), err
	}
	addr, err := ipam.ParseIP(text)
	if err != nil {
		return addr, 0, err
	}
	if _, ok := usable(addr); !ok {
		return addr, 0, &ipam.InvalidError{Value: text, Problem: "is no address that a machine of a network can have",
			Fix: "write its unicast address"}
	}
	return addr, 0, nil
}
