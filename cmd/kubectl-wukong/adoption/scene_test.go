package adoption

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// scene is what a test has, as manifests would have it.
type scene struct {
	pools        []v1alpha1.AddressPool
	reservations []v1alpha1.AddressReservation
	leases       []v1alpha1.AddressLease
	wukongs      []v1alpha1.Wukong
	machines     []kubevirtv1.VirtualMachineInstance
	csv          string
	rules        Rules
}

// facts puts the scene on a platform with HostNetworks lab (bridge br-lab, alias br-old), lab-100 and closed (not open to
// anybody), and attachments lan (br-lab), old (br-old), tagged (br-lab with VLAN 300), v100 (br-lab-100), shut (br-closed) and
// foreign (br-foreign, of which nobody knows).
func (s scene) facts(t testing.TB) Facts {
	t.Helper()
	uplinks := []v1alpha1.HostUplink{object[v1alpha1.HostUplink](t, `
metadata: {name: workers}
spec: {physicalNetwork: lab, interface: eth1, nodeSelector: {}}`)}
	networks := []v1alpha1.HostNetwork{object[v1alpha1.HostNetwork](t, `
metadata: {name: lab}
spec: {physicalNetwork: lab, default: true, aliases: {bridgeNames: [br-old]}, allowedNamespaces: {selector: {}}}`),
		object[v1alpha1.HostNetwork](t, `
metadata: {name: lab-100}
spec: {physicalNetwork: lab, vlan: 100, allowedNamespaces: {names: [team-a]}}`),
		object[v1alpha1.HostNetwork](t, `
metadata: {name: closed}
spec: {physicalNetwork: lab, vlan: 200}`)}
	f := Facts{Catalog: render.NewCatalog(uplinks, networks), Leases: s.leases, Wukongs: s.wukongs, Machines: s.machines,
		Attachments: map[string]Attachment{}, Namespaces: map[string]map[string]string{"team-a": {}, "team-b": {}}}
	for _, ns := range []string{"team-a", "team-b"} {
		for name, to := range map[string]Attachment{"lan": {Bridge: "br-lab"}, "old": {Bridge: "br-old"}, "tagged": {Bridge: "br-lab", VLAN: 300},
			"v100": {Bridge: "br-lab-100"}, "shut": {Bridge: "br-closed"}, "foreign": {Bridge: "br-foreign"}} {
			f.Attachments[ns+"/"+name] = to
		}
	}
	f.Pools = render.NewPools(f.Catalog, s.pools)
	for i := range s.reservations {
		f.Reservations = append(f.Reservations, render.NewReservation(f.Catalog, &s.reservations[i]))
	}
	if s.csv != "" {
		file, err := ReadFile("sheet.csv", []byte(s.csv))
		if err != nil {
			t.Fatal(err)
		}
		f.Files = []File{file}
	}
	return f
}

func object[T any](t testing.TB, text string) T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func office(t *testing.T) []v1alpha1.AddressPool {
	t.Helper()
	return []v1alpha1.AddressPool{object[v1alpha1.AddressPool](t, `
metadata: {name: office}
spec: {segment: {physicalNetwork: lab}, subnet: 192.0.2.0/24, ranges: [192.0.2.10-192.0.2.99], exclude: [192.0.2.90-192.0.2.99], gateway: 192.0.2.1, dnsServers: [192.0.2.53]}`)}
}

// nic is an interface of a machine: its network, its attachment, and what is known of it.
type nic struct {
	name, attachment, mac string
	from                  string
	addresses             []string
}

// running is a machine that belongs to a VirtualMachine.
func running(namespace, name string, nics ...nic) kubevirtv1.VirtualMachineInstance {
	yes := true
	vmi := kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachine", Name: name, Controller: &yes}}}}
	for _, n := range nics {
		network := kubevirtv1.Network{Name: n.name}
		device := kubevirtv1.Interface{Name: n.name}
		if n.attachment == "" {
			network.Pod, device.Masquerade = &kubevirtv1.PodNetwork{}, &kubevirtv1.InterfaceMasquerade{}
		} else {
			network.Multus, device.Bridge = &kubevirtv1.MultusNetwork{NetworkName: n.attachment}, &kubevirtv1.InterfaceBridge{}
		}
		vmi.Spec.Networks = append(vmi.Spec.Networks, network)
		vmi.Spec.Domain.Devices.Interfaces = append(vmi.Spec.Domain.Devices.Interfaces, device)
		vmi.Status.Interfaces = append(vmi.Status.Interfaces, kubevirtv1.VirtualMachineInstanceNetworkInterface{
			Name: n.name, MAC: n.mac, InfoSource: n.from, IPs: n.addresses})
	}
	return vmi
}

const (
	guest  = "domain, guest-agent, multus-status"
	plugin = "domain, multus-status"
)

// db has one interface that the cluster itself knows the address of.
func db() []kubevirtv1.VirtualMachineInstance {
	return []kubevirtv1.VirtualMachineInstance{running("team-a", "db", nic{"lan", "lan", "02:00:00:00:00:0a", plugin, []string{"192.0.2.10"}})}
}

func wukong(t *testing.T, namespace, name, rest string) v1alpha1.Wukong {
	t.Helper()
	w := object[v1alpha1.Wukong](t, rest)
	w.Namespace, w.Name = namespace, name
	return w
}

func lease(address, segment, namespace, name string) v1alpha1.AddressLease {
	return v1alpha1.AddressLease{ObjectMeta: metav1.ObjectMeta{Name: "ip-" + strings.NewReplacer(".", "-", ":", "-").Replace(address) + "." + segment},
		Spec: v1alpha1.AddressLeaseSpec{Address: address, Segment: segment, Phase: v1alpha1.LeaseAllocated,
			Holder: &v1alpha1.LeaseHolder{Namespace: namespace, Name: name, Network: "lan"}}}
}

func kept(t *testing.T, address, holder string) v1alpha1.AddressReservation {
	t.Helper()
	return object[v1alpha1.AddressReservation](t, fmt.Sprintf(`
metadata: {name: kept}
spec: {segment: {physicalNetwork: lab}, addresses: [%s], reason: test%s}`, address, holder))
}

// lines gives the entries as a table has them, with bars between cells.
func lines(p *Plan) []string {
	var out []string
	for _, row := range p.Table().Rows {
		out = append(out, strings.Join(row, " | "))
	}
	return out
}
