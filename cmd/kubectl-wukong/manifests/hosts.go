package manifests

import (
	"encoding/json"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// hostKinds are read, beside kinds and in their place, where the Reader is told to.
var hostKinds = map[groupKind]kind{
	{nmstate.GroupVersion.Group, "NodeNetworkState"}: {add: addNodeState},
	{nmstate.GroupVersion.Group, render.PolicyKind}: {add: func(s *Set, o map[string]any) error {
		return into(&s.Hosts.Policies, o)
	}},
	{nmstate.GroupVersion.Group, "NodeNetworkConfigurationEnactment"}: {add: func(s *Set, o map[string]any) error {
		return into(&s.Hosts.Enactments, o)
	}},
	{kubevirtv1.GroupVersion.Group, "VirtualMachineInstance"}: {namespaced: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Hosts.Instances, o)
	}},
	{v1alpha1.GroupVersion.Group, "AddressLease"}: {add: func(s *Set, o map[string]any) error {
		return into(&s.Hosts.Leases, o)
	}},
	{nadv1.SchemeGroupVersion.Group, "NetworkAttachmentDefinition"}: {namespaced: true, add: func(s *Set, o map[string]any) error {
		if err := into(&s.Hosts.Attachments, o); err != nil {
			return err
		}
		return addAttachment(s, o)
	}},
}

// kind finds one that is read.
func (r *Reader) kind(of groupKind) (kind, bool) {
	if known, found := hostKinds[of]; found && r.WithHosts {
		return known, true
	}
	if known, found := guestKinds[of]; found && r.WithGuests {
		return known, true
	}
	known, found := kinds[of]
	return known, found
}

// addNodeState keeps the report itself as well.
func addNodeState(s *Set, object map[string]any) error {
	if err := into(&s.Input.NodeStates, object); err != nil {
		return err
	}
	status, _ := object["status"].(map[string]any)
	if status["currentState"] == nil {
		return nil
	}
	report, err := json.Marshal(status["currentState"])
	if err != nil {
		return err
	}
	if s.Hosts.Reports == nil {
		s.Hosts.Reports = map[string][]byte{}
	}
	s.Hosts.Reports[s.Input.NodeStates[len(s.Input.NodeStates)-1].Name] = report
	return nil
}
