package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Checker reads a history, event by event, and notes what breaks a rule. The zero value, with Limits set, is ready. It keeps
// the world as of the last event, not the history, so its memory follows the number of objects.
type Checker struct {
	Limits Limits

	revision   int64
	leases     map[string]*v1alpha1.AddressLease
	wukongs    map[Object]*wukongState
	held       map[place]map[string]bool    // names of leases that are held, by what they lock
	publishers map[place]map[types.UID]bool // Wukongs, by what they publish
	found      []Violation
}

// place is what can have one holder.
type place struct {
	segment string
	addr    netip.Addr
}

func (p place) String() string { return fmt.Sprintf("%s on segment %s", p.addr, p.segment) }

// wukongState is a Wukong as of its last event.
type wukongState struct {
	object    *v1alpha1.Wukong
	published []publication
	networks  map[string]*networkState
}

// publication is one address in a status.
type publication struct {
	place
	network, lease, pool string
}

// networkState remembers what a network published, and whether its spec has changed since.
type networkState struct {
	spec      string
	published []publication
	changed   bool
}

// Check reads a whole history.
func Check(events []Event, limits Limits) []Violation {
	c := &Checker{Limits: limits}
	for _, e := range events {
		c.Add(e)
	}
	return c.Violations()
}

// Violations are those so far, in the order of revisions.
func (c *Checker) Violations() []Violation { return slices.Clone(c.found) }

// Add reads the next event.
func (c *Checker) Add(e Event) {
	if c.leases == nil {
		c.leases, c.wukongs = map[string]*v1alpha1.AddressLease{}, map[Object]*wukongState{}
		c.held, c.publishers = map[place]map[string]bool{}, map[place]map[types.UID]bool{}
	}
	if e.Revision < c.revision {
		c.fail(e, RuleOrder, "it comes after revision %d", c.revision)
	}
	c.revision = max(c.revision, e.Revision)
	switch e.Object.Kind {
	case LeaseKind:
		c.addLease(e)
	case WukongKind:
		c.addWukong(e)
	}
}

