package render

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// AntiAffinityLabel marks machines that ask to be kept apart from each other.
const AntiAffinityLabel = "vm.novasphere.dev/anti-affinity"

// machineParts is what a machine is made from.
type machineParts struct {
	req    *Request
	nics   []NIC
	seed   string
	secret string
	meta   metav1.ObjectMeta
}

func (p machineParts) virtualMachine() *kubevirtv1.VirtualMachine {
	strategy := p.req.Machine.RunStrategy
	labels := maps.Clone(p.meta.Labels)
	if p.req.Machine.AntiAffinity {
		labels[AntiAffinityLabel] = "true"
	}
	var annotations map[string]string
	if record := guestNetwork(p.secret, p.nics); record != "" {
		annotations = map[string]string{v1alpha1.GuestNetworkAnnotation: record}
	}
	return &kubevirtv1.VirtualMachine{
		TypeMeta:   metav1.TypeMeta{APIVersion: kubevirtv1.GroupVersion.String(), Kind: "VirtualMachine"},
		ObjectMeta: p.meta,
		Spec: kubevirtv1.VirtualMachineSpec{
			RunStrategy:         &strategy,
			DataVolumeTemplates: p.dataVolumes(),
			Template: &kubevirtv1.VirtualMachineInstanceTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
				Spec:       p.instance(),
			},
		},
	}
}

func (p machineParts) instance() kubevirtv1.VirtualMachineInstanceSpec {
	m := p.req.Machine
	out := kubevirtv1.VirtualMachineInstanceSpec{
		Domain: kubevirtv1.DomainSpec{
			CPU:      &kubevirtv1.CPU{Cores: m.CPU},
			Memory:   &kubevirtv1.Memory{Guest: &m.Memory},
			Firmware: &kubevirtv1.Firmware{UUID: types.UID(FirmwareUUID(p.seed, p.req.Namespace, p.req.Name))},
			Devices:  p.devices(),
		},
		NodeSelector: maps.Clone(m.NodeSelector),
		Tolerations:  slices.Clone(m.Tolerations),
		Affinity:     p.affinity(),
		Volumes:      p.volumes(),
	}
	for i := range p.nics {
		out.Networks = append(out.Networks, p.network(&p.nics[i]))
	}
	if p.secret != "" && p.req.SSHKeySecret != "" {
		out.AccessCredentials = []kubevirtv1.AccessCredential{{SSHPublicKey: &kubevirtv1.SSHPublicKeyAccessCredential{
			Source: kubevirtv1.SSHPublicKeyAccessCredentialSource{
				Secret: &kubevirtv1.AccessCredentialSecretSource{SecretName: p.req.SSHKeySecret}},
			PropagationMethod: kubevirtv1.SSHPublicKeyAccessCredentialPropagationMethod{
				NoCloud: &kubevirtv1.NoCloudSSHPublicKeyAccessCredentialPropagation{}},
		}}}
	}
	return out
}

// network attaches an interface to the pod network or to its HostNetwork.
func (p machineParts) network(n *NIC) kubevirtv1.Network {
	if n.Pod {
		return kubevirtv1.Network{Name: n.Name, NetworkSource: kubevirtv1.NetworkSource{Pod: &kubevirtv1.PodNetwork{}}}
	}
	nad := n.Choice.NADName
	if p.req.Namespace != "" {
		nad = p.req.Namespace + "/" + nad
	}
	return kubevirtv1.Network{Name: n.Name, NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: nad}}}
}

func (p machineParts) devices() kubevirtv1.Devices {
	var out kubevirtv1.Devices
	pod := false
	for _, n := range p.nics {
		nic := kubevirtv1.Interface{Name: n.Name, MacAddress: n.Address}
		if n.Pod {
			pod = true
			nic.Masquerade = &kubevirtv1.InterfaceMasquerade{}
		} else {
			attach(&nic, n.Choice.Type)
		}
		out.Interfaces = append(out.Interfaces, nic)
	}
	if len(p.req.Networks) > 0 && !pod {
		no := false
		out.AutoattachPodInterface = &no
	}
	boot := uint(0)
	for _, d := range p.req.Machine.Disks {
		disk := virtioDisk(d.Name)
		if d.Boot {
			boot++
			order := boot
			disk.BootOrder = &order
		}
		out.Disks = append(out.Disks, disk)
	}
	if p.secret != "" {
		out.Disks = append(out.Disks, virtioDisk(cloudInitVolume))
	}
	for _, g := range p.req.Machine.GPUs {
		out.GPUs = append(out.GPUs, kubevirtv1.GPU{Name: g.Name, DeviceName: g.DeviceName})
	}
	return out
}

