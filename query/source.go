package query

import (
	"context"
	"slices"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/answer"
)

// Source is where objects are read. An empty namespace means all of them. The slices that are returned
// belong to the caller; what their elements point to may be shared, and is not to be changed.
type Source interface {
	Leases(ctx context.Context, which Leases) ([]v1alpha1.AddressLease, error)
	Pools(ctx context.Context) ([]v1alpha1.AddressPool, error)
	Reservations(ctx context.Context) ([]v1alpha1.AddressReservation, error)
	Uplinks(ctx context.Context) ([]v1alpha1.HostUplink, error)
	HostNetworks(ctx context.Context) ([]v1alpha1.HostNetwork, error)
	Wukong(ctx context.Context, namespace, name string) (*v1alpha1.Wukong, error)
	Wukongs(ctx context.Context, namespace string) ([]v1alpha1.Wukong, error)
	VirtualMachines(ctx context.Context, namespace string) ([]kubevirtv1.VirtualMachine, error)
	Instances(ctx context.Context) ([]kubevirtv1.VirtualMachineInstance, error)
	Attachments(ctx context.Context) ([]nadv1.NetworkAttachmentDefinition, error)
	Namespaces(ctx context.Context) ([]metav1.PartialObjectMetadata, error)
	Nodes(ctx context.Context) ([]corev1.Node, error)
	// NodeStates gives, beside what nodes report, the reports themselves by node as JSON, where the source has them.
	NodeStates(ctx context.Context) ([]nmstate.NodeNetworkState, map[string][]byte, error)
	Policies(ctx context.Context) ([]nmstate.Policy, error)
	Enactments(ctx context.Context) ([]nmstate.Enactment, error)
	// Optional is for a read that an answer can do without. When the asker may not, or the kind is not there, it gives nil and
	// notes what is missing from the answer; any other error stays one.
	Optional(err error, missing string) error
}

// Leases selects AddressLeases. What is empty selects all.
type Leases struct {
	Address, Segment, Pool string
	// Namespace and Name are those of the holder.
	Namespace, Name string
	// MAC is in lower case with colons.
	MAC    string
	Phases []v1alpha1.LeasePhase
	// Live leaves Released leases out, which are records.
	Live bool
}

// Matches says whether a lease is selected.
func (s *Leases) Matches(l *v1alpha1.AddressLease) bool {
	namespace, name := "", ""
	if h := l.Spec.Holder; h != nil {
		namespace, name = h.Namespace, h.Name
	}
	for _, pair := range [][2]string{{s.Address, l.Spec.Address}, {s.Segment, l.Spec.Segment}, {s.Pool, l.Spec.Pool}, {s.Namespace, namespace}, {s.Name, name}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	if s.Live && l.Spec.Phase == v1alpha1.LeaseReleased {
		return false
	}
	if s.MAC != "" && !answer.SameMAC(l.Spec.MAC, s.MAC) {
		return false
	}
	return len(s.Phases) == 0 || slices.Contains(s.Phases, l.Spec.Phase)
}

// Phases are all phases of leases.
func Phases() []v1alpha1.LeasePhase {
	return []v1alpha1.LeasePhase{v1alpha1.LeaseAllocated, v1alpha1.LeaseReleasing, v1alpha1.LeaseCooling, v1alpha1.LeaseReserved, v1alpha1.LeaseReleased}
}

// PhaseNames are their names, for people.
func PhaseNames() string {
	var names []string
	for _, phase := range Phases() {
		names = append(names, string(phase))
	}
	return strings.Join(names, ", ")
}
