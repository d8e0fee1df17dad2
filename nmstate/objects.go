package nmstate

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the version in which kubernetes-nmstate serves node states and enactments.
var GroupVersion = schema.GroupVersion{Group: "nmstate.io", Version: "v1beta1"}

// SchemeBuilder registers the types of this file and of policy.go.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme adds NodeNetworkState, Enactment and Policy, reduced to what is used here, to a scheme. Writing one back would
// drop what they do not keep, so a change (a label) is a merge patch.
var AddToScheme = SchemeBuilder.AddToScheme

func addKnownTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &NodeNetworkState{}, &NodeNetworkStateList{})
	s.AddKnownTypeWithName(GroupVersion.WithKind("NodeNetworkConfigurationEnactment"), &Enactment{})
	s.AddKnownTypeWithName(GroupVersion.WithKind("NodeNetworkConfigurationEnactmentList"), &EnactmentList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	s.AddKnownTypeWithName(PolicyGroupVersion.WithKind("NodeNetworkConfigurationPolicy"), &Policy{})
	s.AddKnownTypeWithName(PolicyGroupVersion.WithKind("NodeNetworkConfigurationPolicyList"), &PolicyList{})
	metav1.AddToGroupVersion(s, PolicyGroupVersion)
	return nil
}

// NodeNetworkState is what a node reports about its network, read while decoding, so that a cache never holds the report
// itself. Its name is the node's name.
type NodeNetworkState struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Node is the report.
	Node Node `json:"-"`
	// LastUpdate is when the report last changed. It is no heartbeat: an old one is not a stale one.
	LastUpdate metav1.Time `json:"-"`
}

// NodeNetworkStateList is a list of NodeNetworkStates.
type NodeNetworkStateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodeNetworkState `json:"items"`
}

// UnmarshalJSON reads the object as the API server sends it. Only broken metadata is an error.
func (s *NodeNetworkState) UnmarshalJSON(data []byte) error {
	var out NodeNetworkState
	err := readObject(data, &out.TypeMeta, &out.ObjectMeta, func(c *cursor) {
		out.Node, out.LastUpdate = Node{}, metav1.Time{}
		for ok := c.open('{'); ok && c.more('}'); {
			switch string(c.key()) {
			case "currentState":
				p := newStateReader()
				p.readState(c)
				out.Node = p.node
			case "lastSuccessfulUpdateTime":
				out.LastUpdate = timeOf(c.value())
			default:
				c.value()
			}
		}
	})
	if err == nil {
		*s = out
	}
	return err
}

// readObject reads what all objects have, but for managedFields, and leaves the value of status to a function.
func readObject(data []byte, kind *metav1.TypeMeta, meta *metav1.ObjectMeta, status func(*cursor)) error {
	c := cursor{data: data}
	isNull := c.peek() == 'n'
	if !c.open('{') && !isNull {
		return errors.New("this is no object")
	}
	var apiVersion, name, metadata []byte
	for !isNull && c.more('}') {
		switch string(c.key()) {
		case "apiVersion":
			apiVersion = c.value()
		case "kind":
			name = c.value()
		case "metadata":
			metadata = c.value()
		case "status":
			status(&c)
		default:
			c.value()
		}
	}
	if err := c.fault(); err != nil {
		return err
	}
	for _, part := range []struct {
		json []byte
		into any
	}{{apiVersion, &kind.APIVersion}, {name, &kind.Kind}, {metadata, meta}} {
		if part.json == nil {
			continue
		}
		if err := json.Unmarshal(part.json, part.into); err != nil {
			return err
		}
	}
	meta.ManagedFields = nil
	return nil
}

// DeepCopyObject implements runtime.Object.
func (s *NodeNetworkState) DeepCopyObject() runtime.Object { return s.DeepCopy() }

// DeepCopy gives an independent copy.
func (s *NodeNetworkState) DeepCopy() *NodeNetworkState {
	if s == nil {
		return nil
	}
	out := &NodeNetworkState{TypeMeta: s.TypeMeta, Node: s.Node.DeepCopy(), LastUpdate: s.LastUpdate}
	s.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return out
}

// DeepCopyObject implements runtime.Object.
func (l *NodeNetworkStateList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	out := &NodeNetworkStateList{TypeMeta: l.TypeMeta}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range l.Items {
		out.Items = append(out.Items, *l.Items[i].DeepCopy())
	}
	return out
}

