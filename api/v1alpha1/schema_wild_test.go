package v1alpha1_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// wild are specs of Wukongs as people have them: NovaSphere's definition accepts them (those without cpu, memory or disks are
// in its documents), and they can work.
var wild = map[string]string{
	"a whole machine": `{cpu: 2, memory: 4Gi, osImage: ubuntu, sshKeySecret: keys, networks: [{name: default}],
		disks: [{name: root, size: 20Gi, storageClassName: fast, boot: true, image: "docker://registry.example/ubuntu:24.04"}]}`,
	"the most that was allowed": `{cpu: 64, memory: 1.5Ti, disks: [{name: a, size: 0.5Gi, storageClassName: s}, {name: b, size: "10", storageClassName: s}]}`,
	"no cpu":                    `{memory: 4Gi, disks: [{name: root, size: 20Gi, storageClassName: fast}]}`,
	"no memory":                 `{cpu: 2, disks: [{name: root, size: 20Gi, storageClassName: fast}]}`,
	"no disks":                  `{cpu: 2, memory: 4Gi}`,
	"no storage class":          `{disks: [{name: root, size: 20Gi}]}`,
	"an empty storage class":    `{disks: [{name: root, size: 20Gi, storageClassName: ""}]}`,
	"nothing at all":            `{}`,
	"memory in every unit": `{memory: "4096", disks: [{name: a, size: 1K, storageClassName: s}, {name: b, size: 1M, storageClassName: s},
		{name: c, size: 1G, storageClassName: s}, {name: d, size: 1T, storageClassName: s}, {name: e, size: 1P, storageClassName: s},
		{name: f, size: 1E, storageClassName: s}, {name: g, size: 1Ki, storageClassName: s}, {name: h, size: 1Pi, storageClassName: s},
		{name: i, size: 1Ei, storageClassName: s}]}`,
	"a bridge with an uplink":      `{networks: [{name: lan, type: bridge, bridgeName: br0, physicalInterface: ens3}]}`,
	"a bridge without an uplink":   `{networks: [{name: lan, type: bridge, bridgeName: br0}]}`,
	"a VLAN":                       `{networks: [{name: lan, type: bridge, physicalInterface: ens3, vlanId: 100}]}`,
	"the last VLAN":                `{networks: [{name: lan, vlanId: 4094}]}`,
	"every type":                   `{networks: [{name: a, type: bridge}, {name: b, type: macvlan}, {name: c, type: sriov}, {name: d, type: ovs}]}`,
	"an attachment by name":        `{networks: [{name: lan, nadName: my-nad}]}`,
	"a primary network":            `{networks: [{name: default}, {name: lan, nadName: my-nad, primary: true}]}`,
	"two networks of one name":     `{networks: [{name: lan}, {name: lan}]}`,
	"a long name of a network":     `{networks: [{name: a-network-whose-name-is-longer-than-a-label-may-be-but-that-is-not-decided-by-schemas}]}`,
	"a long name of an interface":  `{networks: [{name: lan, physicalInterface: an-interface-that-no-kernel-can-have, bridgeName: a-bridge-that-no-kernel-can-have}]}`,
	"static addressing":            `{networks: [{name: lan, ipConfig: {mode: static, address: 192.168.1.100/24, gateway: 192.168.1.1, dnsServers: [8.8.8.8]}}]}`,
	"static addressing of IPv6":    `{networks: [{name: lan, ipConfig: {mode: static, address: "2001:DB8::5/64", gateway: "fe80::1"}}]}`,
	"static without an address":    `{networks: [{name: lan, ipConfig: {mode: static}}]}`,
	"static with an empty address": `{networks: [{name: lan, ipConfig: {mode: static, address: "", gateway: ""}}]}`,
	"empty DNS servers":            `{networks: [{name: lan, ipConfig: {mode: dhcp, dnsServers: []}}, {name: b, ipConfig: {mode: dhcp, dnsServers: [""]}}]}`,
	"DHCP with an address":         `{networks: [{name: lan, ipConfig: {mode: dhcp, address: 192.168.1.100/24}}]}`,
	"empty texts everywhere": `{osImage: "", sshKeySecret: "", restoreFromSnapshot: "", networks: [{name: lan, nadName: "", bridgeName: "", physicalInterface: ""}],
		disks: [{name: root, size: 1Gi, storageClassName: "", image: ""}], cloudInitUser: {name: u, password: "", passwordHash: "", sudo: "", shell: "", groups: []},
		highAvailability: {nodeSelector: {}, tolerations: []}, gpus: [], startStrategy: {}}`,
	"empty lists and objects": `{networks: [], disks: [], gpus: [], highAvailability: {}, startStrategy: {}}`,
	"a user":                  `{cloudInitUser: {name: ops, password: "p: w\"'", passwordHash: "$6$a$b", sudo: "ALL=(ALL) NOPASSWD:ALL", shell: /bin/zsh, groups: [adm, "wheel"], lockPasswd: false}}`,
	"high availability": `{highAvailability: {restartPolicy: Never, antiAffinity: true, nodeSelector: {kubernetes.io/arch: amd64, a: ""},
		tolerations: [{key: a, operator: Exists, effect: NoSchedule}, {operator: Exists}, {key: b, value: c, effect: NoExecute, tolerationSeconds: 3600}]}}`,
	"every restart policy": `{highAvailability: {restartPolicy: OnFailure}, startStrategy: {runStrategy: RerunOnFailure, autoStart: false}}`,
	"GPUs":                 `{gpus: [{name: gpu1, deviceName: nvidia.com/TU104GL_Tesla_T4}]}`,
	"numbers as floats":    `{cpu: 2.0, networks: [{name: lan, vlanId: 100.0}]}`,
	"null for optional":    `{networks: null, disks: null, gpus: null, highAvailability: null, cloudInitUser: null, osImage: null}`,
	"many of everything": `{networks: [` + many(32, `{name: n%}`) + `], disks: [` + many(64, `{name: d%, size: 1Gi, storageClassName: s}`) + `],
		gpus: [` + many(16, `{name: g%, deviceName: a.b/c}`) + `]}`,
}

