package render

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Selects says whether a HostUplink's selector matches a node with these labels. A selector that cannot be read matches nothing.
func Selects(u *v1alpha1.HostUplink, node map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&u.Spec.NodeSelector)
	return err == nil && selector.Matches(labels.Set(node))
}

// Lists says whether an annotation of a HostUplink lists a node: by its name, among names that commas separate, or by *.
func Lists(u *v1alpha1.HostUplink, annotation, node string) bool {
	return slices.ContainsFunc(strings.Split(u.Annotations[annotation], ","), func(name string) bool {
		name = strings.TrimSpace(name)
		return name == node || name == "*"
	})
}

// NodeAddresses gives the addresses by which the cluster knows a node; none for nil. What cannot be read is left out.
func NodeAddresses(n *corev1.Node) []netip.Addr {
	if n == nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range n.Status.Addresses {
		if addr, err := netip.ParseAddr(a.Address); err == nil && a.Type != corev1.NodeHostName {
			out = append(out, addr.Unmap())
		}
	}
	return out
}
