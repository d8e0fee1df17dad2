package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// lookAt is one look of a HostUplink at nodes, given what its status says.
func lookAt(k *sightings, known []v1alpha1.DepartedNode, nodes ...corev1.Node) []string {
	s := &uplinkScope{uplink: testUplink(), before: testUplink(), now: time.Unix(1_000_000, 0), nodes: nodes}
	s.before.Status.Departed = known
	var out []string
	for _, d := range s.departedNodes(k.missed(s)) {
		out = append(out, d.Node+" "+d.Revision)
	}
	return out
}

func holding(name string, uid types.UID, revision string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid}}
	if revision != "" {
		n.Labels = map[string]string{v1alpha1.UplinkLabelPrefix + testUplink().Name: revision}
	}
	return n
}

func TestANodeThatVanishesWithARevisionIsRememberedUntilItHasOneAgain(t *testing.T) {
	k := &sightings{}
	since := metav1.NewTime(time.Unix(1_000_000, 0))
	departed := []v1alpha1.DepartedNode{{Node: "a", Revision: "wukong-up-r1", Since: since}}
	for _, look := range []struct {
		what  string
		known []v1alpha1.DepartedNode
		nodes []corev1.Node
		want  []string
	}{
		{"it is there", nil, []corev1.Node{holding("a", "1", "r1"), holding("b", "2", "")}, nil},
		{"it is gone; one without a revision is not missed", nil, nil, []string{"a wukong-up-r1"}},
		{"the status does not have it yet", nil, nil, []string{"a wukong-up-r1"}},
		{"the status has it", departed, nil, []string{"a wukong-up-r1"}},
		{"it is back without a mark", departed, []corev1.Node{holding("a", "3", "")}, []string{"a wukong-up-r1"}},
		{"it is marked again", departed, []corev1.Node{holding("a", "3", "r1")}, nil},
		{"it registered anew between two looks", nil, []corev1.Node{holding("a", "4", "")}, []string{"a wukong-up-r1"}},
	} {
		if diff := cmp.Diff(look.want, lookAt(k, look.known, look.nodes...)); diff != "" {
			t.Errorf("%s: departed (-want +got):\n%s", look.what, diff)
		}
	}
	k.forget(testUplink().Name)
	if got := lookAt(k, nil); got != nil {
		t.Errorf("a forgotten HostUplink misses %v", got)
	}
}

func TestDepartedNodesAreForgottenAfterAMonthAndBounded(t *testing.T) {
	var known []v1alpha1.DepartedNode
	for i := range maxDeparted + 5 {
		known = append(known, v1alpha1.DepartedNode{Node: fmt.Sprint("n", i), Revision: "wukong-up-r1", Since: metav1.NewTime(time.Unix(999_000, 0))})
	}
	if got := lookAt(&sightings{}, known); len(got) != maxDeparted {
		t.Errorf("%d are remembered, want %d", len(got), maxDeparted)
	}
	old := []v1alpha1.DepartedNode{{Node: "a", Revision: "wukong-up-r1", Since: metav1.NewTime(time.Unix(1_000_000, 0).Add(-rememberDeparted - time.Second))}}
	if got := lookAt(&sightings{}, old); got != nil {
		t.Errorf("%v are remembered after a month", got)
	}
}

func TestAFewPoliciesAreKeptForDepartedNodes(t *testing.T) {
	s := &uplinkScope{uplink: testUplink()}
	for i := range maxRemembered + 2 {
		for range 2 {
			s.departed = append(s.departed, v1alpha1.DepartedNode{Revision: fmt.Sprint("r", i)})
		}
	}
	for i := range maxRemembered + 2 {
		if got, want := s.remembered(fmt.Sprint("r", i)), i < maxRemembered; got != want {
			t.Errorf("policy r%d is kept: %v, want %v", i, got, want)
		}
	}
}