func (c *Checker) fail(e Event, rule Rule, format string, args ...any) {
	c.found = append(c.found, Violation{Revision: e.Revision, Object: e.Object, Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

// placeOf reads what a lease locks.
func placeOf(l *v1alpha1.AddressLease) (place, error) {
	addr, err := canonical(l.Spec.Address)
	if err == nil && l.Spec.Segment == "" {
		err = fmt.Errorf("spec.segment is empty")
	}
	return place{l.Spec.Segment, addr}, err
}

func canonical(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err == nil && (addr.String() != text || addr.Is4In6()) {
		err = fmt.Errorf("%q is not canonical", text)
	}
	return addr, err
}

// nameOf says how the lease of a place has to be named. It repeats the rule of the AddressLease schema in its own words.
func nameOf(p place) string {
	text := strings.Map(func(r rune) rune {
		if r == '.' || r == ':' {
			return '-'
		}
		return r
	}, p.addr.String())
	if strings.HasSuffix(text, "-") {
		text += "0"
	}
	return "ip-" + text + "." + p.segment
}

func isHeld(l *v1alpha1.AddressLease) bool {
	return l.Spec.Phase == v1alpha1.LeaseAllocated || l.Spec.Phase == v1alpha1.LeaseReleasing
}

func (c *Checker) addLease(e Event) {
	before := c.leases[e.Object.Name]
	var touched []place
	if before != nil {
		if p, err := placeOf(before); err == nil {
			forget(c.held, p, e.Object.Name)
			touched = append(touched, p)
		}
	}
	if e.Lease == nil {
		delete(c.leases, e.Object.Name)
		if before != nil && before.Spec.Phase != v1alpha1.LeaseReleased {
			c.fail(e, RuleStep, "it was deleted while %s", before.Spec.Phase)
		}
	} else {
		c.leases[e.Object.Name] = e.Lease
		touched = append(touched, c.readLease(e)...)
		c.step(e, before)
	}
	c.checkPublications(e, touched)
}

// readLease checks what the lease says by itself, and gives what it locks.
func (c *Checker) readLease(e Event) []place {
	p, err := placeOf(e.Lease)
	if err != nil {
		c.fail(e, RuleLegible, "%v", err)
		return nil
	}
	if want := nameOf(p); e.Object.Name != want || e.Lease.Name != want {
		c.fail(e, RuleNamed, "the lease of %s must be named %s, metadata.name is %s", p, want, e.Lease.Name)
	}
	if isHeld(e.Lease) {
		remember(c.held, p, e.Object.Name)
		if names := c.held[p]; len(names) > 1 {
			c.fail(e, RuleOneHolder, "%s is held by %s", p, strings.Join(slices.Sorted(maps.Keys(names)), " and "))
		}
	}
	return []place{p}
}

// checkPublications checks what Wukongs publish of the places whose lease has changed.
func (c *Checker) checkPublications(e Event, places []place) {
	for i, p := range places {
		if slices.Contains(places[:i], p) || len(c.publishers[p]) == 0 {
			continue
		}
		for object, w := range c.wukongs {
			for _, a := range w.published {
				if a.place != p {
					continue
				}
				if problem := c.unheld(w, a); problem != "" {
					c.fail(e, RulePublishedHeld, "%s still publishes %s: %s", object, p, problem)
				}
			}
		}
	}
}

// unheld says what is wrong with the lease of an address that a Wukong publishes.
func (c *Checker) unheld(w *wukongState, a publication) string {
	l := c.leases[nameOf(a.place)]
	switch {
	case l == nil:
		return "there is no lease"
	case !isHeld(l):
		return fmt.Sprintf("the lease is %s", l.Spec.Phase)
	case l.Spec.Holder == nil:
		return "the lease has no holder"
	case l.Spec.Holder.UID != w.object.UID: // which of its networks has it, the status may still have to learn
		return fmt.Sprintf("the lease is held by %s", holderText(l.Spec.Holder))
	}
	return ""
}

func (c *Checker) addWukong(e Event) {
	before := c.wukongs[e.Object]
	if before != nil {
		for _, a := range before.published {
			forget(c.publishers, a.place, before.object.UID)
		}
	}
	if e.Wukong == nil {
		delete(c.wukongs, e.Object)
		return
	}
	now := &wukongState{object: e.Wukong, networks: map[string]*networkState{}}
	if before != nil && before.object.UID == e.Wukong.UID {
		now.networks = before.networks
	}
	c.wukongs[e.Object] = now
	c.readStatus(e, now)
	for _, a := range now.published {
		remember(c.publishers, a.place, e.Wukong.UID)
		if n := len(c.publishers[a.place]); n > 1 {
			c.fail(e, RuleOnePublisher, "%s is published by %d Wukongs", a.place, n)
		}
		if problem := c.unheld(now, a); problem != "" {
			c.fail(e, RulePublishedHeld, "it publishes %s: %s", a.place, problem)
		}
		if want := nameOf(a.place); a.lease != want {
			c.fail(e, RuleNamed, "it publishes %s with the lease %q, which must be %s", a.place, a.lease, want)
		}
	}
	c.compareSpec(e, now)
}

// readStatus reads what the Wukong publishes.
func (c *Checker) readStatus(e Event, now *wukongState) {
	for _, n := range e.Wukong.Status.Networks {
		for _, a := range n.Addresses {
			prefix, err := netip.ParsePrefix(a.Address)
			if err == nil {
				_, err = canonical(prefix.Addr().String())
			}
			if err == nil && (prefix.String() != a.Address || n.Segment == "") {
				err = fmt.Errorf("address %q on segment %q of network %q", a.Address, n.Segment, n.Name)
			}
			if err != nil {
				c.fail(e, RuleLegible, "%v", err)
				continue
			}
			now.published = append(now.published, publication{place{n.Segment, prefix.Addr()}, n.Name, a.Lease, a.Pool})
		}
	}
}

// compareSpec compares what is published with what is asked for, now and at the last publication.
func (c *Checker) compareSpec(e Event, now *wukongState) {
	w := e.Wukong
	current := w.Status.ObservedGeneration == w.Generation
	for name := range now.networks {
		if !slices.ContainsFunc(w.Spec.Networks, func(n v1alpha1.WukongNetwork) bool { return n.Name == name }) {
			now.networks[name].changed = true
		}
	}
	for _, n := range w.Spec.Networks {
		state := now.networks[n.Name]
		if state == nil {
			state = &networkState{spec: specText(n)}
			now.networks[n.Name] = state
		}
		if text := specText(n); text != state.spec {
			state.spec, state.changed = text, true
		}
		published := slices.DeleteFunc(slices.Clone(now.published), func(a publication) bool { return a.network != n.Name })
		for _, had := range state.published {
			if !state.changed && !slices.Contains(published, had) && askedFor(w, n.Name).keeps(had, state.published, published) {
				c.fail(e, RuleStays, "network %s had %s and has %s, and its spec is the same", n.Name, had.place, list(published))
			}
		}
		state.published = published
		if current {
			state.changed = false
		}
	}
	if current && meta.IsStatusConditionTrue(w.Status.Conditions, v1alpha1.ConditionAddressesAllocated) {
		c.checkAskedFor(e, now)
	}
}

func specText(n v1alpha1.WukongNetwork) string {
	text, err := json.Marshal(n)
	if err != nil {
		return err.Error() // the type always encodes
	}
	return string(text)
}

func list(published []publication) string {
	if len(published) == 0 {
		return "none"
	}
	var out []string
	for _, a := range published {
		out = append(out, a.place.String())
	}
	return strings.Join(out, ", ")
}

// isInvalid: the controller reports the spec as one that cannot work, and leaves what was published.
func isInvalid(w *v1alpha1.Wukong) bool {
	ready := meta.FindStatusCondition(w.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason == v1alpha1.ReasonInvalidSpec
}

func (c *Checker) checkAskedFor(e Event, now *wukongState) {
	for _, a := range now.published {
		asked := askedFor(e.Wukong, a.network)
		if l := c.leases[nameOf(a.place)]; l != nil && l.Spec.Pool != a.pool {
			c.fail(e, RuleAskedFor, "it publishes %s of pool %q, and the lease says pool %q", a.addr, a.pool, l.Spec.Pool)
		}
		if !asked.names(a) {
			c.fail(e, RuleAskedFor, "network %s of generation %d does not ask for %s", a.network, e.Wukong.Generation, a.addr)
		}
	}
}

// asked is what a network asks for: addresses that it names, and pools.
type asked struct {
	addrs []netip.Addr
	pools []string
}

// names says whether the network asks for an address that is published.
func (d asked) names(a publication) bool {
	return slices.Contains(d.addrs, a.addr) || (a.pool != "" && slices.Contains(d.pools, a.pool))
}

// keeps says whether the network must not lose an address while it asks for the same. Of addresses of a pool it keeps as many as
// it asks for.
func (d asked) keeps(had publication, before, after []publication) bool {
	if slices.Contains(d.addrs, had.addr) {
		return true
	}
	wanted, drawn, kept := 0, 0, 0
	for _, pool := range d.pools {
		if pool == had.pool {
			wanted++
		}
	}
	for _, a := range before {
		if a.pool != had.pool || slices.Contains(d.addrs, a.addr) {
			continue
		}
		if drawn++; slices.Contains(after, a) {
			kept++
		}
	}
	return had.pool != "" && kept < min(wanted, drawn)
}

func askedFor(w *v1alpha1.Wukong, network string) asked {
	var out asked
	add := func(address *v1alpha1.CIDR, pool string) {
		if pool != "" {
			out.pools = append(out.pools, pool)
		}
		if address == nil {
			return
		}
		if p, err := netip.ParsePrefix(string(*address)); err == nil {
			out.addrs = append(out.addrs, p.Addr())
		}
	}
	for _, n := range w.Spec.Networks {
		if n.Name != network || n.IPConfig == nil || n.IPConfig.Mode != v1alpha1.IPModeStatic {
			continue
		}
		add(n.IPConfig.Address, n.IPConfig.IPPool)
		for _, a := range n.IPConfig.AdditionalAddresses {
			add(a.Address, a.IPPool)
		}
	}
	return out
}

func remember[K comparable](m map[place]map[K]bool, p place, key K) {
	if m[p] == nil {
		m[p] = map[K]bool{}
	}
	m[p][key] = true
}

func forget[K comparable](m map[place]map[K]bool, p place, key K) {
	if delete(m[p], key); len(m[p]) == 0 {
		delete(m, p)
	}
}

// Lease gives a lease as of the last event, or nil.
func (c *Checker) Lease(name string) *v1alpha1.AddressLease { return c.leases[name] }

// Wukong gives a Wukong as of the last event, or nil.
func (c *Checker) Wukong(namespace, name string) *v1alpha1.Wukong {
	if w := c.wukongs[Object{Kind: WukongKind, Namespace: namespace, Name: name}]; w != nil {
		return w.object
	}
	return nil
}

// Leases gives all leases as of the last event, by name.
func (c *Checker) Leases() []*v1alpha1.AddressLease {
	var out []*v1alpha1.AddressLease
	for _, name := range slices.Sorted(maps.Keys(c.leases)) {
		out = append(out, c.leases[name])
	}
	return out
}

// Wukongs gives all Wukongs as of the last event, by namespace and name.
func (c *Checker) Wukongs() []*v1alpha1.Wukong {
	var out []*v1alpha1.Wukong
	for _, object := range sortedObjects(c.wukongs) {
		out = append(out, c.wukongs[object].object)
	}
	return out
}
