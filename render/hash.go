package render

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// The types below are what hashes of requests are computed from. They are not those of the API or of rendering: fields are
// only ever added, with omitempty and a zero value that means what it meant before, so that an upgrade changes no hash, and
// so restarts no machine.

// guestRequest is what a guest is told.
type guestRequest struct {
	NICs   []nicRequest `json:"nics,omitempty"`
	User   *userRequest `json:"user,omitempty"`
	SSHKey string       `json:"sshKey,omitempty"`
}

type userRequest struct {
	Name         string   `json:"name,omitempty"`
	Password     string   `json:"password,omitempty"`
	PasswordHash string   `json:"passwordHash,omitempty"`
	Sudo         string   `json:"sudo,omitempty"`
	Shell        string   `json:"shell,omitempty"`
	Groups       []string `json:"groups,omitempty"`
	LockPassword *bool    `json:"lockPassword,omitempty"`
}

type nicRequest struct {
	Name      string           `json:"name,omitempty"`
	Interface string           `json:"interface,omitempty"`
	MAC       string           `json:"mac,omitempty"`
	NAD       string           `json:"nad,omitempty"`
	MTU       int              `json:"mtu,omitempty"`
	Pod       bool             `json:"pod,omitempty"`
	DHCP      bool             `json:"dhcp,omitempty"`
	Primary   bool             `json:"primary,omitempty"`
	Addresses []addressRequest `json:"addresses,omitempty"`
	DNS       []string         `json:"dns,omitempty"`
	Search    []string         `json:"search,omitempty"`
	Routes    []routeRequest   `json:"routes,omitempty"`
	// SourceRouting was accepted and ignored once: a request that says it has had another hash since it is acted on.
	SourceRouting bool `json:"sourceRouting,omitempty"`
}

type addressRequest struct {
	Address string `json:"address,omitempty"`
	Gateway string `json:"gateway,omitempty"`
}

type routeRequest struct {
	To     string `json:"to,omitempty"`
	Via    string `json:"via,omitempty"`
	OnLink bool   `json:"onLink,omitempty"`
	Metric *int32 `json:"metric,omitempty"`
}

// machineRequest is everything that is written.
type machineRequest struct {
	Guest        guestRequest        `json:"guest"`
	Manual       bool                `json:"manual,omitempty"`
	Seed         string              `json:"seed,omitempty"`
	Foreign      string              `json:"foreign,omitempty"`
	HostNetworks []string            `json:"hostNetworks,omitempty"`
	CPU          uint32              `json:"cpu,omitempty"`
	Memory       string              `json:"memory,omitempty"`
	Disks        []diskRequest       `json:"disks,omitempty"`
	GPUs         []gpuRequest        `json:"gpus,omitempty"`
	RunStrategy  string              `json:"runStrategy,omitempty"`
	AntiAffinity bool                `json:"antiAffinity,omitempty"`
	NodeSelector map[string]string   `json:"nodeSelector,omitempty"`
	Tolerations  []corev1.Toleration `json:"tolerations,omitempty"`
}

type diskRequest struct {
	Name         string `json:"name,omitempty"`
	Size         string `json:"size,omitempty"`
	StorageClass string `json:"storageClass,omitempty"`
	Boot         bool   `json:"boot,omitempty"`
	Image        string `json:"image,omitempty"`
}

type gpuRequest struct {
	Name       string `json:"name,omitempty"`
	DeviceName string `json:"deviceName,omitempty"`
}

// guestHash stands for what the guest is told, and nothing else: a machine that only moves or grows keeps its Secret.
func guestHash(req *Request, nics []NIC) string { return hashOf(guestOf(req, nics)) }

// requestHash stands for everything that is written for a Wukong.
func requestHash(req *Request, nics []NIC, seed string) string {
	in := machineRequest{Guest: guestOf(req, nics), Manual: req.Guest == v1alpha1.GuestConfigManual, Seed: seed}
	if req.Foreign {
		in.Foreign = req.VirtualMachine
	}
	for _, n := range nics {
		in.HostNetworks = append(in.HostNetworks, n.Choice.HostNetwork)
	}
	if m := req.Machine; m != nil {
		in.CPU, in.Memory, in.RunStrategy = m.CPU, m.Memory.String(), string(m.RunStrategy)
		in.AntiAffinity, in.NodeSelector, in.Tolerations = m.AntiAffinity, m.NodeSelector, m.Tolerations
		for _, g := range m.GPUs {
			in.GPUs = append(in.GPUs, gpuRequest(g))
		}
		for _, d := range m.Disks {
			in.Disks = append(in.Disks, diskRequest{Name: d.Name, Size: d.Size.String(), StorageClass: d.StorageClass, Boot: d.Boot, Image: d.Image})
		}
	}
	return hashOf(in)
}

func guestOf(req *Request, nics []NIC) guestRequest {
	out := guestRequest{SSHKey: req.SSHKeySecret}
	if u := req.User; u != nil {
		out.User = &userRequest{Name: u.Name, Password: u.Password, PasswordHash: u.PasswordHash, Sudo: u.Sudo, Shell: u.Shell,
			Groups: u.Groups, LockPassword: u.LockPassword}
	}
	for i := range nics {
		out.NICs = append(out.NICs, nicOf(&nics[i]))
	}
	return out
}

func nicOf(n *NIC) nicRequest {
	out := nicRequest{Name: n.Name, Interface: n.Interface, MAC: n.Address, NAD: n.Choice.NADName, MTU: n.MTU,
		Pod: n.Pod, DHCP: n.DHCP, Primary: n.Primary, Search: n.Search, SourceRouting: n.SourceRouting}
	for _, a := range n.Addresses {
		address := addressRequest{Address: a.Prefix.String()}
		if a.Gateway.IsValid() {
			address.Gateway = a.Gateway.String()
		}
		out.Addresses = append(out.Addresses, address)
	}
	for _, server := range n.DNS {
		out.DNS = append(out.DNS, server.String())
	}
	for _, r := range n.Routes {
		out.Routes = append(out.Routes, routeRequest{To: r.To.String(), Via: r.Via.String(), OnLink: r.OnLink, Metric: r.Metric})
	}
	return out
}

func hashOf(in any) string {
	raw, err := json.Marshal(in)
	if err != nil {
		// Structs of strings, numbers and booleans cannot fail to encode.
		return nmstate.Hash(nil)
	}
	return nmstate.Hash(raw)
}
