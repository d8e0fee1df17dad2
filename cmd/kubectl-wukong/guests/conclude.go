package guests

import (
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// Places of the documentation to read on.
const (
	seeReasons = "docs/reasons.md"

	troubleshooting = "docs/troubleshooting.md"
	seeNoAddress    = troubleshooting + "#the-guest-comes-up-without-an-address"
	seeOldAddress   = troubleshooting + "#the-guest-still-has-the-old-address"
	seeIPv6         = troubleshooting + "#only-ipv6-is-missing"
	seeOther        = troubleshooting + "#the-guest-has-another-address"
	seeNoAgent      = troubleshooting + "#noguestagent"
	seePending      = troubleshooting + "#the-machine-does-not-start"
	seeUntold       = troubleshooting + "#somebody-elses-machine-is-not-told-anything"
)

// conclude says whether the guest is in sync, and explains the first difference.
func (f Facts) conclude(v *Verification, asked []render.Asked, observed []render.Observed, report render.Report) {
	set := func(reason, message, fix, see string) { v.Reason, v.Message, v.Fix, v.See = reason, message, fix, see }
	manual := f.Wukong.Spec.GuestConfig == v1alpha1.GuestConfigManual
	differences := render.Differences(observed)
	switch {
	case v.Secret == "" && !manual && len(observed) > 0:
		set(v1alpha1.ReasonGuestNetworkPending, "the network data is not delivered yet"+f.why(), "", seeReasons)
	case !report.Running:
		reason, message, fix := f.idle(v)
		set(reason, message, fix, seePending)
	case !manual && len(observed) > 0 && f.untold():
		set(v1alpha1.ReasonDrifted, f.untoldMessage(v),
			fmt.Sprintf("give VirtualMachine %s a cloudInitNoCloud volume with networkDataSecretRef %s, and restart it: %s", v.VirtualMachine, v.Secret, f.virtctl("restart")), seeUntold)
	case !manual && len(observed) > 0 && f.restart(asked):
		set(v1alpha1.ReasonRestartRequired, f.restartMessage(v), "restart the machine: "+f.virtctl("restart"), seeOldAddress)
	case !report.Agent:
		set(v1alpha1.ReasonNoGuestAgent, "no guest agent tells what the guest has, so nothing is known about it", "install qemu-guest-agent in the guest", seeNoAgent)
	case len(differences) > 0:
		message := differences[0].Message
		if since := f.since(differences[0].Network, differences[0].Address, v1alpha1.GuestAddressMissing); since != "" {
			message += ", since " + since
		}
		fix, see := remedy(differences, observed, manual)
		set(v1alpha1.ReasonDrifted, message, fix, see)
	case unknown(observed):
		reason, message := f.moving()
		set(reason, message, "ask again once it has arrived", "")
	default:
		set(v1alpha1.ReasonInSync, "the guest reports every address that was asked for", "", "")
	}
}

// idle says why there is no guest to look at.
func (f Facts) idle(v *Verification) (reason, message, fix string) {
	switch {
	case !f.foreign() && len(f.Wukong.Spec.Disks) == 0:
		return v1alpha1.ReasonNoMachineRequested, "without spec.disks no machine is asked for, so there is no guest to look at", ""
	case f.Instance != nil:
		return v1alpha1.ReasonNotRunning, fmt.Sprintf("VirtualMachineInstance %s is %s, so its guest reports nothing", f.Instance.Name, f.Instance.Status.Phase),
			fmt.Sprintf("see what it waits for: kubectl describe vmi %s -n %s", f.Instance.Name, f.Instance.Namespace)
	case f.Machine == nil:
		return v1alpha1.ReasonNotRunning, fmt.Sprintf("no VirtualMachine %s is known%s", v.VirtualMachine, f.why()), ""
	}
	return v1alpha1.ReasonNotRunning, fmt.Sprintf("VirtualMachine %s does not run, so its guest reports nothing", v.VirtualMachine), "start it: " + f.virtctl("start")
}

// unknown says whether nothing is known about an address that was asked for.
func unknown(observed []render.Observed) bool {
	return slices.ContainsFunc(observed, func(o render.Observed) bool { return slices.Contains(o.Guest, v1alpha1.GuestAddressUnknown) })
}

// virtctl is a command about the machine.
func (f Facts) virtctl(verb string) string {
	return fmt.Sprintf("virtctl %s %s -n %s", verb, MachineName(f.Wukong), f.Wukong.Namespace)
}

// untold says whether somebody else's machine takes its network data from elsewhere, or has none, now and after a restart.
func (f Facts) untold() bool {
	if !f.foreign() || f.StartedSecret() == f.DeliveredSecret() {
		return false
	}
	return f.Machine == nil || f.Machine.Spec.Template == nil || networkSecretOf(f.Machine.Spec.Template.Spec.Volumes) != f.DeliveredSecret()
}

func (f Facts) untoldMessage(v *Verification) string {
	if v.StartedSecret == "" {
		return fmt.Sprintf("the running machine refers to no Secret with network data, so its guest is told nothing; Secret %s has it", v.Secret)
	}
	return fmt.Sprintf("the running machine takes its network data from Secret %s, and Secret %s has what is asked for", v.StartedSecret, v.Secret)
}

// restartMessage says what waits for a restart.
func (f Facts) restartMessage(v *Verification) string {
	text := fmt.Sprintf("the running guest was started with Secret %s, and Secret %s has what is asked for now", v.StartedSecret, v.Secret)
	switch v.StartedSecret {
	case "":
		text = fmt.Sprintf("the running guest was started without network data, and Secret %s has it now", v.Secret)
	case v.Secret:
		text = fmt.Sprintf("the running guest was started with an older content of Secret %s", v.Secret)
	}
	if len(v.PendingRestart) > 0 {
		text += ": " + v.PendingRestart[0]
	}
	return text
}

// moving says what was known of a guest before its machine began to move to another node.
func (f Facts) moving() (reason, message string) {
	message = "the machine moves to another node, and what its guest reports meanwhile does not count"
	before := meta.FindStatusCondition(f.Wukong.Status.Conditions, v1alpha1.ConditionGuestInSync)
	if before == nil || before.Status == metav1.ConditionUnknown {
		return v1alpha1.ReasonMachinePending, message
	}
	return before.Reason, fmt.Sprintf("%s; before: %s", message, before.Message)
}

// remedy says what to do about the first difference, and where to read on.
func remedy(differences []render.Difference, observed []render.Observed, manual bool) (fix, see string) {
	at := slices.IndexFunc(observed, func(o render.Observed) bool { return o.Network == differences[0].Network })
	o := &observed[at]
	if manual {
		return "nothing is delivered (guestConfig: Manual): set it in the guest by hand, as kubectl wukong guest show --netplan prints it", seeNoAddress
	}
	v4 := slices.ContainsFunc(differences, func(d render.Difference) bool { return d.Network == o.Network && d.Address.Addr().Is4() })
	switch {
	case !v4 && slices.ContainsFunc(o.Found, netip.Addr.Is4):
		return "the document has it and the guest does not use it: see whether IPv6 is switched off there (sysctl net.ipv6.conf.all.disable_ipv6), or failed duplicate address detection (ip -6 addr)", seeIPv6
	case len(o.Unexpected) > 0:
		return "something in the guest configures the interface beside cloud-init: remove that, or ask for the address that it has", seeOther
	}
	return "see in the guest whether cloud-init applied it: cloud-init status --long, and /var/log/cloud-init.log", seeNoAddress
}

// Places are all that a Verification may tell to read.
func Places() []string {
	return []string{seeReasons, seeNoAddress, seeOldAddress, seeIPv6, seeOther, seeNoAgent, seePending, seeUntold}
}
