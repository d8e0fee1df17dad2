package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	kubevirtv1 "kubevirt.io/api/core/v1"
)

// MaxPending bounds the lines about one machine.
const MaxPending = 32

// Pending says line by line how a running instance differs from what the machine would be started with now, as far as a Wukong
// asks for it. What KubeVirt fills in by itself and what it changes while the machine runs is no difference.
func Pending(template *kubevirtv1.VirtualMachineInstanceTemplateSpec, vmi *kubevirtv1.VirtualMachineInstance) []string {
	if template == nil || vmi == nil {
		return nil
	}
	p := pending{now: &vmi.Spec, next: &template.Spec}
	var known, nextKnown bool
	p.told, known = ReadGuestNetwork(vmi.Annotations, vmi.Spec.Volumes)
	p.tell, nextKnown = ReadGuestNetwork(template.ObjectMeta.Annotations, template.Spec.Volumes)
	p.known = known && nextKnown
	p.networks()
	p.secrets()
	p.size()
	p.disks()
	p.gpus()
	if more := len(p.lines) - MaxPending; more > 0 {
		p.lines = append(p.lines[:MaxPending-1], fmt.Sprintf("%d more differences", more+1))
	}
	return p.lines
}

// PendingIsLive says whether KubeVirt may bring about every difference while the machine runs: that of its size.
func PendingIsLive(template *kubevirtv1.VirtualMachineInstanceTemplateSpec, vmi *kubevirtv1.VirtualMachineInstance) bool {
	sized := template.DeepCopy()
	sized.Spec.Domain.CPU, sized.Spec.Domain.Memory = vmi.Spec.Domain.CPU, vmi.Spec.Domain.Memory
	return len(Pending(sized, vmi)) == 0
}

// pending gathers the lines about one machine.
type pending struct {
	now, next *kubevirtv1.VirtualMachineInstanceSpec
	// told and tell are the records of both; known says whether there are both.
	told, tell GuestNetwork
	known      bool
	lines      []string
}

