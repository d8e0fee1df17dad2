package answer

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// List are leases in the order of SortLeases, all of them or a page.
type List struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        Page    `json:"metadata"`
	Items           []Lease `json:"items"`
}

// Page says what follows a list.
type Page struct {
	// Continue asks for the next page; empty where nothing follows.
	Continue string `json:"continue,omitempty"`
	// Remaining is how many items follow.
	Remaining int `json:"remainingItemCount,omitempty"`
}

// NewList sorts the leases and reads them.
func NewList(leases []v1alpha1.AddressLease, nodes Nodes) List {
	SortLeases(leases)
	l := List{TypeMeta: Report("AddressList"), Items: []Lease{}}
	for i := range leases {
		l.Items = append(l.Items, leaseOf(&leases[i], nodes))
	}
	return l
}

// Table gives one row per lease.
func (l List) Table(wide bool) Table { return leaseTable(l.Items, wide) }

// WriteNames prints the name of each lease, as kubectl takes it.
func (l List) WriteNames(w io.Writer) error { return leaseNames(w, l.Items) }

// WriteCSV writes comma separated values with a header (RFC 4180, with line feeds), for firewalls and inventories. A field
// that a spreadsheet would compute is written behind an apostrophe, so that it stays text.
func (l List) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"address", "prefix_length", "segment", "phase", "namespace", "wukong", "network", "virtual_machine", "mac",
		"pool", "host_network", "since", "until", "conflict"}}
	for _, l := range l.Items {
		length := ""
		if l.PrefixLength > 0 {
			length = strconv.Itoa(int(l.PrefixLength))
		}
		rows = append(rows, []string{l.Address, length, l.Segment, string(l.Phase), l.Namespace, l.Wukong, l.Network, l.VirtualMachine,
			l.MAC, l.Pool, l.HostNetwork, l.Since, l.Until, l.Conflict})
	}
	for _, row := range rows {
		for i, field := range row {
			row[i] = csvField(field)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvField makes text harmless for terminals and for spreadsheets, which compute what begins with one of these signs (CWE-1236).
func csvField(text string) string {
	text = Printable(text)
	if text != "" && strings.ContainsRune("=+-@|%", rune(text[0])) {
		return "'" + text
	}
	return text
}

// WriteHosts writes a line of a hosts file for each address that somebody has: the address, WUKONG.NAMESPACE,
// NETWORK.WUKONG.NAMESPACE, and WUKONG alone where no other namespace has one of that name. What is returned says which
// leases have no such line, because their names are no names of DNS.
func (l List) WriteHosts(w io.Writer) (left []string, err error) {
	namespaces := map[string]map[string]bool{}
	for _, l := range l.Items {
		if namespaces[l.Wukong] == nil {
			namespaces[l.Wukong] = map[string]bool{}
		}
		namespaces[l.Wukong][l.Namespace] = true
	}
	for _, l := range l.Items {
		if l.Phase != v1alpha1.LeaseAllocated && l.Phase != v1alpha1.LeaseReleasing {
			continue
		}
		names := []string{l.Wukong + "." + l.Namespace, l.Network + "." + l.Wukong + "." + l.Namespace}
		if len(namespaces[l.Wukong]) == 1 {
			names = append(names, l.Wukong)
		}
		if problem := notHosts(l.Address, names); problem != "" {
			left = append(left, fmt.Sprintf("%s has no line: %s", Printable(l.Name), Printable(problem)))
			continue
		}
		if _, err := fmt.Fprintln(w, l.Address+" "+strings.Join(names, " ")); err != nil {
			return left, err
		}
	}
	return left, nil
}

// notHosts says why address and names cannot stand in a hosts file. A space, a line break or a # in one of them would be
// another entry.
func notHosts(address string, names []string) string {
	if problems := validation.IsValidIP(nil, address); len(problems) > 0 {
		return fmt.Sprintf("%q is no address", address)
	}
	for _, name := range names {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return fmt.Sprintf("%q is no name of DNS", name)
		}
	}
	return ""
}
