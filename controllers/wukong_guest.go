package controllers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// What a guest reports is compared with what its instance was told when it started: an address that is asked for since waits for
// a restart and is not called missing. It is reported and decides nothing, because a guest's report is what a tenant wrote.

// guestSight is what is seen of a guest.
type guestSight struct {
	report   render.Report
	observed []render.Observed
	// untold: the instance was told something else than is asked for now, and nothing says what.
	untold bool
}

// noteGuest writes what the guest reports into the status of the networks, which are there already.
func noteGuest(s *wukongScope) guestSight {
	if !s.machineExpected() {
		return guestSight{}
	}
	now := publishedAsked(s.wukong.Status.Networks)
	told, known := s.told(now)
	sight := guestSight{report: render.ReportOf(s.vmi), untold: !known}
	sight.observed = render.Observe(told, sight.report)
	for i := range s.wukong.Status.Networks {
		n := &s.wukong.Status.Networks[i]
		at := slices.IndexFunc(sight.observed, func(o render.Observed) bool { return o.Network == n.Name })
		if at >= 0 {
			sight.note(s, n, &sight.observed[at])
			continue
		}
		// Nothing is known of what it was told, or it was not told of this network: what it reports is shown and means nothing.
		bare := render.Observe([]render.Asked{{Network: n.Name, MAC: n.MACAddress}}, sight.report)
		sight.note(s, n, &bare[0])
	}
	return sight
}

// machineExpected says whether there is, or is to be, a machine whose guest reports something.
func (s *wukongScope) machineExpected() bool { return s.request.Machine != nil || s.request.Foreign }

// publishedAsked gives what the networks publish: what a guest should have.
func publishedAsked(networks []v1alpha1.WukongNetworkStatus) []render.Asked {
	var out []render.Asked
	for _, n := range networks {
		a := render.Asked{Network: n.Name, Interface: n.Interface, MAC: n.MACAddress}
		for _, address := range n.Addresses {
			if prefix, err := netip.ParsePrefix(address.Address); err == nil {
				a.Addresses = append(a.Addresses, prefix)
			}
		}
		out = append(out, a)
	}
	return out
}

// told gives what the running instance was told, as far as that is known: by its record, or because it has the present Secret.
// Where nothing is delivered, people configure the guest as the status says.
func (s *wukongScope) told(now []render.Asked) ([]render.Asked, bool) {
	if s.vmi == nil {
		return now, true
	}
	if s.request.Foreign {
		return s.toldForeign(now), true
	}
	if record, ok := render.ReadGuestNetwork(s.vmi.Annotations, s.vmi.Spec.Volumes); ok {
		return record.Asked(), true
	}
	secret := render.GuestSecret(s.vmi.Spec.Volumes)
	if secret == "" || secret == s.wukong.Status.NetworkDataSecret {
		return now, true
	}
	return nil, false
}

// toldForeign leaves out what somebody else's machine cannot have read, because it began before the Secret had it.
func (s *wukongScope) toldForeign(now []render.Asked) []render.Asked {
	late := s.late()
	for i := range now {
		now[i].Addresses = slices.DeleteFunc(now[i].Addresses, func(p netip.Prefix) bool {
			return slices.ContainsFunc(late, func(l lateAddress) bool { return l.network == now[i].Network && l.address == p.String() })
		})
	}
	return now
}

// lateAddress is one that was leased after somebody else's machine began, and so came into its Secret afterwards.
type lateAddress struct{ network, address string }

func (s *wukongScope) late() []lateAddress {
	if !s.readsSecret() {
		return nil
	}
	read, started := render.SecretRead(s.vmi)
	if !started {
		return nil
	}
	var out []lateAddress
	for _, n := range s.wukong.Status.Networks {
		for _, a := range n.Addresses {
			if a.Since != nil && a.Since.After(read) {
				out = append(out, lateAddress{network: n.Name, address: a.Address})
			}
		}
	}
	return out
}

// maxObserved bounds the addresses that a status repeats, per network.
const maxObserved = 32

// note writes what is seen of one network. While a machine moves to another node, what was seen before stays.
func (g *guestSight) note(s *wukongScope, n *v1alpha1.WukongNetworkStatus, o *render.Observed) {
	before := networkBefore(s, n.Name)
	n.ObservedAddresses = addressTexts(o.Found)
	n.UnexpectedAddresses = addressTexts(unasked(o, n.Addresses))
	if g.report.Migrating && len(o.Found) == 0 {
		n.ObservedAddresses, n.UnexpectedAddresses = before.ObservedAddresses, before.UnexpectedAddresses
	}
	for i := range n.Addresses {
		a := &n.Addresses[i]
		was := v1alpha1.WukongAddressStatus{}
		if at := slices.IndexFunc(before.Addresses, func(b v1alpha1.WukongAddressStatus) bool { return b.Address == a.Address }); at >= 0 {
			was = before.Addresses[at]
		}
		a.Guest = guestHas(o, a.Address)
		if g.report.Migrating && a.Guest == v1alpha1.GuestAddressUnknown && was.Guest != "" {
			a.Guest = was.Guest
		}
		if a.GuestSince = was.GuestSince; a.Guest != was.Guest || a.GuestSince == nil {
			a.GuestSince = &metav1.Time{Time: s.now}
		}
	}
}