func many(n int, item string) string {
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(item, "%", string(rune('a'+i%26))+string(rune('a'+i/26))))
	}
	return strings.Join(out, ", ")
}

func TestEveryManifestOfNovaSphereThatCouldWorkAppliesUnchanged(t *testing.T) {
	c := admin(t)
	for name, spec := range wild {
		t.Run(name, func(t *testing.T) {
			o := objectOf(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {name: wild, namespace: default}}`)
			o = patched(t, o, `{spec: `+spec+`}`)
			if _, err := dryRun(t, c, o); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSeedsExamplesApplyUnchanged(t *testing.T) {
	c := admin(t)
	files, err := filepath.Glob("../../config/samples/seed/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d examples, want 3: %v", len(files), err)
	}
	for _, file := range files {
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objectsOf(t, manifest) {
			o.SetNamespace("default")
			created, err := dryRun(t, c, o)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if got, want := text(t, created.Object["spec"]), text(t, o.Object["spec"]); got != want {
				t.Errorf("%s: stored as %s, written as %s", file, got, want)
			}
		}
	}
}

// What the old definition refused or dropped, ours need not take; it treats it as every definition does.
func TestFieldsThatNobodyHasAreDroppedUnlessAskedToBeStrict(t *testing.T) {
	strict := admin(t)
	lenient := client.WithFieldValidation(strict, "Ignore")
	for name, spec := range map[string]string{
		"another spelling":           `{networks: [{name: lan, vlanID: 100}]}`,
		"the dashboard's flat form":  `{running: true, networks: [{name: lan, mode: static, ipAddress: 192.0.2.10}]}`,
		"a field deep in the object": `{networks: [{name: lan, ipConfig: {mode: dhcp, addr: 192.0.2.10/24}}]}`,
	} {
		o := patched(t, objectOf(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {name: wild, namespace: default}}`), `{spec: `+spec+`}`)
		if _, err := dryRun(t, strict, o); err == nil || !strings.Contains(err.Error(), "unknown field") {
			t.Errorf("%s: strict validation says %v", name, err)
		}
		created := o.DeepCopy()
		if err := lenient.Create(t.Context(), created, client.DryRunAll); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		stored := text(t, created.Object["spec"])
		if strings.Contains(stored, "vlanID") || strings.Contains(stored, "ipAddress") || strings.Contains(stored, `"addr":`) || strings.Contains(stored, "running") {
			t.Errorf("%s: is stored: %s", name, stored)
		}
	}
}

