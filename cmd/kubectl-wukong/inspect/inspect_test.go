package inspect_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/reasons"
	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/inspect"
)

// refused is a Wukong that is not Ready for a reason.
func refused(reason string) *v1alpha1.Wukong {
	w := &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web", Generation: 1}}
	w.Spec.Networks = []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, IPPool: "office"}}}
	w.Status.ObservedGeneration = 1
	w.Status.Networks = []v1alpha1.WukongNetworkStatus{{Name: "lan", HostNetwork: "lab", Reason: reason, Message: "something is wrong"}}
	w.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: "something is wrong", ObservedGeneration: 1}}
	return w
}

func TestEveryReasonIsExplainedWithoutAClusterAndAsTheReasonOfAWukong(t *testing.T) {
	if len(inspect.Words()) < 100 {
		t.Fatalf("%d words", len(inspect.Words()))
	}
	for _, word := range inspect.Words() {
		e := inspect.WhyReason(word)
		if e == nil || e.Reason != word || !strings.HasPrefix(e.Headline, word+": ") || e.What == "" || len(e.Fix) == 0 || len(e.Docs) == 0 {
			t.Errorf("%s: %+v", word, e)
		}
		e = inspect.Facts{}.WhyWukong(refused(word))
		reason, _ := reasons.Find(word)
		act := len(reason.States) > 0 && reason.States[0] == reasons.Act
		if e.Headline != "team-a/web is not ready: "+word || e.What != "something is wrong" || act && len(e.Fix) == 0 || len(e.Evidence) == 0 || e.Docs[0] != reason.Page() {
			t.Errorf("Wukong with %s: %+v", word, e)
		}
	}
	if e := inspect.WhyReason("NoSuchReason"); e != nil {
		t.Errorf("a word that is none is explained: %+v", e)
	}
}
