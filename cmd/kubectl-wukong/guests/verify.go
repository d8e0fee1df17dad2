package guests

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// Verification says whether a guest has what was asked for and delivered.
type Verification struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string `json:"namespace"`
	Wukong          string `json:"wukong"`
	VirtualMachine  string `json:"virtualMachine"`
	// Reason is InSync, or why not: one word of the vocabulary of reasons. Message explains the first difference, Fix says what to
	// do about it, and See where to read on.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	See     string `json:"see,omitempty"`
	// Secret has what the guest is told at its next start, StartedSecret what the running one was told.
	Secret        string `json:"secret,omitempty"`
	StartedSecret string `json:"startedSecret,omitempty"`
	// PendingRestart is what waits for a restart, line by line.
	PendingRestart []string              `json:"pendingRestart,omitempty"`
	Networks       []NetworkVerification `json:"networks"`
}

// NetworkVerification is one interface of the guest.
type NetworkVerification struct {
	Name       string `json:"name"`
	Interface  string `json:"interface"`
	MACAddress string `json:"macAddress"`
	// DHCP: no static address is asked for, so whatever the guest reports is right.
	DHCP      bool                  `json:"dhcp,omitempty"`
	Addresses []AddressVerification `json:"addresses"`
}

// AddressVerification is one address that was asked for, was delivered, or is reported.
type AddressVerification struct {
	// Address has a prefix length unless the guest alone knows it.
	Address   string  `json:"address"`
	Requested bool    `json:"requested"`
	Delivered Answer  `json:"delivered"`
	Observed  Answer  `json:"observed"`
	Verdict   Verdict `json:"verdict"`
	// Since is when the controller first saw it so, in RFC 3339, or empty.
	Since string `json:"since,omitempty"`
}

// Answer is yes, no, or not known.
type Answer string

// Answers.
const (
	Yes     Answer = "Yes"
	No      Answer = "No"
	Unknown Answer = "Unknown"
)