func TestWhatTheOldEnumerationsRefusedIsStillRefused(t *testing.T) {
	c := admin(t)
	for name, a := range map[string]attempt{
		"the dashboard's type pod": {patch: `{networks: [{name: lan, type: pod}]}`, refused: "spec.networks[0].type"},
		"no mode":                  {patch: `{networks: [{name: lan, ipConfig: {}}]}`, refused: "spec.networks[0].ipConfig.mode"},
		"no name":                  {patch: `{networks: [{type: bridge}]}`, refused: "spec.networks[0].name"},
		"no CPU at all":            {patch: `{cpu: 0}`, refused: "spec.cpu"},
		"a size without a number":  {patch: `{disks: [{name: a, size: big, storageClassName: s}]}`, refused: "spec.disks[0].size"},
	} {
		o := objectOf(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {name: wild, namespace: default}}`)
		_, err := dryRun(t, c, patched(t, o, `{spec: `+a.patch+`}`))
		if problem := verdict(err, a.refused); problem != nil {
			t.Errorf("%s: %v", name, problem)
		}
	}
}

// The definition is a superset: no key, type or word of an enumeration is gone, and nothing more is required.
func TestTheDefinitionIsASupersetOfNovaSpheres(t *testing.T) {
	raw, err := os.ReadFile("testdata/novasphere/schema.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var old map[string]apiextensionsv1.JSONSchemaProps
	if err := yaml.UnmarshalStrict(raw, &old); err != nil {
		t.Fatal(err)
	}
	ours := rootSchema(t, "Wukong")
	for _, part := range []string{"spec", "status"} {
		was, is := old[part], ours.Properties[part]
		compareSchemas(t, part, &was, &is)
	}
}

func compareSchemas(t *testing.T, path string, was, is *apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if was.Type != is.Type {
		t.Errorf("%s was of type %s and is of type %q", path, was.Type, is.Type)
	}
	for _, required := range is.Required {
		if !slices.Contains(was.Required, required) {
			if _, existed := was.Properties[required]; existed || !strings.Contains(path, "conditions") {
				t.Errorf("%s.%s was not required and is", path, required)
			}
		}
	}
	if was.Maximum != nil && is.Maximum != nil && *is.Maximum < *was.Maximum || was.Minimum != nil && is.Minimum != nil && *is.Minimum > *was.Minimum {
		t.Errorf("%s allows fewer numbers than before", path)
	}
	for _, word := range was.Enum {
		if !slices.ContainsFunc(is.Enum, func(w apiextensionsv1.JSON) bool { return string(w.Raw) == string(word.Raw) }) {
			t.Errorf("%s: %s was allowed and is not", path, word.Raw)
		}
	}
	if was.Enum == nil && is.Enum != nil {
		t.Errorf("%s had no enumeration and has one", path)
	}
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		before := was.Properties[name]
		now, ok := is.Properties[name]
		if !ok {
			t.Errorf("%s.%s is gone", path, name)
			continue
		}
		compareSchemas(t, path+"."+name, &before, &now)
	}
	if was.Items != nil && was.Items.Schema != nil && is.Items != nil {
		if is.XListType != nil && *is.XListType == "map" && path == "spec.networks" {
			t.Errorf("%s refuses entries of one name", path)
		}
		compareSchemas(t, path+"[]", was.Items.Schema, is.Items.Schema)
	}
}
