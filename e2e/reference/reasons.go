package main

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"novasphere.dev/wukong-network/api/reasons"
)

const reasonsHead = `<!-- make generate writes this page from api/reasons. -->
# Reasons

One word says why something is as it is. The same words stand in conditions, in ` + "`status.problems` and `status.networks`" + `, in
events, in metrics, in the history of leases, and in brackets at the end of each finding of ` + "`kubectl wukong render`" + `. The message
beside the word names the object, field, node or address and the next step. The list of words is
[conditions.go](../api/v1alpha1/conditions.go), what is said about them is [api/reasons](../api/reasons/reasons.go).

State: **ok** is Ready, **works** is ` + "`Reconciling` (wait), **act** is `Stalled`" + ` (a person has to act). A dash means that the
word does not decide about Ready where it stands. Each word has an anchor in lower case, such as ` + "`reasons.md#addressconflict`" + `.

`

// chapter is the prose around the table of a group.
type chapter struct {
	before, after string
	// column is the head of the second column, empty where there is none; noAction leaves the last column out.
	column   string
	noAction bool
}

var chapters = map[reasons.Group]chapter{
	reasons.Spec:        {column: "state"},
	reasons.Selection:   {column: "state"},
	reasons.Addresses:   {column: "state"},
	reasons.Pools:       {column: "state", before: "On Wukongs. What the objects themselves say is [below](#addresspools-and-addressreservations)."},
	reasons.PoolObjects: {column: "state", before: "Words with **ok** are warnings: addresses can be taken."},
	reasons.Hosts:       {column: "state", before: "On HostUplinks and HostNetworks, and on the `NodeNetworkReady` condition of Wukongs."},
	reasons.Node: {column: "progress", before: `In ` + "`status.problems`" + ` of HostUplinks and HostNetworks, with [` + "`progress`" + `](rollout.md#progress-of-a-node) LeftOut, Waiting, Retrying,
Failing or Unknown. A node that is left out was not touched. A node that has the revision already keeps it when a check fails
later, and is named with ` + "`progress`" + ` Applied.`,
		after: "Nodes that only wait for their turn or are at work are not listed; `kubectl wukong host status` has them, with the words Queued and\nRemoving."},
	reasons.Standstill: {before: "`kubectl wukong host status` says why a rollout stands still. A status says it in the message of NodeNetworkProgressing or\nNodeNetworkDegraded."},
	reasons.Guest:      {column: "state", before: "`kubectl wukong guest verify` explains the first difference between what was asked for and what the guest has."},
	reasons.Events: {column: "where", noAction: true,
		after: "Every change of Ready is an event with the reason of Ready, too: a warning where a person has to act."},
}

// reasonsPage is docs/reasons.md.
func reasonsPage() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(reasonsHead)
	for _, g := range reasons.Groups() {
		fmt.Fprintf(&b, "- [%s](#%s)\n", g, anchorOf(string(g)))
	}
	all := reasons.All()
	for _, g := range reasons.Groups() {
		c, ok := chapters[g]
		if !ok {
			return nil, fmt.Errorf("the group %q has no chapter", g)
		}
		fmt.Fprintf(&b, "\n## %s\n\n", g)
		if c.before != "" {
			fmt.Fprintf(&b, "%s\n\n", c.before)
		}
		columns := []string{"reason", c.column, "meaning", "what to do"}
		line(&b, c.pick(columns))
		line(&b, c.pick([]string{"---", "---", "---", "---"}))
		for _, r := range all {
			if u, ok := r.In(g); ok {
				line(&b, c.pick([]string{word(r, g), second(u), u.Meaning, action(u)}))
			}
		}
		if c.after != "" {
			fmt.Fprintf(&b, "\n%s\n", c.after)
		}
	}
	return b.Bytes(), nil
}

// pick leaves out the columns that the chapter does not have.
func (c chapter) pick(cells []string) []string {
	out := []string{cells[0]}
	if c.column != "" {
		out = append(out, cells[1])
	}
	out = append(out, cells[2])
	if !c.noAction {
		out = append(out, cells[3])
	}
	return out
}

// line writes a row of a table, as its rule when the cells are dashes.
func line(b *bytes.Buffer, cells []string) {
	if cells[0] == "---" {
		fmt.Fprintf(b, "|%s|\n", strings.Join(cells, "|"))
		return
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// word is the first cell: the anchor stands where the word is used first.
func word(r reasons.Reason, g reasons.Group) string {
	if r.Group != g {
		return r.Word
	}
	return fmt.Sprintf("<a id=%q></a>%s", r.Anchor(), r.Word)
}

// second is the second cell: the place if the use has one, otherwise the states.
func second(u reasons.Use) string {
	var states []string
	for _, s := range u.States {
		states = append(states, string(s))
	}
	return cmp.Or(u.Where, strings.Join(states, ", "), "–")
}

// action is the last cell.
func action(u reasons.Use) string {
	text := cmp.Or(u.Action, "nothing")
	if u.Link.Page != "" {
		text += fmt.Sprintf(". See [%s](%s)", u.Link.Text, u.Link.Page)
	}
	return text
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 -]`)

// anchorOf is what a heading is called in links.
func anchorOf(heading string) string {
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}
