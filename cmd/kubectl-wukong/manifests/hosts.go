package manifests

import (
	"encoding/json"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
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
	{eventsv1.GroupName, "Event"}: {namespaced: true, add: func(s *Set, o map[string]any) error {
		return into(&s.Events, o)
	}},
	{corev1.GroupName, "Event"}: {namespaced: true, add: addCoreEvent},
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

// addCoreEvent reads an event in the form in which kubectl get events prints it.
func addCoreEvent(s *Set, object map[string]any) error {
	old, err := decodeAs[corev1.Event](object)
	if err != nil {
		return err
	}
	e := eventsv1.Event{ObjectMeta: old.ObjectMeta, EventTime: old.EventTime, Regarding: old.InvolvedObject, Reason: old.Reason, Note: old.Message,
		Type: old.Type, DeprecatedFirstTimestamp: old.FirstTimestamp, DeprecatedLastTimestamp: old.LastTimestamp, DeprecatedCount: old.Count}
	if old.Series != nil {
		e.Series = &eventsv1.EventSeries{Count: old.Series.Count, LastObservedTime: old.Series.LastObservedTime}
	}
	s.Events = append(s.Events, e)
	return nil
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