// networkBefore gives what the status said of a network before.
func networkBefore(s *wukongScope, name string) v1alpha1.WukongNetworkStatus {
	for _, n := range s.before.Status.Networks {
		if n.Name == name {
			return n
		}
	}
	return v1alpha1.WukongNetworkStatus{}
}

// guestHas says of an address that is asked for what the guest reports. One that the instance was not told of is not Missing.
func guestHas(o *render.Observed, address string) v1alpha1.GuestAddress {
	prefix, err := netip.ParsePrefix(address)
	if err != nil {
		return v1alpha1.GuestAddressUnknown
	}
	if at := slices.IndexFunc(o.Addresses, func(p netip.Prefix) bool { return p.Addr() == prefix.Addr() }); at >= 0 {
		return o.Guest[at]
	}
	if slices.Contains(o.Found, prefix.Addr()) {
		return v1alpha1.GuestAddressPresent
	}
	return v1alpha1.GuestAddressUnknown
}

// unasked leaves out of the unexpected addresses those that are asked for and not told yet.
func unasked(o *render.Observed, asked []v1alpha1.WukongAddressStatus) []netip.Addr {
	var out []netip.Addr
	for _, found := range o.Unexpected {
		if !slices.ContainsFunc(asked, func(a v1alpha1.WukongAddressStatus) bool {
			prefix, err := netip.ParsePrefix(a.Address)
			return err == nil && prefix.Addr() == found
		}) {
			out = append(out, found)
		}
	}
	return out
}

func addressTexts(in []netip.Addr) []string {
	var out []string
	for _, a := range in[:min(len(in), maxObserved)] {
		out = append(out, a.String())
	}
	return out
}

// setGuestInSync answers: does the guest report the addresses that it was told to have?
func setGuestInSync(s *wukongScope, g guestSight) {
	status, reason, message := g.sync(s)
	setCondition(&s.wukong.Status.Conditions, s.wukong.Generation, v1alpha1.ConditionGuestInSync, status, reason, message)
}

func (g *guestSight) sync(s *wukongScope) (metav1.ConditionStatus, string, string) {
	before := meta.FindStatusCondition(s.before.Status.Conditions, v1alpha1.ConditionGuestInSync)
	switch {
	case !s.machineExpected():
		return metav1.ConditionUnknown, v1alpha1.ReasonNoMachineRequested, "no machine is asked for"
	case !g.report.Running:
		return metav1.ConditionUnknown, v1alpha1.ReasonNotRunning, "the machine does not run"
	case g.report.Migrating && g.silent() && before != nil && before.Status != metav1.ConditionUnknown:
		return before.Status, before.Reason, before.Message
	case g.untold:
		return metav1.ConditionUnknown, v1alpha1.ReasonRestartRequired,
			"the machine runs with an earlier request of which nothing is recorded: what its guest should have is known after a restart"
	case !g.report.Agent:
		return metav1.ConditionUnknown, v1alpha1.ReasonNoGuestAgent, "no guest agent reports the addresses of the guest: run qemu-guest-agent in it"
	}
	if missing := render.Differences(g.observed); len(missing) > 0 {
		return metav1.ConditionFalse, v1alpha1.ReasonDrifted, g.drift(s, missing, before)
	}
	message := "the guest reports every address"
	if len(s.wukong.Status.PendingRestart) > 0 {
		message += " that it was started with; status.pendingRestart says what a restart will change"
	}
	return metav1.ConditionTrue, v1alpha1.ReasonInSync, message + s.unexpected()
}

// silent says whether there is an address about which the guest says nothing.
func (g *guestSight) silent() bool {
	return slices.ContainsFunc(g.observed, func(o render.Observed) bool { return slices.Contains(o.Guest, v1alpha1.GuestAddressUnknown) })
}

// drift says which address is missing, since when, and how many more are.
func (g *guestSight) drift(s *wukongScope, missing []render.Difference, before *metav1.Condition) string {
	first := missing[0]
	since := s.now
	if before != nil && before.Status == metav1.ConditionFalse && before.Reason == v1alpha1.ReasonDrifted {
		since = before.LastTransitionTime.Time
	}
	for _, n := range s.wukong.Status.Networks {
		for _, a := range n.Addresses {
			if n.Name == first.Network && a.Address == first.Address.String() && a.Guest == v1alpha1.GuestAddressMissing {
				since = a.GuestSince.Time
			}
		}
	}
	message := fmt.Sprintf("%s, seen first at %s", first.Message, since.UTC().Format(time.RFC3339))
	if more := len(missing) - 1; more > 0 {
		message += fmt.Sprintf("; and %d more, by status.networks[].addresses[].guest", more)
	}
	if s.request.Foreign && s.request.Guest != v1alpha1.GuestConfigManual && !s.readsSecret() {
		message += fmt.Sprintf("; the machine was started without Secret %s, which has its network data", render.StableSecretName(s.wukong.Name))
	}
	return message
}

// unexpected warns of addresses that nobody asked for, such as those that the guest made from router advertisements.
func (s *wukongScope) unexpected() string {
	var parts []string
	for _, n := range s.wukong.Status.Networks {
		if len(n.UnexpectedAddresses) > 0 {
			parts = append(parts, fmt.Sprintf("%s on network %s", strings.Join(n.UnexpectedAddresses[:min(len(n.UnexpectedAddresses), 4)], ", "), n.Name))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; a warning: it also has " + strings.Join(parts, "; ") + ", which nobody asked for"
}
