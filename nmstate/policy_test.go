package nmstate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestAPolicyKeepsTheBytesOfItsState(t *testing.T) {
	// The keys are in no order, and the number is more than a float holds.
	const state = `{"interfaces":[{"name":"eth1","mtu":9007199254740993}],"dns-resolver":{}}`
	var p Policy
	if err := json.Unmarshal([]byte(`{"metadata":{"name":"p"},"spec":{"desiredState":`+state+`},"status":{"conditions":[]}}`), &p); err != nil {
		t.Fatal(err)
	}
	if got := string(p.Spec.DesiredState.Raw); got != state {
		t.Errorf("read: %s", got)
	}
	written, err := json.Marshal(p)
	if err != nil || !strings.Contains(string(written), state) {
		t.Errorf("written: %s %v", written, err)
	}
}

func TestAPolicyWithoutAFieldDoesNotWriteIt(t *testing.T) {
	written, err := json.Marshal(Policy{ObjectMeta: metav1.ObjectMeta{Name: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"metadata":{"name":"p"},"spec":{}}`, string(written)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestACopyOfAPolicySharesNothingWithIt(t *testing.T) {
	made := func() *Policy {
		limit := intstr.FromString("50%")
		return &Policy{
			TypeMeta:   metav1.TypeMeta{Kind: "NodeNetworkConfigurationPolicy"},
			ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"a": "b"}},
			Spec: PolicySpec{NodeSelector: map[string]string{"a": "b"}, Capture: map[string]string{"a": "b"},
				DesiredState: runtime.RawExtension{Raw: []byte(`{}`)}, MaxUnavailable: &limit},
		}
	}
	list := &PolicyList{Items: []Policy{*made()}}
	copied := list.DeepCopyObject().(*PolicyList)
	p := &list.Items[0]
	p.Labels["a"], p.Spec.NodeSelector["a"], p.Spec.Capture["a"], p.Spec.DesiredState.Raw[0] = "", "", "", '['
	p.Spec.MaxUnavailable.StrVal = ""
	if diff := cmp.Diff(made(), copied.Items[0].DeepCopyObject()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
