package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kinds and labels of nmstate.
var (
	policyKind    = schema.GroupVersionKind{Group: "nmstate.io", Version: "v1", Kind: "NodeNetworkConfigurationPolicy"}
	enactmentKind = schema.GroupVersionKind{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkConfigurationEnactment"}
	stateKind     = schema.GroupVersionKind{Group: "nmstate.io", Version: "v1beta1", Kind: "NodeNetworkState"}
)

const (
	policyLabel       = "nmstate.io/policy"
	nodeLabel         = "nmstate.io/node"
	forceRefreshLabel = "nmstate.io/force-nns-refresh"
	handlerNamespace  = "nmstate"
	handlerComponent  = "kubernetes-nmstate-handler"
)

type policy struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		NodeSelector   map[string]string   `json:"nodeSelector,omitempty"`
		Capture        map[string]string   `json:"capture,omitempty"`
		DesiredState   map[string]any      `json:"desiredState,omitempty"`
		MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	} `json:"spec"`
	Status policyStatus `json:"status"`
}

type policyStatus struct {
	Conditions                     []Condition    `json:"conditions,omitempty"`
	UnavailableNodeCountMap        map[string]int `json:"unavailableNodeCountMap,omitempty"`
	LastUnavailableNodeCountUpdate *metav1.Time   `json:"lastUnavailableNodeCountUpdate,omitempty"`
}

type enactment struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Status   enactmentStatus   `json:"status"`
}

type enactmentStatus struct {
	DesiredState     map[string]any `json:"desiredState,omitempty"`
	CapturedStates   map[string]any `json:"capturedStates,omitempty"`
	PolicyGeneration int64          `json:"policyGeneration,omitempty"`
	Conditions       []Condition    `json:"conditions,omitempty"`
	RetryCount       map[string]int `json:"retryCount,omitempty"`
}

// generationKey is how the counts per generation are keyed.
func (p *policy) generationKey() string { return fmt.Sprint(p.Metadata.Generation) }

func enactmentName(node, policy string) string { return node + "." + policy }

func blank(kind schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	return u
}

// decode reads an object into one of the structs above, leniently.
func decode(u *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into)
}

// plain turns a status into the maps that an unstructured object holds.
func plain(status any) (map[string]any, error) {
	raw, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	return parseState(string(raw))
}

// store reads and writes nmstate's objects, always past any cache, as handlers do where it matters.
type store struct{ client.Client }

func (s store) policy(ctx context.Context, name string) (*policy, error) {
	u, p := blank(policyKind), &policy{}
	if err := s.Get(ctx, types.NamespacedName{Name: name}, u); err != nil {
		return nil, err
	}
	return p, decode(u, p)
}

// policyNames lists all policies by name.
func (s store) policyNames(ctx context.Context) ([]string, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(policyKind)
	if err := s.List(ctx, list); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	slices.Sort(names)
	return names, nil
}

// enactments lists those with a label, sorted by name.
func (s store) enactments(ctx context.Context, label, value string) ([]enactment, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(enactmentKind)
	if err := s.List(ctx, list, client.MatchingLabels{label: value}); err != nil {
		return nil, err
	}
	out := make([]enactment, len(list.Items))
	for i := range list.Items {
		if err := decode(&list.Items[i], &out[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b enactment) int { return strings.Compare(a.Metadata.Name, b.Metadata.Name) })
	return out, nil
}

// updatePolicy changes a policy's status, again and again until nobody interferes. change returns an error to give up.
func (s store) updatePolicy(ctx context.Context, name string, change func(*policy) error) error {
	return s.updateStatus(ctx, blank(policyKind), name, func(u *unstructured.Unstructured) (any, error) {
		p := &policy{}
		if err := decode(u, p); err != nil {
			return nil, err
		}
		err := change(p)
		return p.Status, err
	})
}

// updateEnactment changes an enactment's status and returns it.
func (s store) updateEnactment(ctx context.Context, name string, change func(*enactmentStatus)) (*enactment, error) {
	e := &enactment{}
	err := s.updateStatus(ctx, blank(enactmentKind), name, func(u *unstructured.Unstructured) (any, error) {
		*e = enactment{}
		if err := decode(u, e); err != nil {
			return nil, err
		}
		change(&e.Status)
		return e.Status, nil
	})
	return e, err
}

func (s store) updateStatus(ctx context.Context, u *unstructured.Unstructured, name string,
	change func(*unstructured.Unstructured) (any, error),
) error {
	backoff := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 1.2, Jitter: 0.5, Steps: 30}
	return retry.RetryOnConflict(backoff, func() error {
		if err := s.Get(ctx, types.NamespacedName{Name: name}, u); err != nil {
			return err
		}
		status, err := change(u)
		if err != nil {
			return err
		}
		if u.Object["status"], err = plain(status); err != nil {
			return err
		}
		return s.Status().Update(ctx, u)
	})
}

// createEnactment makes a node's enactment of a policy, owned by the node, with every condition Unknown.
func (s store) createEnactment(ctx context.Context, node *corev1.Node, policyName string) error {
	u := blank(enactmentKind)
	u.SetName(enactmentName(node.Name, policyName))
	u.SetLabels(map[string]string{policyLabel: policyName, nodeLabel: node.Name})
	u.SetOwnerReferences([]metav1.OwnerReference{ownedBy(node)})
	if err := s.Create(ctx, u); err != nil {
		return err
	}
	_, err := s.updateEnactment(ctx, u.GetName(), func(status *enactmentStatus) {
		status.Conditions = enactmentConditions(nil, phaseCreated, "", metav1.Now())
	})
	return err
}

func ownedBy(node *corev1.Node) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
}

// deleteEnactment removes one; that it is gone already is fine.
func (s store) deleteEnactment(ctx context.Context, name string) error {
	u := blank(enactmentKind)
	u.SetName(name)
	return client.IgnoreNotFound(s.Delete(ctx, u))
}

// publish writes a node's NodeNetworkState.
func (s store) publish(ctx context.Context, node *corev1.Node, state map[string]any) error {
	u := blank(stateKind)
	u.SetName(node.Name)
	u.SetOwnerReferences([]metav1.OwnerReference{ownedBy(node)})
	if err := s.Create(ctx, u); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return s.updateStatus(ctx, u, node.Name, func(*unstructured.Unstructured) (any, error) {
		return map[string]any{
			"currentState":              state,
			"lastSuccessfulUpdateTime":  metav1.Now(),
			"handlerNmstateVersion":     nmstatectlVersion,
			"hostNetworkManagerVersion": "1.52.0",
		}, nil
	})
}

// warn writes the event that a handler leaves on a policy when it gives up; like all events on cluster-scoped objects
// it lands in the namespace default.
func (s store) warn(ctx context.Context, p *policy, node, message string) error {
	now := metav1.Now()
	return s.Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: p.Metadata.Name + ".", Namespace: metav1.NamespaceDefault},
		InvolvedObject: corev1.ObjectReference{APIVersion: policyKind.GroupVersion().String(), Kind: policyKind.Kind,
			Name: p.Metadata.Name, UID: p.Metadata.UID},
		Reason: "ReconcileFailed", Message: message, Type: corev1.EventTypeWarning, Count: 1,
		FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: "nmstate-handler", Host: node},
	})
}