func answerOf(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Verdict is one word about one address.
type Verdict string

// Verdicts.
const (
	// AddressPresent: the guest has what was asked for.
	AddressPresent Verdict = "Present"
	// AddressMissing: the guest was told of it, or should know it, and does not report it.
	AddressMissing Verdict = "Missing"
	// AddressUnknown: the guest reports nothing that counts.
	AddressUnknown Verdict = "Unknown"
	// AddressAtRestart: the guest gets it, or gives it up, when its machine restarts.
	AddressAtRestart Verdict = "RestartRequired"
	// AddressUnexpected: nobody asked for it.
	AddressUnexpected Verdict = "Unexpected"
)

// InSync says whether the guest has what was asked for.
func (v *Verification) InSync() bool { return v.Reason == v1alpha1.ReasonInSync }

// Verify compares what was asked for with what was delivered and with what the guest reports.
func (f Facts) Verify() (*Verification, error) {
	asked, err := f.asked()
	if err != nil {
		return nil, err
	}
	report := render.ReportOf(f.Instance)
	observed, has := render.Observe(asked, report), f.hasDelivered(asked)
	out := &Verification{
		TypeMeta:  metav1.TypeMeta{APIVersion: answer.ReportVersion, Kind: "GuestVerification"},
		Namespace: f.Wukong.Namespace, Wukong: f.Wukong.Name, VirtualMachine: MachineName(f.Wukong),
		Secret: f.DeliveredSecret(), StartedSecret: f.StartedSecret(), PendingRestart: f.Wukong.Status.PendingRestart,
		Networks: []NetworkVerification{},
	}
	for i := range observed {
		out.Networks = append(out.Networks, f.verifyNetwork(&observed[i], has, report))
	}
	f.conclude(out, asked, observed, report)
	return out, nil
}

// asked gives what the guest should have: by the request where it can be completed, else by what the status publishes.
func (f Facts) asked() ([]render.Asked, error) {
	if f.Wukong.Status.ObservedGeneration <= 0 {
		return nil, fmt.Errorf("the controller has not looked at the Wukong yet, so nothing was delivered: kubectl wukong guest show prints what would be")
	}
	now, err := f.render()
	if err == nil {
		return render.AskedOf(now.nics), nil
	}
	var out []render.Asked
	for i, n := range f.Wukong.Status.Networks {
		if n.MACAddress == "" {
			continue
		}
		a := render.Asked{Network: n.Name, Interface: n.Interface, MAC: n.MACAddress}
		if a.Interface == "" {
			a.Interface = render.GuestInterfaceName(i)
		}
		for _, address := range n.Addresses {
			if prefix, err := netip.ParsePrefix(address.Address); err == nil {
				a.Addresses = append(a.Addresses, prefix)
			}
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// verifyNetwork compares one interface, address by address: those that were asked for in the order of the spec, then those that
// were delivered alone, then those that are reported alone.
func (f Facts) verifyNetwork(o *render.Observed, has delivered, report render.Report) NetworkVerification {
	out := NetworkVerification{Name: o.Network, Interface: o.Interface, MACAddress: o.MAC, DHCP: !f.static(o.Network), Addresses: []AddressVerification{}}
	told := has.on(o.MAC)
	tells := report.Running && report.Agent && !report.Migrating
	for i, prefix := range o.Addresses {
		a := AddressVerification{Address: prefix.String(), Requested: true, Delivered: Unknown, Verdict: Verdict(o.Guest[i])}
		if has.known {
			a.Delivered = answerOf(slices.Contains(told, prefix))
		}
		a.Observed = observedAnswer(o.Guest[i])
		if a.Delivered == No && a.Verdict != AddressPresent && f.restart([]render.Asked{o.Asked}) {
			a.Verdict = AddressAtRestart
		}
		a.Since = f.since(o.Network, prefix, o.Guest[i])
		out.Addresses = append(out.Addresses, a)
	}
	for _, prefix := range told {
		if slices.Contains(o.Addresses, prefix) || out.DHCP {
			continue
		}
		a := AddressVerification{Address: prefix.String(), Delivered: Yes, Observed: Unknown, Verdict: AddressAtRestart}
		if tells {
			a.Observed = answerOf(slices.Contains(o.Found, prefix.Addr().Unmap()))
		}
		out.Addresses = append(out.Addresses, a)
	}
	for _, addr := range o.Found {
		listed := func(p netip.Prefix) bool { return p.Addr().Unmap() == addr }
		if slices.ContainsFunc(o.Addresses, listed) || slices.ContainsFunc(told, listed) {
			continue
		}
		a := AddressVerification{Address: addr.String(), Delivered: No, Observed: Yes, Verdict: AddressUnexpected}
		if out.DHCP {
			a.Verdict = AddressPresent
		}
		if !has.known {
			a.Delivered = Unknown
		}
		out.Addresses = append(out.Addresses, a)
	}
	return out
}

// static says whether a network asks for static addresses.
func (f Facts) static(network string) bool {
	return slices.ContainsFunc(f.Wukong.Spec.Networks, func(n v1alpha1.WukongNetwork) bool {
		return n.Name == network && n.Name != v1alpha1.PodNetworkName && n.IPConfig != nil && n.IPConfig.Mode == v1alpha1.IPModeStatic
	})
}

func observedAnswer(guest v1alpha1.GuestAddress) Answer {
	switch guest {
	case v1alpha1.GuestAddressPresent:
		return Yes
	case v1alpha1.GuestAddressMissing:
		return No
	}
	return Unknown
}

// since is when the controller first saw what is seen now, or empty.
func (f Facts) since(network string, prefix netip.Prefix, guest v1alpha1.GuestAddress) string {
	for _, a := range f.network(network).Addresses {
		if a.Address == prefix.String() && a.Guest == guest && a.GuestSince != nil {
			return a.GuestSince.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// restart says whether the running guest was told something else than it is told at its next start.
func (f Facts) restart(asked []render.Asked) bool {
	if !f.runs() {
		return false
	}
	return f.StartedSecret() != f.DeliveredSecret() || f.afterRead(f.Wukong.Status.NetworkDataSince) || slices.ContainsFunc(asked, func(a render.Asked) bool {
		return slices.ContainsFunc(a.Addresses, func(p netip.Prefix) bool { return f.late(a.Network, p) })
	})
}