// macvtapBinding is the network binding plugin of KubeVirt that takes over a MACVTAP of the pod.
const macvtapBinding = "macvtap"

// attach says how an interface of the guest gets what the attachment made in the pod.
func attach(nic *kubevirtv1.Interface, kind v1alpha1.NetworkType) {
	switch kind {
	case v1alpha1.NetworkMacvlan:
		nic.Binding = &kubevirtv1.PluginBinding{Name: macvtapBinding}
	case v1alpha1.NetworkSRIOV:
		nic.SRIOV = &kubevirtv1.InterfaceSRIOV{}
	default:
		nic.Bridge = &kubevirtv1.InterfaceBridge{}
	}
}

func virtioDisk(name string) kubevirtv1.Disk {
	return kubevirtv1.Disk{Name: name, DiskDevice: kubevirtv1.DiskDevice{Disk: &kubevirtv1.DiskTarget{Bus: kubevirtv1.DiskBusVirtio}}}
}

func (p machineParts) volumes() []kubevirtv1.Volume {
	var out []kubevirtv1.Volume
	for _, d := range p.req.Machine.Disks {
		out = append(out, kubevirtv1.Volume{Name: d.Name, VolumeSource: kubevirtv1.VolumeSource{
			DataVolume: &kubevirtv1.DataVolumeSource{Name: DiskVolumeName(p.req.Name, d.Name)}}})
	}
	if p.secret != "" {
		ref := &corev1.LocalObjectReference{Name: p.secret}
		source := &kubevirtv1.CloudInitNoCloudSource{UserDataSecretRef: ref}
		if len(p.nics) > 0 {
			source.NetworkDataSecretRef = ref
		}
		out = append(out, kubevirtv1.Volume{Name: cloudInitVolume, VolumeSource: kubevirtv1.VolumeSource{CloudInitNoCloud: source}})
	}
	return out
}

func (p machineParts) dataVolumes() []kubevirtv1.DataVolumeTemplateSpec {
	var out []kubevirtv1.DataVolumeTemplateSpec
	for _, d := range p.req.Machine.Disks {
		storage := &cdiv1.StorageSpec{Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: d.Size}}}
		if class := d.StorageClass; class != "" {
			storage.StorageClassName = &class
		}
		out = append(out, kubevirtv1.DataVolumeTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Name: DiskVolumeName(p.req.Name, d.Name)},
			Spec:       cdiv1.DataVolumeSpec{Source: imageSource(d.Image), Storage: storage},
		})
	}
	return out
}

// imageSource tells CDI where the content of a disk comes from.
func imageSource(image string) *cdiv1.DataVolumeSource {
	switch {
	case image == "":
		return &cdiv1.DataVolumeSource{Blank: &cdiv1.DataVolumeBlankImage{}}
	case strings.HasPrefix(image, registryPrefix):
		return &cdiv1.DataVolumeSource{Registry: &cdiv1.DataVolumeSourceRegistry{URL: &image}}
	}
	return &cdiv1.DataVolumeSource{HTTP: &cdiv1.DataVolumeSourceHTTP{URL: image}}
}

// affinity keeps the machine from nodes that do not have its networks, since the bridge plugin would make an isolated bridge
// there, and apart from others that ask for it where possible.
func (p machineParts) affinity() *corev1.Affinity {
	var out corev1.Affinity
	if needs := p.networkLabels(); len(needs) > 0 {
		out.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: needs}}}}
	}
	if p.req.Machine.AntiAffinity {
		out.PodAntiAffinity = &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 100,
			PodAffinityTerm: corev1.PodAffinityTerm{
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{AntiAffinityLabel: "true"}},
				TopologyKey:   corev1.LabelHostname,
			},
		}}}
	}
	if out.NodeAffinity == nil && out.PodAntiAffinity == nil {
		return nil
	}
	return &out
}

// networkLabels gives, by name, the label of each HostNetwork that the machine attaches to. No node is labelled for one that is
// only observed: the resource of its attachment finds the node.
func (p machineParts) networkLabels() []corev1.NodeSelectorRequirement {
	var names []string
	for _, n := range p.nics {
		if !n.Pod && !n.Choice.Observed {
			names = append(names, n.Choice.HostNetwork)
		}
	}
	slices.Sort(names)
	var out []corev1.NodeSelectorRequirement
	for _, name := range slices.Compact(names) {
		out = append(out, corev1.NodeSelectorRequirement{Key: v1alpha1.NetworkLabelPrefix + name, Operator: corev1.NodeSelectorOpExists})
	}
	return out
}
