package render

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Request is a Wukong whose every value was checked. Code that has a Request cannot meet an address, name or size that does
// not work.
type Request struct {
	Namespace, Name string
	// UID is empty where the Wukong is not from a cluster.
	UID types.UID
	// VirtualMachine is the name of the machine: the one that is made here, or somebody else's when Foreign.
	VirtualMachine string
	Foreign        bool
	// Guest is CloudInit or Manual, never empty.
	Guest    v1alpha1.GuestConfig
	Networks []Network
	// User and SSHKeySecret are empty when Foreign or Manual.
	User         *User
	SSHKeySecret string
	// Machine is nil when no machine is asked for, or when it is somebody else's.
	Machine *Machine
	// Notices are fields that are given and have no effect, in the order of the spec.
	Notices []v1alpha1.FieldNotice
}

// Network is one network of a Wukong.
type Network struct {
	// Index and Path are its place in the spec: 0 and spec.networks[0].
	Index int
	Path  string
	Name  string
	// Interface is the name of the interface in the guest.
	Interface string
	// Pod: this is the pod network. Nothing else is set but MAC.
	Pod bool

	// What selects a HostNetwork; empty and 0 mean not given. They are compared with what is on offer and never written.
	Type              v1alpha1.NetworkType
	HostNetwork       string
	NADName           string
	BridgeName        string
	PhysicalInterface string
	VLANID            int

	// MAC is the MAC address that the spec gives, in lower case, or empty.
	MAC string
	// MTU is what the guest sets, in bytes, or 0.
	MTU int
	// DHCP: the guest's addresses come from DHCP, and Addresses is empty.
	DHCP bool
	// Addresses are all static addresses, in the order of the spec. Those that are taken from pools have no prefix until
	// Pools.Grant gives it.
	Addresses []Address
	DNS       []netip.Addr
	// Search are DNS search domains.
	Search []string
	Routes []Route
	// SourceRouting: what comes from the static addresses leaves through this network.
	SourceRouting bool
	// Primary: the guest's default route through this network is preferred to those through others.
	Primary bool
}

// Address is one static address of a network.
type Address struct {
	// Path is the path of its field: spec.networks[0].ipConfig.address, or …ipPool for one that is taken from a pool.
	Path string
	// Pool is the AddressPool that the address is taken from, or that an explicit address must belong to. It may be empty.
	Pool string
	// Prefix keeps the host bits: the address, with the length of its subnet. The zero value is to be taken from Pool.
	Prefix netip.Prefix
	// Gateway is the next hop of the default route of its family, or the zero value.
	Gateway netip.Addr
	// Reserved: the address is kept for this holder when the Wukong goes.
	Reserved bool
}

// Route is a further route of a guest.
type Route struct {
	Path   string
	To     netip.Prefix
	Via    netip.Addr
	OnLink bool
	// Metric is nil when none is given.
	Metric *int32
}

// User is the user that cloud-init makes in the guest.
type User struct {
	Name, Password, PasswordHash, Sudo, Shell string
	Groups                                    []string
	// LockPassword is nil when nothing is said.
	LockPassword *bool
}

// Machine is the machine that a Wukong asks for.
type Machine struct {
	CPU          uint32
	Memory       resource.Quantity
	Disks        []Disk
	GPUs         []GPU
	RunStrategy  kubevirtv1.VirtualMachineRunStrategy
	AntiAffinity bool
	NodeSelector map[string]string
	Tolerations  []corev1.Toleration
}

// Disk is one disk of a machine.
type Disk struct {
	Name         string
	Size         resource.Quantity
	StorageClass string
	Boot         bool
	// Image is docker://… or an http(s) URL; empty means a blank disk.
	Image string
}

// GPU is a host device that is passed to the guest.
type GPU struct{ Name, DeviceName string }

// Static says whether the network asks for static addresses.
func (n Network) Static() bool { return len(n.Addresses) > 0 }

// Explicit says whether the address is known: the Wukong names it, or it was taken from its pool.
func (a Address) Explicit() bool { return a.Prefix.IsValid() }

// Served says whether the network leads to a HostNetwork: it then needs a Choice.
func (n Network) Served() bool { return !n.Pod }

// NextHops are the gateways, next hops of routes and DNS servers that the Wukong names, sorted, each once. None of them is an
// address for its own machine.
func (r *Request) NextHops() []netip.Addr {
	var out []netip.Addr
	for _, n := range r.Networks {
		out = append(out, n.DNS...)
		for _, a := range n.Addresses {
			out = append(out, a.Gateway)
		}
		for _, route := range n.Routes {
			out = append(out, route.Via)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.DeleteFunc(slices.Compact(out), func(a netip.Addr) bool { return !a.IsValid() })
}

// ParseWukong checks every value of a Wukong, also those that the schema checks, since the command line reads manifests that
// no API server has seen. The Request is nil when there are errors. Each error has the path of its field, the value, and what
// to write instead; their order is that of the spec.
func ParseWukong(w *v1alpha1.Wukong) (*Request, field.ErrorList) {
	p := parser{
		wukong: w,
		req: Request{
			Namespace: w.Namespace, Name: w.Name, UID: w.UID,
			VirtualMachine: VMName(w.Name), Guest: v1alpha1.GuestConfigCloudInit,
		},
	}
	p.identity()
	p.machine()
	p.guest()
	p.networks()
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return &p.req, nil
}

// parser gathers the parts of a Request, and everything that is wrong with them.
type parser struct {
	wukong *v1alpha1.Wukong
	req    Request
	errs   field.ErrorList
}

var specPath = field.NewPath("spec")

// notice reports a field that has no effect.
func (p *parser) notice(path *field.Path, message string) {
	p.req.Notices = append(p.req.Notices, v1alpha1.FieldNotice{Field: path.String(), Message: message})
}

// invalid reports a value that cannot work. detail says why and what to write instead.
func (p *parser) invalid(path *field.Path, value any, detail string) {
	p.errs = append(p.errs, field.Invalid(path, shown(value), detail))
}

// maxShown bounds how much of a value is repeated in a message.
const maxShown = 64

// shown cuts long texts. field.Error quotes what remains.
func shown(value any) any {
	if s, ok := value.(string); ok && len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return value
}
