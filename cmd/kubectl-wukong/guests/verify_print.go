package guests

import (
	"fmt"
	"io"
	"strings"

	"novasphere.dev/wukong-network/query/answer"
)

// notKnown stands in a cell for what could not be found out.
const notKnown = "?"

// Write prints a table with a row per address, and below it whether the guest is in sync, or the first difference.
func (v *Verification) Write(w io.Writer, form answer.Form) error {
	table := answer.Table{Header: []string{"NETWORK", "INTERFACE", "MAC", "REQUESTED", "DELIVERED", "OBSERVED", "VERDICT"}}
	for _, n := range v.Networks {
		table.Rows = append(table.Rows, n.rows()...)
	}
	if len(table.Rows) > 0 {
		if err := table.Write(w, form); err != nil {
			return err
		}
	}
	for _, line := range v.lines() {
		if _, err := fmt.Fprintln(w, answer.Printable(line)); err != nil {
			return err
		}
	}
	return nil
}

func (v *Verification) lines() []string {
	out := []string{v.Reason + ": " + v.Message}
	if v.Fix != "" {
		out = append(out, "fix: "+v.Fix)
	}
	for _, line := range v.PendingRestart {
		if !strings.HasSuffix(v.Message, line) {
			out = append(out, "waits for a restart: "+line)
		}
	}
	if v.See != "" {
		out = append(out, "see: "+v.See)
	}
	return out
}

// rows gives one row per address, and one for an interface without any.
func (n NetworkVerification) rows() [][]string {
	asked := notKnown
	if n.DHCP {
		asked = "dhcp"
	}
	var out [][]string
	for _, a := range n.Addresses {
		row := []string{n.Name, n.Interface, n.MACAddress, asked, asked, cell(a.Observed, strings.Split(a.Address, "/")[0]), string(a.Verdict)}
		if !n.DHCP {
			row[3], row[4] = cell(answerOf(a.Requested), a.Address), cell(a.Delivered, a.Address)
		}
		out = append(out, row)
	}
	if len(out) == 0 {
		out = append(out, []string{n.Name, n.Interface, n.MACAddress, asked, asked, notKnown, string(AddressUnknown)})
	}
	return out
}

func cell(a Answer, address string) string {
	switch a {
	case Yes:
		return address
	case No:
		return ""
	}
	return notKnown
}
