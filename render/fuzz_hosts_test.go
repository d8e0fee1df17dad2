package render_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/render"
)

// mark is in every text of the tenant that is not a plain name, so that it can be found again.
const mark = "tEnAnT"

// FuzzTenantStringsNeverReachAPolicy: whatever stands in any text, number or list of a Wukong and of its namespace's attachments,
// each policy has the bytes that its HostNetworks give without any Wukong, and these HostNetworks are open to the namespace. All
// that a tenant decides is which of them are in use.
func FuzzTenantStringsNeverReachAPolicy(f *testing.F) {
	const names = "lan\ndata\nsecret\nedge\nvf\nbr0\nbr-data\nbr-secret\neth1\nens192\nwukong-secret\nstatic\nbridge\nweb"
	f.Add(names, int32(100), uint64(1))
	f.Add(names+"\n192.0.2.10/24\n192.0.2.1", int32(200), uint64(2))
	f.Add("data\ndefault\nsecret\n{{ capture.a.b }}\neth1\",\"type\":\"dummy", int32(0), uint64(3))
	f.Add("data\n"+mark+"\n1Gi\ndhcp", int32(4094), uint64(4))
	uplinks, networks := offer()
	f.Fuzz(func(t *testing.T, text string, number int32, seed uint64) {
		words := strings.Split(text, "\n")
		random := rand.New(rand.NewPCG(seed, 1))
		fill := filler{number: number, random: random, word: func() string {
			word := words[random.IntN(len(words))]
			if random.IntN(8) == 0 {
				word += mark
			}
			return word
		}}
		w := wukong(func(w *v1alpha1.Wukong) {
			fill.value(reflect.ValueOf(&w.Spec).Elem())
			w.Name, w.Labels, w.Annotations = fill.word(), map[string]string{fill.word(): fill.word()}, map[string]string{fill.word(): fill.word()}
			w.Status.Networks = []v1alpha1.WukongNetworkStatus{{Name: fill.word(), HostNetwork: fill.word()}}
			// Most random specs are refused as a whole: often enough only the networks are random.
			if random.IntN(2) == 0 {
				w.Name, w.Spec = "web", v1alpha1.WukongSpec{Networks: w.Spec.Networks}
				for i := range w.Spec.Networks {
					w.Spec.Networks[i].Name, w.Spec.Networks[i].IPConfig, w.Spec.Networks[i].MACAddress, w.Spec.Networks[i].Primary = string(rune('a'+i)), nil, nil, false
				}
			}
		})
		out, _ := render.Plan(render.Input{Wukongs: []v1alpha1.Wukong{*w}, HostUplinks: uplinks, HostNetworks: networks,
			NADBridges: map[string]map[string]string{"team-a": {fill.word(): fill.word(), fill.word(): fill.word()}}})
		checkOnlyUse(t, out.Policies, uplinks, networks)
	})
}

// checkOnlyUse renders the networks of the policies again, without a Wukong, and compares the bytes.
func checkOnlyUse(t *testing.T, policies []nmstate.Policy, uplinks []v1alpha1.HostUplink, networks []v1alpha1.HostNetwork) {
	t.Helper()
	var used []string
	for _, p := range policies {
		used = append(used, strings.Split(p.Annotations[v1alpha1.NetworksAnnotation], ",")...)
	}
	always := slices.Clone(networks)
	for i := range always {
		if n := &always[i]; slices.Contains(used, n.Name) {
			n.Spec.Provision = v1alpha1.ProvisionAlways
			if !render.Allowed(n, render.NamespaceInfo{Name: "team-a"}) {
				t.Errorf("HostNetwork %s is used by a namespace that it is not open to", n.Name)
			}
		}
	}
	want, _ := render.Plan(render.Input{HostUplinks: uplinks, HostNetworks: always})
	if diff := cmp.Diff(manifests(t, want.Policies), manifests(t, policies)); diff != "" {
		t.Errorf("policies (-of the HostNetworks alone +with the Wukong):\n%s", diff)
	}
	for _, text := range manifests(t, policies) {
		if strings.Contains(text, mark) {
			t.Errorf("a policy has a text of the tenant:\n%s", text)
		}
	}
}

func manifests(t *testing.T, policies []nmstate.Policy) []string {
	t.Helper()
	var out []string
	for i := range policies {
		text, err := render.Manifest(&policies[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// filler puts words and a number into every field of a value.
type filler struct {
	word   func() string
	number int32
	random *rand.Rand
}

func (f filler) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if f.random.IntN(3) > 0 {
			v.SetString(f.word())
		}
	case reflect.Int32, reflect.Int64, reflect.Int:
		if f.random.IntN(3) == 0 {
			v.SetInt(int64(f.number))
		}
	case reflect.Bool:
		v.SetBool(f.random.IntN(2) == 0)
	case reflect.Pointer:
		if f.random.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.value(v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), f.random.IntN(3), 3))
		for i := range v.Len() {
			f.value(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.value(key)
		f.value(value)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				f.value(v.Field(i))
			}
		}
	}
}

// TestTheFillerReachesWhatSelects: the fuzzing above is worth something only if its Wukongs do use networks.
func TestTheFillerReachesWhatSelects(t *testing.T) {
	uplinks, networks := offer()
	random, used := rand.New(rand.NewPCG(1, 1)), 0
	fill := filler{number: 100, random: random, word: func() string { return []string{"data", "lan", "br0", "", ""}[random.IntN(5)] }}
	for range 500 {
		w := wukong(func(w *v1alpha1.Wukong) {
			fill.value(reflect.ValueOf(&w.Spec.Networks).Elem())
			for i := range w.Spec.Networks {
				w.Spec.Networks[i].Name, w.Spec.Networks[i].IPConfig, w.Spec.Networks[i].Type, w.Spec.Networks[i].MACAddress = string(rune('a'+i)), nil, "", nil
			}
		})
		out, _ := render.Plan(render.Input{Wukongs: []v1alpha1.Wukong{*w}, HostUplinks: uplinks, HostNetworks: networks})
		if len(out.Policies) > 0 {
			used++
			checkOnlyUse(t, out.Policies, uplinks, networks)
		}
	}
	if used < 20 {
		t.Errorf("only %d of 500 Wukongs use a network", used)
	}
}
