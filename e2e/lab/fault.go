package lab

// Fault makes a node's applies fail until Repair.
type Fault struct {
	// Gone names an interface that is missing on the host although its NodeNetworkState still shows it, so that whatever
	// needs it fails as nmstate really fails. Not for a node with a Machine.
	Gone string
	// Error, without Gone, is nmstate's complaint about anything that is applied, as "Kind: text"; for example
	// "VerificationError: Verification failure: br-blue.interface.mtu desire '9000', current '1500'".
	Error string
	// Attempts is how many applies fail; zero means all until Repair.
	Attempts int
}

// strike returns nmstate's error text for an apply that the fault hits, or nothing.
func (f *Fault) strike(host *Host, desired map[string]any) string {
	if f == nil {
		return ""
	}
	cause := f.Error
	if f.Gone != "" && host != nil {
		cause = ""
		if _, err := host.unplugged(f.Gone).Apply(desired); err != nil {
			cause = err.Error()
		}
	}
	if cause != "" && f.Attempts > 0 {
		if f.Attempts--; f.Attempts == 0 {
			*f = Fault{}
		}
	}
	return cause
}

// unplugged is the type of a NIC that leaves: so remove takes it away instead of only down.
const unplugged = "unplugged"

// unplugged returns the host without a NIC and without the VLANs on top of it.
func (h *Host) unplugged(nic string) *Host {
	out := h.clone()
	if iface, ok := out.interfaces[nic]; ok {
		iface["type"] = unplugged
		out.remove(nic)
		out.route(nil)
	}
	return out
}

// plugged returns the host with one more NIC.
func (h *Host) plugged(node string, nic NIC) *Host {
	out := h.clone()
	out.plug(node, nic)
	return out
}

// withGuest returns the host with the veth of one more pod or VM in a bridge.
func (h *Host) withGuest(bridge, veth string) *Host {
	out := h.clone()
	out.guests[bridge] = append(out.guests[bridge], veth)
	return out
}
