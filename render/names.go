package render

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// Limits of names.
const (
	// MaxInterfaceName is the longest name of a network interface, in bytes (IFNAMSIZ less the final zero).
	MaxInterfaceName = 15
	// MaxName is the longest name that is invented here, in bytes: it may be a label value.
	MaxName = 63
)

// PolicyName gives the name of the NodeNetworkConfigurationPolicy of a revision.
func PolicyName(uplink, hash string) string { return "wukong-" + uplink + "-" + hash }

// NADName gives the name of the NetworkAttachmentDefinition that leads to a HostNetwork of one segment, in every namespace that
// uses it.
func NADName(hostNetwork string) string { return "wukong-" + hostNetwork }

// TrunkNADName gives the name of the NetworkAttachmentDefinition that leads to one VLAN of a HostNetwork with a trunk. Its first
// part has the VLAN, so that no HostNetwork has a NADName like it.
func TrunkNADName(hostNetwork string, vlan int) string {
	return "wukong" + strconv.Itoa(vlan) + "-" + hostNetwork
}

// LegacyNADName gives the name that NovaSphere's operator gave to the attachment of one network of one Wukong. It is
// recognised and never made.
func LegacyNADName(wukong, network string) string { return wukong + "-" + network + "-nad" }

// VMName gives the name of the VirtualMachine of a Wukong.
func VMName(wukong string) string { return wukong + "-vm" }

// SecretName gives the name of the Secret that holds what a guest is told. Its last part is the hash of the guest's part of
// the request, so that a changed request is another object. A name above MaxName bytes is shortened to a form, with
// "-netx-" before that hash, that no unshortened name has.
func SecretName(wukong, guestHash string) string {
	return shortened(wukong, "-net-"+guestHash, "-netx-"+guestHash)
}

// IsSecretOf says whether a Secret has a name that SecretName gives for a Wukong, whatever the request was.
func IsSecretOf(wukong, secret string) bool {
	hash := nmstate.Hash(nil)
	like := SecretName(wukong, hash)
	return len(secret) == len(like) && strings.HasPrefix(secret, strings.TrimSuffix(like, hash))
}

// StableSecretName gives the name of the Secret for a machine that somebody else manages. It stays the same when the request
// changes, so that the machine can refer to it.
func StableSecretName(wukong string) string { return shortened(wukong, "-net", "-netx") }

// shortened appends suffix to name, or, where that is too long, cuts name, adds a hash of all of it, and appends other.
func shortened(name, suffix, other string) string {
	if len(name)+len(suffix) <= MaxName {
		return name + suffix
	}
	hash := nmstate.Hash([]byte(name))
	return name[:MaxName-len(hash)-1-len(other)] + "-" + hash + other
}

// DiskVolumeName gives the name of the DataVolume, and so of the claim, of one disk of a Wukong.
func DiskVolumeName(wukong, disk string) string { return wukong + "-" + disk }

// GuestInterfaceName gives the name of an interface in the guest, from the position of its network in the spec. It lies
// outside the kernel's own ethN, so that renaming never collides.
func GuestInterfaceName(index int) string { return "net" + strconv.Itoa(index) }

// BridgeName gives the name of the bridge of a HostNetwork on hosts.
func BridgeName(n *v1alpha1.HostNetwork) string {
	if n.Spec.Bridge != nil && n.Spec.Bridge.Name != "" {
		return string(n.Spec.Bridge.Name)
	}
	return "br-" + n.Name
}

// VLANInterfaceName gives the name of the sub-interface for one VLAN of an uplink: the usual "eth1.100", or, where that is
// longer than the kernel allows, a short name with a hash of the uplink's.
func VLANInterfaceName(uplink string, vlan int) string {
	if name := uplink + "." + strconv.Itoa(vlan); len(name) <= MaxInterfaceName {
		return name
	}
	return "vl" + nmstate.Hash([]byte(uplink))[:8] + "." + strconv.Itoa(vlan)
}

// MAC gives the MAC address of one interface of a Wukong: locally administered, unicast, and the same wherever it is
// computed. seed tells clusters apart that share a fabric.
func MAC(seed, namespace, wukong, network string) string {
	sum := sha256.Sum256(joined("mac", seed, namespace, wukong, network))
	mac := net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}
	if mac.String() == reservedMAC {
		mac[5] = 1
	}
	return mac.String()
}

// reservedMAC is what KubeVirt gives to its own end of an attachment inside the pod.
const reservedMAC = "02:00:00:00:00:00"

// uuidSpace is the namespace of FirmwareUUID, a random UUID chosen once.
var uuidSpace = uuid.MustParse("5e1c2f0a-8b0e-4d51-9a5e-0c7b6f3d2a41")

// FirmwareUUID gives the UUID (version 5) of a Wukong's machine. cloud-init takes it for the identity of the instance, so it
// must never change during the life of a machine.
func FirmwareUUID(seed, namespace, wukong string) string {
	return uuid.NewSHA1(uuidSpace, joined("firmware", seed, namespace, wukong)).String()
}

// joined writes each part after its length, so that no two lists of parts give the same bytes.
func joined(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.AppendUvarint(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}

// checkVMName says why the machine of a Wukong cannot have its name. The machine's name becomes a label value and the
// guest's host name, hence the limit.
func checkVMName(wukong string) string {
	if name := VMName(wukong); len(name) > MaxName {
		return fmt.Sprintf("the machine would be named %q, which has %d characters: at most %d are possible, so use a name of at most %d",
			name, len(name), MaxName, MaxName-len(VMName("")))
	}
	return ""
}
