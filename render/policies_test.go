package render

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
)

// policyOfBlue is a HostUplink with the policy of a revision that builds one network.
func policyOfBlue(t *testing.T) (*v1alpha1.HostUplink, *Revision, nmstate.Policy) {
	t.Helper()
	vlan := v1alpha1.VLANID(100)
	u := v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "up", UID: "up-uid"},
		Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "lab", Interface: "eth1"}}
	blue := v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: "blue", UID: "net-uid"}, Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "lab", VLAN: &vlan}}
	revision, err := NewCatalog([]v1alpha1.HostUplink{u}, []v1alpha1.HostNetwork{blue}).Revision(&u, sets.New("blue"))
	if err != nil || revision == nil {
		t.Fatalf("revision: %v %v", revision, err)
	}
	return &u, revision, revision.Policy(&u)
}

// What was not made here is never changed or deleted.
func TestOwnershipIsLabelAndUID(t *testing.T) {
	for name, test := range map[string]struct {
		change       func(*nmstate.Policy)
		owns, intact bool
	}{
		"as it was made": {func(*nmstate.Policy) {}, true, true},
		"an annotation of nmstate's webhook changes nothing": {func(p *nmstate.Policy) {
			p.Annotations["nmstate.io/webhook-mutating-timestamp"] = "1"
		}, true, true},
		"labels without the UID are a forgery": {func(p *nmstate.Policy) {
			delete(p.Annotations, v1alpha1.OwnerUIDAnnotation)
		}, false, true},
		"the UID of an earlier HostUplink of this name is not ours": {func(p *nmstate.Policy) {
			p.Annotations[v1alpha1.OwnerUIDAnnotation] = "old-uid"
		}, false, true},
		"the UID without any label is not enough": {func(p *nmstate.Policy) { p.Labels = nil }, false, false},
		"one lost label is known again, and is not intact": {func(p *nmstate.Policy) {
			delete(p.Labels, v1alpha1.UplinkLabel)
		}, true, false},
		"an edited state is not what the name says": {func(p *nmstate.Policy) {
			p.Spec.DesiredState.Raw = []byte(strings.Replace(string(p.Spec.DesiredState.Raw), "br-blue", "br-evil", 1))
		}, true, false},
		"a state with fields that are never written here": {func(p *nmstate.Policy) {
			p.Spec.DesiredState.Raw = []byte(`{"interfaces":[],"routes":{}}`)
		}, true, false},
		"another selector reaches other nodes": {func(p *nmstate.Policy) { p.Spec.NodeSelector = nil }, true, false},
		"a capture":                            {func(p *nmstate.Policy) { p.Spec.Capture = map[string]string{"a": "b"} }, true, false},
		"one that is being deleted":            {func(p *nmstate.Policy) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true, false},
		"another name":                         {func(p *nmstate.Policy) { p.Name = "theirs" }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			u, revision, p := policyOfBlue(t)
			test.change(&p)
			if got := Owns(u, &p); got != test.owns {
				t.Errorf("owns: %v, want %v", got, test.owns)
			}
			hash, state, intact := ReadPolicy(&p, "up")
			if intact != test.intact {
				t.Errorf("intact: %v, want %v", intact, test.intact)
			}
			if !intact {
				revision.State.Interfaces = nil
			}
			if diff := cmp.Diff(revision.State.Interfaces, state.Interfaces); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if p.Name == revision.Name && hash != revision.Hash {
				t.Errorf("hash %q, want %q", hash, revision.Hash)
			}
		})
	}
}

func FuzzPolicyNeverPanics(f *testing.F) {
	f.Add("wukong-up-aaaaaaaaaa", []byte(`{interfaces: [{name: eth1, bridge: {port: [{name: x}]}}]}`))
	f.Add("", []byte("interfaces:\n- name: {}\n"))
	f.Fuzz(func(_ *testing.T, name string, raw []byte) {
		ReadPolicy(&nmstate.Policy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: nmstate.PolicySpec{DesiredState: runtime.RawExtension{Raw: raw}}}, "up")
	})
}
