package world

import (
	"fmt"
	"strings"
)

// HostUplink is the manifest of a HostUplink; more are further lines of its spec.
func HostUplink(name, fabric, nic string, more ...string) string {
	return declared("HostUplink", name, fabric, append([]string{"interface: " + nic}, more...))
}

// HostNetwork is the manifest of a HostNetwork that every namespace may use; more are further lines of its spec.
func HostNetwork(name, fabric string, more ...string) string {
	return declared("HostNetwork", name, fabric, append([]string{"allowedNamespaces: {selector: {}}"}, more...))
}

func declared(kind, name, fabric string, more []string) string {
	return fmt.Sprintf(`
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: %s
metadata: {name: %s}
spec:
  physicalNetwork: %s
  %s
`, kind, name, fabric, strings.Join(more, "\n  "))
}

// Machine is the manifest of a VirtualMachine that somebody else manages: on network lan by its attachment, with a MAC address of its
// own, and with the network data of a Secret.
func Machine(namespace, name, mac, secret string) string {
	return fmt.Sprintf(`
---
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {namespace: %s, name: %s}
spec:
  runStrategy: Always
  template:
    spec:
      domain:
        devices:
          autoattachPodInterface: false
          disks: [{name: seed, disk: {bus: virtio}}]
          interfaces: [{name: lan, bridge: {}, macAddress: %q}]
        firmware: {uuid: 5d307ca9-b3ef-428c-8861-06e72d69f262}
      networks: [{name: lan, multus: {networkName: wukong-lan}}]
      nodeSelector: {network.vm.novasphere.dev/lan: "true"}
      volumes: [{name: seed, cloudInitNoCloud: {networkDataSecretRef: {name: %[4]s}, secretRef: {name: %[4]s}}}]
`, namespace, name, mac, secret)
}