func (p *pending) say(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

// changed tells of a value that is another one.
func (p *pending) changed(what, from, to string) {
	if from != to {
		p.say("%s %s -> %s", what, orNone(from), orNone(to))
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// networks compares the interfaces by name, first those that the machine would have.
func (p *pending) networks() {
	for _, n := range p.next.Domain.Devices.Interfaces {
		at := slices.IndexFunc(p.now.Domain.Devices.Interfaces, func(i kubevirtv1.Interface) bool { return i.Name == n.Name })
		if at < 0 {
			p.added(&n)
			continue
		}
		name := "network " + n.Name + ": "
		p.changed(name+"MAC address", LowerMAC(p.now.Domain.Devices.Interfaces[at].MacAddress), LowerMAC(n.MacAddress))
		p.changed(name+"attachment", attachmentOf(p.now.Networks, n.Name), attachmentOf(p.next.Networks, n.Name))
		p.network(n.Name)
	}
	for _, n := range p.now.Domain.Devices.Interfaces {
		if !slices.ContainsFunc(p.next.Domain.Devices.Interfaces, func(i kubevirtv1.Interface) bool { return i.Name == n.Name }) {
			p.say("network %s: removed; the machine keeps the interface until it is restarted", n.Name)
		}
	}
}

// added tells of an interface that the instance does not have. KubeVirt plugs in those on a bridge or a virtual function.
func (p *pending) added(n *kubevirtv1.Interface) {
	line := fmt.Sprintf("network %s: added on attachment %s", n.Name, orNone(attachmentOf(p.next.Networks, n.Name)))
	if n.Bridge != nil || n.SRIOV != nil {
		line += "; KubeVirt may plug it in while the machine runs, but the guest gets no network configuration for it until it is restarted"
	}
	p.lines = append(p.lines, line)
}

// network compares what the guest is told about one interface.
func (p *pending) network(name string) {
	if !p.known {
		return
	}
	find := func(g GuestNetwork) (nicRequest, bool) {
		at := slices.IndexFunc(g.Networks, func(n nicRequest) bool { return n.Name == name })
		if at < 0 {
			return nicRequest{}, false
		}
		return g.Networks[at], true
	}
	from, had := find(p.told)
	to, has := find(p.tell)
	switch {
	case !has:
		return
	case !had:
		p.say("network %s: plugged in while the machine runs; the guest gets no network configuration for it until it is restarted", name)
		return
	}
	before := len(p.lines)
	p.configuration("network "+name+": ", &from, &to)
	// Both were told of as parts of the machine.
	from.MAC, from.NAD = to.MAC, to.NAD
	if len(p.lines) == before && jsonOf(from) != jsonOf(to) {
		p.say("network %s: network configuration changed", name)
	}
}

func (p *pending) configuration(name string, from, to *nicRequest) {
	p.changed(name+"addressing", modeOf(from), modeOf(to))
	p.each(name+"address", texts(from.Addresses, func(a addressRequest) string { return a.Address }), texts(to.Addresses, func(a addressRequest) string { return a.Address }))
	p.each(name+"gateway", texts(from.Addresses, func(a addressRequest) string { return a.Gateway }), texts(to.Addresses, func(a addressRequest) string { return a.Gateway }))
	p.changed(name+"DNS servers", strings.Join(from.DNS, " "), strings.Join(to.DNS, " "))
	p.changed(name+"search domains", strings.Join(from.Search, " "), strings.Join(to.Search, " "))
	p.each(name+"route", texts(from.Routes, routeRequest.String), texts(to.Routes, routeRequest.String))
	p.changed(name+"MTU", mtuOf(from), mtuOf(to))
	p.changed(name+"interface name", from.Interface, to.Interface)
	p.changed(name+"primary", strconv.FormatBool(from.Primary), strconv.FormatBool(to.Primary))
	p.changed(name+"source routing", strconv.FormatBool(from.SourceRouting), strconv.FormatBool(to.SourceRouting))
}

// each tells which texts of a list came and went; one that went is set against one that came.
func (p *pending) each(what string, from, to []string) {
	gone := slices.DeleteFunc(slices.Clone(from), func(s string) bool { return slices.Contains(to, s) })
	came := slices.DeleteFunc(slices.Clone(to), func(s string) bool { return slices.Contains(from, s) })
	for i := range max(len(gone), len(came)) {
		switch {
		case i >= len(gone):
			p.say("%s %s added", what, came[i])
		case i >= len(came):
			p.say("%s %s removed", what, gone[i])
		default:
			p.say("%s %s -> %s", what, gone[i], came[i])
		}
	}
}

func texts[T any](in []T, text func(T) string) []string {
	var out []string
	for _, x := range in {
		if s := text(x); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// String gives a route as a person writes it.
func (r routeRequest) String() string {
	out := r.To + " via " + r.Via
	if r.OnLink {
		out += " on-link"
	}
	if r.Metric != nil {
		out += fmt.Sprintf(" metric %d", *r.Metric)
	}
	return out
}

func modeOf(n *nicRequest) string {
	if n.DHCP {
		return "dhcp"
	}
	return "static"
}

func mtuOf(n *nicRequest) string {
	if n.MTU == 0 {
		return ""
	}
	return strconv.Itoa(n.MTU)
}

func jsonOf(in any) string {
	raw, err := json.Marshal(in)
	if err != nil {
		return ""
	}
	return string(raw)
}

// attachmentOf names what an interface attaches to.
func attachmentOf(networks []kubevirtv1.Network, name string) string {
	for _, n := range networks {
		if n.Name == name && n.Multus != nil {
			return n.Multus.NetworkName
		}
	}
	return ""
}

// secrets tells of another Secret as far as nothing else explains it.
func (p *pending) secrets() {
	keys := len(p.lines)
	p.changed("SSH keys: Secret", sshSecret(p.now), sshSecret(p.next))
	from, to := GuestSecret(p.now.Volumes), GuestSecret(p.next.Volumes)
	switch {
	case from == to:
	case !p.known:
		p.say("network and user data: Secret %s -> %s", orNone(from), orNone(to))
	case len(p.lines) == keys && jsonOf(p.told.Networks) == jsonOf(p.tell.Networks):
		p.say("user data changed")
	case len(p.lines) == 0:
		p.say("network data: Secret %s -> %s", orNone(from), orNone(to))
	}
}

func sshSecret(spec *kubevirtv1.VirtualMachineInstanceSpec) string {
	for _, c := range spec.AccessCredentials {
		if c.SSHPublicKey != nil && c.SSHPublicKey.Source.Secret != nil {
			return c.SSHPublicKey.Source.Secret.SecretName
		}
	}
	return ""
}

// size compares CPUs and memory. KubeVirt may change both while the machine runs, and the instance then says so.
func (p *pending) size() {
	if from, to := p.now.Domain.CPU, p.next.Domain.CPU; from != nil && to != nil && from.Cores != to.Cores {
		p.say("cpu %d -> %d", from.Cores, to.Cores)
	}
	from, to := p.now.Domain.Memory, p.next.Domain.Memory
	if from != nil && from.Guest != nil && to != nil && to.Guest != nil && from.Guest.Cmp(*to.Guest) != 0 {
		p.say("memory %s -> %s", from.Guest, to.Guest)
	}
}

// disks compares the disks by name. Those that are plugged in while the machine runs are no part of what it was started with.
func (p *pending) disks() {
	find := func(spec *kubevirtv1.VirtualMachineInstanceSpec, name string) *kubevirtv1.Disk {
		for i := range spec.Domain.Devices.Disks {
			if spec.Domain.Devices.Disks[i].Name == name {
				return &spec.Domain.Devices.Disks[i]
			}
		}
		return nil
	}
	for _, d := range p.next.Domain.Devices.Disks {
		from := find(p.now, d.Name)
		switch {
		case Hotplugged(p.next.Volumes, d.Name):
		case from == nil:
			p.say("disk %s: added", d.Name)
		default:
			p.changed("disk "+d.Name+": boot order", bootOf(from), bootOf(&d))
		}
	}
	for _, d := range p.now.Domain.Devices.Disks {
		if find(p.next, d.Name) == nil && !Hotplugged(p.now.Volumes, d.Name) {
			p.say("disk %s: removed", d.Name)
		}
	}
}

func bootOf(d *kubevirtv1.Disk) string {
	if d.BootOrder == nil {
		return ""
	}
	return strconv.FormatUint(uint64(*d.BootOrder), 10)
}

// Hotplugged says whether the volume of this name was plugged into a running machine.
func Hotplugged(volumes []kubevirtv1.Volume, name string) bool {
	return slices.ContainsFunc(volumes, func(v kubevirtv1.Volume) bool {
		return v.Name == name && ((v.DataVolume != nil && v.DataVolume.Hotpluggable) ||
			(v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.Hotpluggable) || (v.MemoryDump != nil && v.MemoryDump.Hotpluggable))
	})
}

func (p *pending) gpus() {
	device := func(gpus []kubevirtv1.GPU, name string) string {
		at := slices.IndexFunc(gpus, func(g kubevirtv1.GPU) bool { return g.Name == name })
		if at < 0 {
			return ""
		}
		return gpus[at].DeviceName
	}
	for _, g := range p.next.Domain.Devices.GPUs {
		p.changed("GPU "+g.Name+":", device(p.now.Domain.Devices.GPUs, g.Name), g.DeviceName)
	}
	for _, g := range p.now.Domain.Devices.GPUs {
		if device(p.next.Domain.Devices.GPUs, g.Name) == "" {
			p.changed("GPU "+g.Name+":", g.DeviceName, "")
		}
	}
}