// Enactment is a NodeNetworkConfigurationEnactment: how one policy fares on one node.
type Enactment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status EnactmentStatus `json:"status,omitempty"`
}

// EnactmentStatus is what a node's handler writes.
type EnactmentStatus struct {
	// PolicyGeneration is the generation of the policy that the conditions are about.
	PolicyGeneration int64 `json:"policyGeneration,omitempty"`
	// Conditions carry no generation of their own; a missing one counts as Unknown.
	Conditions []EnactmentCondition `json:"conditions,omitempty"`
}

// EnactmentCondition is one condition of an enactment.
type EnactmentCondition struct {
	Type               string                 `json:"type"`
	Status             metav1.ConditionStatus `json:"status"`
	Reason             string                 `json:"reason,omitempty"`
	Message            string                 `json:"message,omitempty"`
	LastHeartbeatTime  metav1.Time            `json:"lastHeartbeatTime,omitempty"`
	LastTransitionTime metav1.Time            `json:"lastTransitionTime,omitempty"`
}

// EnactmentList is a list of Enactments.
type EnactmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Enactment `json:"items"`
}

// Labels by which an enactment names its policy and its node. Its own name joins both with a dot and cannot be split, since
// both may hold dots.
const (
	PolicyLabel = "nmstate.io/policy"
	NodeLabel   = "nmstate.io/node"
)

// Policy is the name of the policy.
func (e *Enactment) Policy() string { return e.Labels[PolicyLabel] }

// NodeName is the name of the node.
func (e *Enactment) NodeName() string { return e.Labels[NodeLabel] }

// UnmarshalJSON reads the object as the API server sends it. Conditions that cannot be read are left out, and messages, which
// hold the node's whole state when something fails, are cut to their headline.
func (e *Enactment) UnmarshalJSON(data []byte) error {
	var out Enactment
	err := readObject(data, &out.TypeMeta, &out.ObjectMeta, func(c *cursor) {
		var generation, conditions []byte
		c.members(member{"policyGeneration", &generation}, member{"conditions", &conditions})
		out.Status = EnactmentStatus{Conditions: readConditions(conditions)}
		// A generation that cannot be read stays zero, which no policy has.
		_ = json.Unmarshal(generation, &out.Status.PolicyGeneration)
	})
	if err == nil {
		*e = out
	}
	return err
}

const (
	maxConditions       = 32
	maxConditionMessage = 1024
)

func readConditions(list []byte) []EnactmentCondition {
	var out []EnactmentCondition
	c := cursor{data: list}
	ok := c.open('[')
	for range maxConditions {
		if !ok || !c.more(']') {
			break
		}
		if condition, ok := readCondition(&c); ok {
			out = append(out, condition)
		}
	}
	return out
}

func readCondition(c *cursor) (EnactmentCondition, bool) {
	var kind, status, reason, message, heartbeat, transition []byte
	c.members(member{"type", &kind}, member{"status", &status}, member{"reason", &reason}, member{"message", &message},
		member{"lastHeartbeatTime", &heartbeat}, member{"lastTransitionTime", &transition})
	out := EnactmentCondition{
		Type:               text(kind),
		Status:             metav1.ConditionStatus(text(status)),
		Reason:             clean(text(reason)),
		Message:            text(message),
		LastHeartbeatTime:  timeOf(heartbeat),
		LastTransitionTime: timeOf(transition),
	}
	if len(out.Message) > maxConditionMessage {
		out.Message = strings.Clone(Headline(out.Message)) // not a part of a string that holds all of it
	}
	return out, out.Type != "" && len(out.Type) <= maxHeadline
}

func timeOf(raw []byte) metav1.Time {
	t, err := time.Parse(time.RFC3339, text(raw))
	if err != nil {
		return metav1.Time{}
	}
	return metav1.NewTime(t)
}

// DeepCopyObject implements runtime.Object.
func (e *Enactment) DeepCopyObject() runtime.Object { return e.DeepCopy() }

// DeepCopy gives an independent copy.
func (e *Enactment) DeepCopy() *Enactment {
	if e == nil {
		return nil
	}
	out := &Enactment{TypeMeta: e.TypeMeta, Status: e.Status}
	e.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = slices.Clone(e.Status.Conditions)
	return out
}

// DeepCopyObject implements runtime.Object.
func (l *EnactmentList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	out := &EnactmentList{TypeMeta: l.TypeMeta}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range l.Items {
		out.Items = append(out.Items, *l.Items[i].DeepCopy())
	}
	return out
}
