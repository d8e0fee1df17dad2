package manifests

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/config/crd"
	"novasphere.dev/wukong-network/render"
)

func read(t *testing.T, text string) *Set {
	t.Helper()
	set, err := (&Reader{Namespace: "default"}).Read([]Source{{Name: "in.yaml", Text: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const uplinkText = `apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata: {name: workers, namespace: ignored}
spec: {physicalNetwork: lab, nodeSelector: {}, interface: eth1}
status: {interface: forged}
`

// TestDefaultsAreThoseOfTheAPIServer reads an object that leaves everything out.
func TestDefaultsAreThoseOfTheAPIServer(t *testing.T) {
	set := read(t, uplinkText)
	if len(set.Findings) > 0 || len(set.Input.HostUplinks) != 1 {
		t.Fatalf("findings %v, %d objects", set.Findings, len(set.Input.HostUplinks))
	}
	got := set.Input.HostUplinks[0]
	want, _ := render.StandIn("eth1")
	want.Name, want.Spec.PhysicalNetwork = "workers", "lab"
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(v1alpha1.HostUplinkStatus{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
	if got.Status.Interface != "" {
		t.Error("the status of a manifest is kept, which the API server drops")
	}
}

// TestEveryKindIsReadOrKnown holds the kinds against the definitions: a new one has to be placed.
func TestEveryKindIsReadOrKnown(t *testing.T) {
	entries, err := fs.ReadDir(crd.Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	var defined []string
	for _, entry := range entries {
		text, err := crd.Files.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		var definition struct {
			Spec struct {
				Scope string `json:"scope"`
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(text, &definition); err != nil {
			t.Fatal(err)
		}
		kind := definition.Spec.Names.Kind
		if kind == "AddressLease" {
			continue // State that the controller writes; no manifest.
		}
		defined = append(defined, kind)
		compiled, err := newKindSchema(kind)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		} else if compiled.rules == nil {
			t.Errorf("%s: has no rules, which are expected", kind)
		}
		if known := kinds[groupKind{v1alpha1.GroupVersion.Group, kind}]; known.namespaced != (definition.Spec.Scope == "Namespaced") {
			t.Errorf("%s: is of scope %s", kind, definition.Spec.Scope)
		}
	}
	slices.Sort(defined)
	if diff := cmp.Diff(defined, ourKinds()); diff != "" {
		t.Errorf("kinds (-defined +read):\n%s", diff)
	}
}

// TestARefusedObjectTakesNoPart reads one good and one bad object of each kind.
func TestARefusedObjectTakesNoPart(t *testing.T) {
	cases := map[string]struct{ text, path string }{
		"HostUplink with both kinds of uplink":    {strings.Replace(uplinkText, "interface: eth1}", "interface: eth1, bond: {name: bond0, mode: balance-rr, ports: [eth1]}}", 1), "spec"},
		"HostUplink on loopback":                  {strings.Replace(uplinkText, "eth1", "lo", 1), "spec.interface"},
		"HostUplink without a fabric":             {strings.Replace(uplinkText, "physicalNetwork: lab, ", "", 1), "spec.physicalNetwork"},
		"HostNetwork with VLAN and trunk":         {object("HostNetwork", "{physicalNetwork: lab, vlan: 5, trunk: [{min: 1, max: 2}]}"), "spec"},
		"AddressPool with host bits":              {object("AddressPool", "{segment: {physicalNetwork: lab}, subnet: 192.0.2.1/24}"), "spec.subnet"},
		"AddressReservation of nothing":           {object("AddressReservation", "{segment: {physicalNetwork: lab}, reason: r}"), "spec.addresses"},
		"Wukong with an unknown field":            {object("Wukong", "{network: []}"), "spec.network"},
		"Wukong with a field of another type":     {object("Wukong", "{cpu: two}"), "spec.cpu"},
		"Wukong with a gateway in CIDR form":      {object("Wukong", "{networks: [{name: a, ipConfig: {mode: static, address: 192.0.2.2/24, gateway: 192.0.2.1/24}}]}"), "spec.networks[0].ipConfig.gateway"},
		"Wukong with an address of several lines": {object("Wukong", `{networks: [{name: a, ipConfig: {mode: static, address: "10.0.0.5/24\n      routes:"}}]}`), "spec.networks[0].ipConfig.address"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			set := read(t, c.text)
			if !slices.ContainsFunc(set.Findings, func(f render.Finding) bool { return f.Path == c.path && f.Severity == render.SeverityError }) {
				t.Errorf("no finding at %s: %v", c.path, set.Findings)
			}
			in := set.Input
			if n := len(in.Wukongs) + len(in.HostUplinks) + len(in.HostNetworks) + len(in.AddressPools) + len(in.AddressReservations); n > 0 {
				t.Errorf("%d objects take part", n)
			}
			if set.Ours != 1 {
				t.Errorf("%d objects are ours, want 1", set.Ours)
			}
		})
	}
}

func object(kind, spec string) string {
	return "apiVersion: vm.novasphere.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: a}\nspec: " + spec + "\n"
}

// TestTheSamplesAreAccepted includes the examples of package render that are meant to be good.
func TestTheSamplesAreAccepted(t *testing.T) {
	paths, err := filepath.Glob("../../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../../../config/samples/seed/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, examples...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if set := read(t, string(text)); len(set.Findings) > 0 {
			t.Errorf("%s: %v", path, set.Findings)
		}
	}
}

func TestFindReportsEverythingThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := Finder{Stdin: failing{}}.Find([]string{"-", dir, filepath.Join(dir, "missing")})
	for _, want := range []string{"broken pipe", "dangling.yaml: no such file", "missing: no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v: want %q in it", err, want)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestFindReadsEachSourceOnceByName(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.yaml": "b", "a.json": "a", "c.txt": "c", "sub/d.yml": "d"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "sub", "loop")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "c.txt"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		finder Finder
		args   []string
		want   string
	}{
		"a folder without its folders": {Finder{}, []string{dir}, "abc"},
		"a folder with its folders":    {Finder{Recursive: true}, []string{dir}, "abcd"},
		"a file is read once":          {Finder{}, []string{dir + "/b.yaml", dir + "/./b.yaml", dir}, "abc"},
		"a named file needs no ending": {Finder{}, []string{dir + "/c.txt"}, "c"},
		"standard input is read once":  {Finder{Stdin: strings.NewReader("s")}, []string{"-", dir, "-"}, "abcs"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sources, err := c.finder.Find(c.args)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, s := range sources {
				got += string(s.Text)
			}
			if got != c.want {
				t.Errorf("read %q, want %q", got, c.want)
			}
		})
	}
}
