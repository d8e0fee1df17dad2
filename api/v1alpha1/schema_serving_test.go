package v1alpha1_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// kubectl runs kubectl against the shared API server, with a discovery cache of its own.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := shared.ForTest(t).Kubectl(t.Context(), append([]string{"--cache-dir", t.TempDir()}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// columns are what kubectl get prints, with -o wide.
var columns = map[string]struct {
	short, header string
	// row are words that the row of the first full object has.
	row []string
}{
	"Wukong": {"wk", "NAME READY REASON ADDRESSES NODES NODE MESSAGE AGE",
		[]string{"full", "True", "NetworkReady", "192.0.2.10/24", "1/1", "node-a", "all is well"}},
	"HostUplink": {"wkuplink", "NAME FABRIC INTERFACE READY REASON NODES REVISION MESSAGE AGE",
		[]string{"full", "lab", "eth1", "False", "NodeNetworkDegraded", "1/2", "wukong-full-0123456789", "node-c failed"}},
	"HostNetwork": {"wknet", "NAME SEGMENT TYPE BRIDGE READY REASON NODES USERS MESSAGE AGE",
		[]string{"full", "lab.100", "bridge", "br-full", "True", "Applied", "1/2", "1", "all is well"}},
	"AddressPool": {"wkpool", "NAME SUBNET FABRIC VLAN TOTAL ALLOCATED RESERVED FREE MISSING CONFLICTS COOLING GATEWAY READY AGE",
		[]string{"full", "192.0.2.0/24", "lab", "100", "2^64", "1", "150", "192.0.2.1", "True"}},
	"AddressReservation": {"wkres", "NAME FABRIC VLAN ADDRESSES REASON READY AGE",
		[]string{"full", "lab", "100", "192.0.2.10", "printer, 2nd floor", "True"}},
	"AddressLease": {"wkip", "NAME ADDRESS SEGMENT PHASE NAMESPACE HOLDER NETWORK MAC POOL CONFLICT SINCE",
		[]string{"ip-192-0-2-10.lab.100", "192.0.2.10", "lab.100", "Cooling", "team-a", "web", "lan", "02:00:00:aa:bb:01", "lab"}},
}

func TestKubectlShowsWhatAnOperatorAsksFirst(t *testing.T) {
	c := admin(t)
	for _, kind := range slices.Sorted(maps.Keys(columns)) {
		t.Run(kind, func(t *testing.T) {
			want := columns[kind]
			o := full(t, kind)[0]
			stored := store(t, c, o)
			if status := o.Object["status"]; status != nil {
				stored.Object["status"] = status
				if err := c.Status().Update(t.Context(), stored); err != nil {
					t.Fatal(err)
				}
			}
			lines := strings.Split(kubectl(t, "get", want.short, o.GetName(), "-o", "wide"), "\n")
			if header := strings.Join(strings.Fields(lines[0]), " "); header != want.header {
				t.Errorf("columns are\n%s, want\n%s", header, want.header)
			}
			for _, word := range want.row {
				if !strings.Contains(lines[1], word) {
					t.Errorf("the row has no %q: %s", word, lines[1])
				}
			}
		})
	}
}

// A category that is named like a kind would make "kubectl get wukong web" ask every kind of the category for "web".
func TestEveryKindCanBeAskedForByItsNamesAndAllTogetherByTheProject(t *testing.T) {
	c := admin(t)
	words := map[string]bool{}
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		o := store(t, c, full(t, kind)[0])
		names := definition(t, kind).Spec.Names
		if !slices.Equal(names.Categories, []string{"wukong-network"}) || len(names.ShortNames) != 1 {
			t.Errorf("%s has categories %v and short names %v", kind, names.Categories, names.ShortNames)
		}
		for _, word := range append([]string{names.Plural, names.Singular}, names.ShortNames...) {
			if words[word] {
				t.Errorf("%q stands for two kinds", word)
			}
			words[word] = true
			if out := kubectl(t, "get", word, o.GetName(), "-o", "name"); !strings.HasPrefix(out, names.Singular+".vm.novasphere.dev/") {
				t.Errorf("kubectl get %s %s prints %q", word, o.GetName(), out)
			}
		}
	}
	all := kubectl(t, "get", "wukong-network", "-o", "name", "--all-namespaces")
	for _, kind := range kinds {
		if !strings.Contains(all, strings.ToLower(kind)+".vm.novasphere.dev/") {
			t.Errorf("kubectl get wukong-network does not list kind %s:\n%s", kind, all)
		}
	}
	if words["wukong-network"] {
		t.Error("the category has the name of a kind")
	}
}

