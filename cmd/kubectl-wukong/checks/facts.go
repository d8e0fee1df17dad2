package checks

import (
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Fact is something that was asked for: what was read, or why it was not.
type Fact[T any] struct {
	Value T
	// Unread says why there is no value, such as a missing right; empty where there is one.
	Unread string
	// Absent says that the API server does not serve the kind.
	Absent bool
}

// known says whether there is a value.
func (f Fact[T]) known() bool { return f.Unread == "" && !f.Absent }

// Known makes a fact of a value.
func Known[T any](value T) Fact[T] { return Fact[T]{Value: value} }

// Facts is what was read of a cluster.
type Facts struct {
	// Pre: wukong-network is about to be installed, so its own parts are not expected yet.
	Pre bool
	// Now is the time of the reading.
	Now time.Time
	// Program is the version of this program.
	Program string

	// Server is the version of the API server, such as v1.37.2.
	Server Fact[string]
	// Rights are those that an installation needs of the caller.
	Rights Fact[[]Right]
	// Definitions are all CustomResourceDefinitions.
	Definitions Fact[[]apiextensionsv1.CustomResourceDefinition]
	// Deployments are those of all namespaces.
	Deployments Fact[[]appsv1.Deployment]
	// Leader is the Lease of the leader, or nil where there is none. It is read where there is one Deployment of ours.
	Leader Fact[*coordinationv1.Lease]
	// Permissions are the rights that the controller's account needs.
	Permissions Fact[[]Right]
	// Rules and Bindings are the rules of admission and what puts them into force.
	Rules    Fact[[]admissionv1.ValidatingAdmissionPolicy]
	Bindings Fact[[]admissionv1.ValidatingAdmissionPolicyBinding]

	Nodes Fact[[]corev1.Node]
	// Handlers are the pods of kubernetes-nmstate's handler.
	Handlers Fact[[]corev1.Pod]
	// NodeStates and Policies have metadata alone.
	NodeStates Fact[[]metav1.PartialObjectMetadata]
	Policies   Fact[[]metav1.PartialObjectMetadata]

	Uplinks      Fact[[]v1alpha1.HostUplink]
	HostNetworks Fact[[]v1alpha1.HostNetwork]
	Pools        Fact[[]v1alpha1.AddressPool]
	Reservations Fact[[]v1alpha1.AddressReservation]
	Leases       Fact[[]v1alpha1.AddressLease]
	Wukongs      Fact[[]v1alpha1.Wukong]
	Attachments  Fact[[]nadv1.NetworkAttachmentDefinition]
}

// Right is something that somebody may do or not.
type Right struct {
	Verb      string `json:"verb"`
	Group     string `json:"group"`
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	Allowed   bool   `json:"allowed"`
}

// String is as kubectl auth can-i takes it.
func (r Right) String() string {
	out := r.Verb + " " + r.Resource
	if r.Group != "" {
		out += "." + r.Group
	}
	if r.Namespace != "" {
		out += " -n " + r.Namespace
	}
	return out
}
