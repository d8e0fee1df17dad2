package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is vm.novasphere.dev/v1alpha1.
var GroupVersion = schema.GroupVersion{Group: "vm.novasphere.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package. It uses apimachinery's builder alone, so that programs without a
// cluster client can decode manifests.
var AddToScheme = schemeBuilder.AddToScheme

var schemeBuilder = runtime.NewSchemeBuilder(func(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Wukong{}, &WukongList{},
		&HostUplink{}, &HostUplinkList{},
		&HostNetwork{}, &HostNetworkList{},
		&AddressPool{}, &AddressPoolList{},
		&AddressReservation{}, &AddressReservationList{},
		&AddressLease{}, &AddressLeaseList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
})
