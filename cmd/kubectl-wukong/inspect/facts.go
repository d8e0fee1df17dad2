package inspect

import (
	"slices"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/hosts"
)

// Kinds whose objects are asked for.
const (
	kindWukong         = "Wukong"
	KindLease          = "AddressLease"
	KindPool           = "AddressPool"
	KindReservation    = "AddressReservation"
	KindHostNetwork    = "HostNetwork"
	KindHostUplink     = "HostUplink"
	KindNode           = "Node"
	KindPolicy         = "NodeNetworkConfigurationPolicy"
	KindEnactment      = "NodeNetworkConfigurationEnactment"
	KindEvent          = "Event"
	kindVirtualMachine = "VirtualMachine"
)

// Facts are what was read.
type Facts struct {
	hosts.World
	Events []eventsv1.Event
	// Unread are the kinds that the caller may not read.
	Unread sets.Set[string]
}

// notReadable says why something is missing from an answer.
const notReadable = "not readable with your rights"

// named finds an object of a list by its name, or gives nil.
func named[T any, P interface {
	*T
	metav1.Object
}](all []T, namespace, name string) *T {
	for i := range all {
		if o := P(&all[i]); o.GetNamespace() == namespace && o.GetName() == name {
			return &all[i]
		}
	}
	return nil
}

// condition is a condition of the present generation, or what is known without one.
func condition(conditions []metav1.Condition, typ string, observed, generation int64) metav1.Condition {
	c := meta.FindStatusCondition(conditions, typ)
	switch {
	case observed != generation:
		return metav1.Condition{Status: metav1.ConditionUnknown, Message: "the controller has not looked at this generation yet"}
	case c == nil:
		return metav1.Condition{Status: metav1.ConditionUnknown, Message: "the controller says nothing about it"}
	}
	return *c
}

// readyOf is the condition Ready of a Wukong.
func readyOf(w *v1alpha1.Wukong) metav1.Condition {
	return condition(w.Status.Conditions, v1alpha1.ConditionReady, w.Status.ObservedGeneration, w.Generation)
}

// stalled says whether a person has to act.
func stalled(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled)
}

// networkOf is what the status says about a network of the spec; the zero value where it says nothing.
func networkOf(w *v1alpha1.Wukong, name string) v1alpha1.WukongNetworkStatus {
	at := slices.IndexFunc(w.Status.Networks, func(n v1alpha1.WukongNetworkStatus) bool { return n.Name == name })
	if at < 0 {
		return v1alpha1.WukongNetworkStatus{Name: name}
	}
	return w.Status.Networks[at]
}

// fullName is NAMESPACE/NAME.
func fullName(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

// moment writes a time; one that is not set is empty.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// few joins names, and says how many more there are where there are many.
func few(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + number(len(names)-most) + " more"
}
