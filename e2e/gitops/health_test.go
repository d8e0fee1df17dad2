package gitops

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	nmstatev1 "github.com/nmstate/kubernetes-nmstate/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

var update = flag.Bool("update", false, "write argocd-cm.yaml from the scripts")

// kinds are those whose objects people keep in Git, with a status.
var kinds = []string{"AddressPool", "AddressReservation", "HostNetwork", "HostUplink", "Wukong"}

// state is an object in a state, and what the tools should say about it.
type state struct {
	ArgoCD  Health         `json:"argocd"`
	Message string         `json:"message"`
	KStatus status.Status  `json:"kstatus"`
	Flux    status.Status  `json:"flux"`
	Object  map[string]any `json:"object"`
}

func TestToolsReadEveryStateOfAnObjectAsItIs(t *testing.T) {
	tools := newJudges(t)
	paths, err := filepath.Glob("testdata/health/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string][]string{}
	for _, path := range paths {
		kind, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".yaml"), "-")
		seen[kind] = append(seen[kind], name)
		t.Run(kind+"-"+name, func(t *testing.T) {
			var s state
			if err := yaml.UnmarshalStrict(read(t, path), &s); err != nil {
				t.Fatal(err)
			}
			if s.Flux == "" {
				s.Flux = s.KStatus
			}
			object := wellFormed(t, s.Object)
			got, err := tools.judge(t.Context(), object)
			if err != nil {
				t.Fatal(err)
			}
			if want := (judgement{s.ArgoCD, s.Message, s.KStatus, s.Flux}); got != want {
				t.Errorf("the tools say %+v, and should say %+v", got, want)
			}
		})
	}
	for _, kind := range append([]string{"policy"}, kinds...) {
		for _, name := range []string{"new", "deleting"} {
			if !slices.Contains(seen[strings.ToLower(kind)], name) {
				t.Errorf("there is no state %s of %s", name, kind)
			}
		}
	}
}

// wellFormed gives an object as a client reads it, and fails where its type has no such fields.
func wellFormed(t *testing.T, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]any{
		"Wukong": &v1alpha1.Wukong{}, "HostUplink": &v1alpha1.HostUplink{}, "HostNetwork": &v1alpha1.HostNetwork{},
		"AddressPool": &v1alpha1.AddressPool{}, "AddressReservation": &v1alpha1.AddressReservation{},
		"NodeNetworkConfigurationPolicy": &nmstatev1.NodeNetworkConfigurationPolicy{},
	}
	typ := types[object["kind"].(string)]
	if err := yaml.UnmarshalStrict(text, typ); err != nil {
		t.Fatal(err)
	}
	out := &unstructured.Unstructured{}
	jsonText, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.UnmarshalJSON(jsonText); err != nil {
		t.Fatal(err)
	}
	return out
}
