package inspect

import (
	"cmp"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
)

// Timeline is what happened to some objects, in order.
type Timeline struct {
	metav1.TypeMeta `json:",inline"`
	// Unread are the kinds that the caller may not read, sorted.
	Unread []string `json:"unread,omitempty"`
	// Entries are ordered by time.
	Entries []Entry `json:"entries"`
}

// Source is what tells of an entry.
type Source string

// Sources.
const (
	// SourceEvent: an event of the cluster. Clusters keep them for an hour, unless configured otherwise.
	SourceEvent Source = "event"
	// SourceLease: the history of an AddressLease.
	SourceLease Source = "lease"
	// SourceCondition: the last change of a condition.
	SourceCondition Source = "condition"
	// SourceEnactment: what the handler of a node says about a policy.
	SourceEnactment Source = "enactment"
)

// Entry is one thing that happened.
type Entry struct {
	// At is when, in RFC 3339; for what happened repeatedly the last time.
	At      string `json:"at"`
	Object  string `json:"object"`
	Source  Source `json:"source"`
	Warning bool   `json:"warning,omitempty"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	// Count is how often, where that is more than once.
	Count int32 `json:"count,omitempty"`

	time time.Time
}

// Subject is an object whose timeline is asked for.
type Subject struct{ Kind, Namespace, Name string }

// Subjects are the objects that matter to the Wukongs of the facts, sorted: they themselves, their machines and leases, and what
// serves them on hosts.
func (f Facts) Subjects() []Subject {
	all := sets.New[Subject]()
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		all.Insert(Subject{kindWukong, w.Namespace, w.Name})
		if name := cmp.Or(w.Status.VMName, w.Spec.VirtualMachineName); name != "" {
			all.Insert(Subject{kindVirtualMachine, w.Namespace, name}, Subject{kindVirtualMachine + "Instance", w.Namespace, name})
		}
		for _, n := range w.Status.Networks {
			if o := named(f.HostNetworks, "", n.HostNetwork); o != nil {
				all.Insert(Subject{KindHostNetwork, "", o.Name})
				for _, uplink := range o.Status.Uplinks {
					all.Insert(Subject{KindHostUplink, "", uplink})
				}
			}
		}
	}
	for i := range f.Leases {
		all.Insert(Subject{KindLease, "", f.Leases[i].Name})
	}
	return sorted(all)
}

// Everything are all objects of the facts that have a timeline, sorted.
func (f Facts) Everything() []Subject {
	all := sets.New(f.Subjects()...)
	for i := range f.HostNetworks {
		all.Insert(Subject{KindHostNetwork, "", f.HostNetworks[i].Name})
	}
	for i := range f.HostUplinks {
		all.Insert(Subject{KindHostUplink, "", f.HostUplinks[i].Name})
	}
	for i := range f.AddressPools {
		all.Insert(Subject{KindPool, "", f.AddressPools[i].Name})
	}
	for i := range f.AddressReservations {
		all.Insert(Subject{KindReservation, "", f.AddressReservations[i].Name})
	}
	return sorted(all)
}

func sorted(all sets.Set[Subject]) []Subject {
	return slices.SortedFunc(slices.Values(all.UnsortedList()), func(a, b Subject) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// String is KIND/NAME, with the namespace where there is one.
func (s Subject) String() string {
	if s.Namespace != "" {
		return s.Kind + "/" + s.Namespace + "/" + s.Name
	}
	return s.Kind + "/" + s.Name
}

// Timeline gives what happened to the subjects since a time; the zero time is any.
func (f Facts) Timeline(subjects []Subject, since time.Time) *Timeline {
	wanted := sets.New(subjects...)
	t := &Timeline{TypeMeta: answer.Report("Timeline"), Entries: []Entry{}}
	for i := range f.Events {
		e := &f.Events[i]
		subject := Subject{e.Regarding.Kind, e.Regarding.Namespace, e.Regarding.Name}
		if wanted.Has(subject) {
			t.event(subject, e)
		}
	}
	for i := range f.Leases {
		if l := &f.Leases[i]; wanted.Has(Subject{KindLease, "", l.Name}) {
			t.lease(l)
		}
	}
	f.conditionsOf(t, wanted)
	for i := range f.Enactments {
		t.enactment(&f.Enactments[i])
	}
	t.Unread = sets.List(f.Unread)
	t.Entries = slices.DeleteFunc(t.Entries, func(e Entry) bool { return e.time.IsZero() || e.time.Before(since) })
	t.sort()
	return t
}

// sort orders entries by time and leaves out what says the same as its neighbour. A condition keeps its time when its reason
// changes and its status does not, so an event that says the same knows better when that was.
func (t *Timeline) sort() {
	announced := sets.New[[3]string]()
	for _, e := range t.Entries {
		if e.Source == SourceEvent {
			announced.Insert(e.words())
		}
	}
	t.Entries = slices.DeleteFunc(t.Entries, func(e Entry) bool { return e.Source == SourceCondition && announced.Has(e.words()) })
	slices.SortStableFunc(t.Entries, func(a, b Entry) int {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Source, b.Source))
	})
	var out []Entry
	for _, e := range t.Entries {
		if !slices.ContainsFunc(out[max(0, len(out)-neighbours):], e.repeats) {
			out = append(out, e)
		}
	}
	t.Entries = append([]Entry{}, out...)
}

// Neighbours are entries of about the same time.
const (
	neighbours = 16
	sameMoment = 2 * time.Second
)

// repeats says whether an earlier entry tells the same, such as two conditions that change for the same reason.
func (e Entry) repeats(earlier Entry) bool {
	return e.words() == earlier.words() && e.time.Sub(earlier.time) <= sameMoment
}

// words are what an entry says, of what.
func (e Entry) words() [3]string { return [3]string{e.Object, e.Reason, e.Message} }

func (t *Timeline) add(subject string, source Source, at time.Time, warning bool, reason, message string) {
	t.Entries = append(t.Entries, Entry{At: moment(at), Object: subject, Source: source, Warning: warning, Reason: reason, Message: one(message), time: at.Truncate(time.Second)})
}

func (t *Timeline) event(subject Subject, e *eventsv1.Event) {
	at, count := e.EventTime.Time, e.DeprecatedCount
	switch {
	case e.Series != nil:
		at, count = e.Series.LastObservedTime.Time, e.Series.Count
	case !e.DeprecatedLastTimestamp.IsZero():
		at = e.DeprecatedLastTimestamp.Time
	}
	t.add(subject.String(), SourceEvent, at, e.Type == corev1.EventTypeWarning, e.Reason, e.Note)
	if count > 1 {
		t.Entries[len(t.Entries)-1].Count = count
	}
}

// lease tells the history of a lease.
func (t *Timeline) lease(l *v1alpha1.AddressLease) {
	object := KindLease + "/" + l.Name
	for _, c := range l.Spec.History {
		t.add(object, SourceLease, c.From.Time, false, v1alpha1.ReasonAddressLeased, "leased to "+c.Holder)
		if c.Until != nil {
			t.add(object, SourceLease, c.Until.Time, false, cmp.Or(c.Reason, v1alpha1.ReasonAddressReleased), c.Holder+" no longer has it")
		}
	}
	if l.Spec.Phase != v1alpha1.LeaseAllocated {
		t.add(object, SourceLease, l.Spec.Since.Time, false, string(l.Spec.Phase), leased(l))
	}
	if l.Spec.ConflictSince != nil {
		t.add(object, SourceLease, l.Spec.ConflictSince.Time, true, v1alpha1.ReasonCollisionFound, "collides with "+l.Spec.Conflict)
	}
}

// conditionsOf tells the last change of each condition of the subjects.
func (f Facts) conditionsOf(t *Timeline, wanted sets.Set[Subject]) {
	tell := func(s Subject, conditions []metav1.Condition) {
		if wanted.Has(s) {
			t.conditions(s.String(), conditions)
		}
	}
	for i := range f.Wukongs {
		w := &f.Wukongs[i]
		tell(Subject{kindWukong, w.Namespace, w.Name}, w.Status.Conditions)
	}
	for i := range f.HostNetworks {
		tell(Subject{KindHostNetwork, "", f.HostNetworks[i].Name}, f.HostNetworks[i].Status.Conditions)
	}
	for i := range f.HostUplinks {
		tell(Subject{KindHostUplink, "", f.HostUplinks[i].Name}, f.HostUplinks[i].Status.Conditions)
	}
	for i := range f.AddressPools {
		tell(Subject{KindPool, "", f.AddressPools[i].Name}, f.AddressPools[i].Status.Conditions)
	}
	for i := range f.AddressReservations {
		tell(Subject{KindReservation, "", f.AddressReservations[i].Name}, f.AddressReservations[i].Status.Conditions)
	}
}

func (t *Timeline) conditions(object string, conditions []metav1.Condition) {
	for _, c := range conditions {
		if c.Type == v1alpha1.ConditionStalled || c.Type == v1alpha1.ConditionReconciling {
			continue // their reason and message are those of Ready
		}
		t.add(object, SourceCondition, c.LastTransitionTime.Time, c.Status == metav1.ConditionFalse, c.Reason, c.Message)
	}
}

// enactment tells what the handler of a node says now, and what it said before.
func (t *Timeline) enactment(e *nmstate.Enactment) {
	outcome, since := fate(e)
	t.add("node/"+e.NodeName(), SourceEnactment, since.Time, outcome.Failed() || outcome == nmstate.OutcomeRetrying, string(outcome),
		cmp.Or(e.Message(), e.Policy()))
}

// Write prints a table.
func (t *Timeline) Write(w io.Writer, s style.Style) error {
	table := style.Table{Header: []string{"TIME", "OBJECT", "REASON", "MESSAGE"}}
	if s.Wide {
		table.Header = []string{"TIME", "SOURCE", "COUNT", "OBJECT", "REASON", "MESSAGE"}
	}
	for _, e := range t.Entries {
		table.Rows = append(table.Rows, e.row(s))
	}
	return table.Write(w, s)
}

func (e Entry) row(s style.Style) []style.Cell {
	tone := style.Plain
	if e.Warning {
		tone = style.Bad
	}
	row := []style.Cell{{Text: e.At}}
	if s.Wide {
		row = append(row, style.Cell{Text: string(e.Source)}, style.Cell{Text: number(int(max(e.Count, 1)))})
	}
	return append(row, style.Cell{Text: e.Object}, style.Cell{Text: e.Reason, Tone: tone}, style.Cell{Text: e.Message})
}

// Since leaves out the entries that another timeline has.
func (t *Timeline) Since(shown *Timeline) *Timeline {
	if shown == nil {
		return t
	}
	// Times of equal moments need not be equal, so they are compared as they are printed.
	printed := func(e Entry) Entry {
		e.time = time.Time{}
		return e
	}
	known := sets.New[Entry]()
	for _, e := range shown.Entries {
		known.Insert(printed(e))
	}
	out := *t
	out.Entries = slices.DeleteFunc(slices.Clone(t.Entries), func(e Entry) bool { return known.Has(printed(e)) })
	return &out
}
