package gitops

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	nmstateshared "github.com/nmstate/kubernetes-nmstate/api/shared"
	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/nmstate"
)

func TestOurTypeOfAPolicyIsTheirs(t *testing.T) {
	if diff := cmp.Diff(fields[nmstateshared.NodeNetworkConfigurationPolicySpec](), fields[nmstate.PolicySpec]()); diff != "" {
		t.Errorf("fields of spec (-theirs +ours)\n%s", diff)
	}
	percent, number := intstr.FromString("30%"), intstr.FromInt32(3)
	for name, spec := range map[string]nmstate.PolicySpec{
		"all fields": {
			NodeSelector:   map[string]string{"kubernetes.io/os": "linux", "rack": ""},
			Capture:        map[string]string{"nic": `interfaces.name == "eth1"`},
			DesiredState:   runtime.RawExtension{Raw: []byte(`{"interfaces":[{"mtu":9000,"name":"42e1","type":"ethernet"},{"name":"<&>"}]}`)},
			MaxUnavailable: &percent,
		},
		"a number of nodes": {DesiredState: runtime.RawExtension{Raw: []byte(`{}`)}, MaxUnavailable: &number},
	} {
		t.Run(name, func(t *testing.T) {
			ours := nmstate.Policy{
				TypeMeta:   metav1.TypeMeta{APIVersion: nmstate.PolicyGroupVersion.String(), Kind: "NodeNetworkConfigurationPolicy"},
				ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"a": "b"}},
				Spec:       spec,
			}
			var theirs nmstatev1.NodeNetworkConfigurationPolicy
			if err := yaml.UnmarshalStrict(encode(t, ours), &theirs); err != nil {
				t.Fatalf("they cannot read ours: %v", err)
			}
			if diff := cmp.Diff(plainly(t, ours), plainly(t, theirs)); diff != "" {
				t.Errorf("written (-ours +theirs)\n%s", diff)
			}
			var back nmstate.Policy
			if err := json.Unmarshal(encode(t, theirs), &back); err != nil {
				t.Fatalf("we cannot read theirs: %v", err)
			}
			if diff := cmp.Diff(plainly(t, ours), plainly(t, back)); diff != "" {
				t.Errorf("read back (-want +got)\n%s", diff)
			}
		})
	}
	if theirs := nmstatev1.GroupVersion; theirs != nmstate.PolicyGroupVersion {
		t.Errorf("they serve %s, we ask for %s", theirs, nmstate.PolicyGroupVersion)
	}
}

// fields are the names of a struct's fields in JSON, sorted.
func fields[T any]() []string {
	var out []string
	for field := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func encode(t *testing.T, object any) []byte {
	t.Helper()
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// plainly is an object as maps, without a status: ours has none, and theirs writes an empty one.
func plainly(t *testing.T, object any) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(encode(t, object), &out); err != nil {
		t.Fatal(err)
	}
	delete(out, "status")
	return out
}
