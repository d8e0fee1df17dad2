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