func TestTheServerSelectsByField(t *testing.T) {
	c := admin(t)
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		o := store(t, c, full(t, kind)[0])
		selectable := definition(t, kind).Spec.Versions[0].SelectableFields
		if len(selectable) == 0 {
			t.Errorf("%s has no selectable field", kind)
		}
		for _, s := range selectable {
			field := strings.TrimPrefix(s.JSONPath, ".")
			value, found, err := unstructured.NestedString(o.Object, strings.Split(field, ".")...)
			if err != nil || !found {
				t.Fatalf("%s has no text at %s: %v", kind, field, err)
			}
			for want, query := range map[int]string{1: value, 0: "other"} {
				list := &unstructured.UnstructuredList{}
				list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
				if err := c.List(t.Context(), list, client.MatchingFields{field: query}); err != nil {
					t.Errorf("%s: %v", kind, err)
				} else if len(list.Items) != want {
					t.Errorf("%s with %s=%s: %d objects, want %d", kind, field, query, len(list.Items), want)
				}
			}
		}
	}
}

// kstatus takes an object without conditions for ready unless observedGeneration says that nobody has looked.
func TestANewObjectIsNeverTakenForCurrentAndAStatusThatIsSentWithItIsDropped(t *testing.T) {
	c := admin(t)
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		if kind == "AddressLease" {
			continue
		}
		for _, o := range full(t, kind) {
			created, err := dryRun(t, c, o)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := text(t, created.Object["status"]), `{"observedGeneration":-1}`; got != want {
				t.Errorf("%s %s is created with status %s, want %s", kind, o.GetName(), got, want)
			}
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestDefaultsOfTheSchemaAreThoseOfTheDesign(t *testing.T) {
	c := admin(t)
	for manifest, want := range map[string]string{
		`{kind: HostUplink, spec: {physicalNetwork: lab, nodeSelector: {}, interface: eth1}}`: `{"interface":"eth1","management":"Managed",` +
			`"nodeSelector":{},"physicalNetwork":"lab","protect":"Refuse","rollout":{"canary":1,"maxUnavailable":"10%"}}`,
		`{kind: HostNetwork, spec: {physicalNetwork: lab}}`: `{"explicitAddresses":"Allowed","linger":"24h","physicalNetwork":"lab",` +
			`"provision":"OnDemand","reclaimPolicy":"Delete","type":"bridge"}`,
		`{kind: AddressPool, spec: {segment: {physicalNetwork: lab}, subnet: 192.0.2.0/24}}`: `{"cooldown":"5m","segment":{"physicalNetwork":"lab"},` +
			`"subnet":"192.0.2.0/24"}`,
		// Nothing is added to what people wrote for another operator.
		`{kind: Wukong, spec: {networks: [{name: a, ipConfig: {mode: static}}]}}`: `{"networks":[{"ipConfig":{"mode":"static"},"name":"a"}]}`,
	} {
		o := patched(t, objectOf(t, manifest), `{apiVersion: vm.novasphere.dev/v1alpha1, metadata: {name: defaults}}`)
		if o.GetKind() == "Wukong" {
			o.SetNamespace("default")
		}
		created, err := dryRun(t, c, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, created.Object["spec"]); got != want {
			t.Errorf("%s:\n got %s\nwant %s", manifest, got, want)
		}
	}
}

// kubectl explain prints these descriptions.
func TestEveryFieldIsDescribed(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Values(kinds)) {
		root := rootSchema(t, kind)
		if root.Description == "" {
			t.Errorf("%s is not described", kind)
		}
		for _, path := range undescribed(root, "") {
			t.Errorf("%s: %s is not described", kind, path)
		}
	}
}

// undescribed lists the fields without a description, or with one that does not begin with the field's name. What Kubernetes'
// own types describe begins otherwise, and need not.
func undescribed(s *apiextensionsv1.JSONSchemaProps, path string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		if path == "" && slices.Contains([]string{"apiVersion", "kind", "metadata"}, name) {
			continue
		}
		foreign := slices.ContainsFunc([]string{"conditions", "tolerations", "nodeSelector", "selector"}, func(f string) bool {
			return strings.Contains(path, f)
		})
		if child.Description == "" || !foreign && !strings.HasPrefix(child.Description, name+" ") {
			out = append(out, at)
		}
		out = append(out, undescribed(&child, at)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		out = append(out, undescribed(s.Items.Schema, path+"[]")...)
	}
	return out
}

func TestKubectlExplainsAFieldDeepInside(t *testing.T) {
	admin(t)
	out := kubectl(t, "explain", "wukong.spec.networks.ipConfig.additionalAddresses.address")
	if !strings.Contains(out, "static address with its prefix length") {
		t.Error(out)
	}
}
