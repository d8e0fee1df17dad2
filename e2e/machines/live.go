package machines

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// liveChange is what becomes of a running instance when its template changes.
type liveChange struct {
	// spec is that of the instance after what can be changed at once.
	spec kubevirtv1.VirtualMachineInstanceSpec
	// needsMigration says that something takes effect with the next migration; needsRestart that something needs a restart.
	needsMigration, needsRestart bool
}

// live compares a running instance with its template. Where it may run is taken over at once. In a running guest, interfaces
// on bridges are plugged in, and those of state absent are unplugged; virtual functions, and networks whose attachment changed,
// wait for a migration. Everything else needs a restart, an interface that was dropped without state absent among it.
func live(running, template kubevirtv1.VirtualMachineInstanceSpec, phase kubevirtv1.VirtualMachineInstancePhase) liveChange {
	out := liveChange{spec: *running.DeepCopy()}
	wanted := filled(template, running)
	out.spec.NodeSelector, out.spec.Affinity, out.spec.Tolerations = wanted.NodeSelector, wanted.Affinity, wanted.Tolerations
	if phase == kubevirtv1.Running {
		out.unplug(wanted)
		out.plug(wanted)
	}
	out.needsMigration = reattach(&wanted, out.spec) || out.needsMigration
	out.needsRestart = !equality.Semantic.DeepEqual(normalised(wanted), normalised(out.spec))
	return out
}

// migrated is the spec of an instance that migrates: with what waited for that.
func migrated(running, template kubevirtv1.VirtualMachineInstanceSpec) kubevirtv1.VirtualMachineInstanceSpec {
	wanted := filled(template, running)
	out := liveChange{spec: live(running, template, kubevirtv1.Running).spec}
	for _, nic := range wanted.Domain.Devices.Interfaces {
		if network := networkOf(wanted, nic.Name); nic.SRIOV != nil && network != nil && nic.State != kubevirtv1.InterfaceStateAbsent {
			out.add(nic, *network)
		}
	}
	for i := range out.spec.Networks {
		have := &out.spec.Networks[i]
		if want := networkOf(wanted, have.Name); want != nil && want.Multus != nil && have.Multus != nil {
			have.Multus.NetworkName = want.Multus.NetworkName
		}
	}
	return out.spec
}

func networkOf(spec kubevirtv1.VirtualMachineInstanceSpec, name string) *kubevirtv1.Network {
	i := slices.IndexFunc(spec.Networks, func(n kubevirtv1.Network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &spec.Networks[i]
}

func interfaceOf(spec kubevirtv1.VirtualMachineInstanceSpec, name string) *kubevirtv1.Interface {
	nics := spec.Domain.Devices.Interfaces
	i := slices.IndexFunc(nics, func(n kubevirtv1.Interface) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &nics[i]
}

// unplug takes out what the template calls absent.
func (c *liveChange) unplug(wanted kubevirtv1.VirtualMachineInstanceSpec) {
	gone := func(name string) bool {
		nic := interfaceOf(wanted, name)
		return nic != nil && nic.State == kubevirtv1.InterfaceStateAbsent
	}
	devices := &c.spec.Domain.Devices
	devices.Interfaces = slices.DeleteFunc(devices.Interfaces, func(n kubevirtv1.Interface) bool { return gone(n.Name) })
	c.spec.Networks = slices.DeleteFunc(c.spec.Networks, func(n kubevirtv1.Network) bool { return gone(n.Name) })
}

// plug adds what is new on a bridge, and notes what waits for a migration.
func (c *liveChange) plug(wanted kubevirtv1.VirtualMachineInstanceSpec) {
	for _, nic := range wanted.Domain.Devices.Interfaces {
		network := networkOf(wanted, nic.Name)
		isNew := interfaceOf(c.spec, nic.Name) == nil && networkOf(c.spec, nic.Name) == nil
		if !isNew || nic.State == kubevirtv1.InterfaceStateAbsent || network == nil || network.Multus == nil {
			continue
		}
		switch {
		case nic.Bridge != nil:
			c.add(nic, *network)
		case nic.SRIOV != nil:
			c.needsMigration = true
		}
	}
}

func (c *liveChange) add(nic kubevirtv1.Interface, network kubevirtv1.Network) {
	if interfaceOf(c.spec, nic.Name) != nil {
		return
	}
	c.spec.Domain.Devices.Interfaces = append(c.spec.Domain.Devices.Interfaces, *nic.DeepCopy())
	c.spec.Networks = append(c.spec.Networks, *network.DeepCopy())
}

// reattach says whether the attachment of a network changed, or a virtual function is new, and leaves that out of what is
// compared then: it needs a migration, not a restart.
func reattach(wanted *kubevirtv1.VirtualMachineInstanceSpec, running kubevirtv1.VirtualMachineInstanceSpec) bool {
	waits := false
	for i := range wanted.Networks {
		want := &wanted.Networks[i]
		if have := networkOf(running, want.Name); have != nil && have.Multus != nil && want.Multus != nil && have.Multus.NetworkName != want.Multus.NetworkName {
			want.Multus.NetworkName = have.Multus.NetworkName
			waits = true
		}
	}
	later := func(name string) bool {
		nic := interfaceOf(*wanted, name)
		return nic != nil && nic.SRIOV != nil && interfaceOf(running, name) == nil
	}
	wanted.Networks = slices.DeleteFunc(wanted.Networks, func(n kubevirtv1.Network) bool { return later(n.Name) })
	nics := slices.Clone(wanted.Domain.Devices.Interfaces)
	wanted.Domain.Devices.Interfaces = slices.DeleteFunc(nics, func(n kubevirtv1.Interface) bool { return later(n.Name) })
	return waits
}

// normalised leaves out of a spec what is no difference: absent interfaces, and the order of the others.
func normalised(spec kubevirtv1.VirtualMachineInstanceSpec) kubevirtv1.VirtualMachineInstanceSpec {
	out := *spec.DeepCopy()
	absent := map[string]bool{}
	for _, nic := range out.Domain.Devices.Interfaces {
		absent[nic.Name] = nic.State == kubevirtv1.InterfaceStateAbsent
	}
	nics := &out.Domain.Devices.Interfaces
	*nics = slices.DeleteFunc(*nics, func(n kubevirtv1.Interface) bool { return absent[n.Name] })
	out.Networks = slices.DeleteFunc(out.Networks, func(n kubevirtv1.Network) bool { return absent[n.Name] })
	slices.SortFunc(*nics, func(a, b kubevirtv1.Interface) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Networks, func(a, b kubevirtv1.Network) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// withoutDetached is a template without the absent interfaces that the instance no longer has, or nil if there are none.
func withoutDetached(template, running kubevirtv1.VirtualMachineInstanceSpec) *kubevirtv1.VirtualMachineInstanceSpec {
	detached := func(name string) bool {
		nic := interfaceOf(template, name)
		return nic != nil && nic.State == kubevirtv1.InterfaceStateAbsent && interfaceOf(running, name) == nil
	}
	out := *template.DeepCopy()
	nics := &out.Domain.Devices.Interfaces
	*nics = slices.DeleteFunc(*nics, func(n kubevirtv1.Interface) bool { return detached(n.Name) })
	out.Networks = slices.DeleteFunc(out.Networks, func(n kubevirtv1.Network) bool { return detached(n.Name) })
	if len(*nics) == len(template.Domain.Devices.Interfaces) {
		return nil
	}
	return &out
}
