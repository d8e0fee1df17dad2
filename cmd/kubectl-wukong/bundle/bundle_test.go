package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// unpack gives the files of a bundle by name, and their names in the order of the archive.
func unpack(t *testing.T, b *Bundle) (map[string]string, []string) {
	t.Helper()
	var out bytes.Buffer
	if _, err := b.Write(&out, Manifest{Program: "v1", Created: "2026-01-31T12:00:00Z"}); err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	files, names := map[string]string{}, []string(nil)
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, names
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, folder)] = string(text)
		names = append(names, header.Name)
	}
}

const secret = "correct-horse"

// planted are objects with a secret wherever somebody may write one.
var planted = map[string]string{
	"the password of a Wukong":                         "kind: Wukong\nspec: {cloudInitUser: {name: ops, password: SECRET}}",
	"its hash":                                         "kind: Wukong\nspec: {cloudInitUser: {name: ops, passwordHash: $6$salt$SECRET}}",
	"the password in what was applied":                 "kind: Wukong\nmetadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"spec\":{\"cloudInitUser\":{\"password\":\"SECRET\"}}}'}}",
	"an annotation of a tenant, also under our prefix": "kind: Wukong\nmetadata: {annotations: {vm.novasphere.dev/asked: SECRET, note: SECRET}}",
	"an annotation of a machine's template":            "kind: VirtualMachine\nspec: {template: {metadata: {annotations: {hooks.kubevirt.io/hookSidecars: '[{\"args\": [\"SECRET\"]}]'}}}}",
	"the credentials of the image of a disk":           "kind: Wukong\nspec: {disks: [{name: root, image: 'https://user:SECRET@images.example.org/a.qcow2'}]}",
	"a token in the address of an image":               "kind: Wukong\nspec: {disks: [{name: root, image: 'https://images.example.org/a.qcow2?sig=SECRET'}]}",
	"user data of a machine":                           "kind: VirtualMachine\nspec: {template: {spec: {volumes: [{name: c, cloudInitNoCloud: {userData: \"#cloud-config\\nruncmd: [echo SECRET]\\n\"}}]}}}",
	"user data in base64":                              "kind: VirtualMachine\nspec: {template: {spec: {volumes: [{name: c, cloudInitConfigDrive: {userDataBase64: BASE64}}]}}}",
	"network data of a machine":                        "kind: VirtualMachineInstance\nspec: {volumes: [{name: c, cloudInitNoCloud: {networkData: \"wifis: {a: {password: SECRET}}\\n\"}}]}",
	"arguments of a kernel":                            "kind: VirtualMachineInstance\nspec: {domain: {firmware: {kernelBoot: {kernelArgs: luks=SECRET}}}}",
	"a data volume":                                    "kind: VirtualMachine\nspec: {dataVolumeTemplates: [{spec: {source: {http: {url: 'https://u:SECRET@example.org/x'}}}}]}",
	"a variable of a container":                        "kind: Pod\nspec: {containers: [{env: [{name: PROXY, value: 'http://u:SECRET@proxy'}, {name: ANY, value: SECRET}]}]}",
	"a flag of a container":                            "kind: Deployment\nspec: {template: {spec: {containers: [{args: [--leader-elect, --auth-token=SECRET, --password, SECRET]}]}}}",
	"the configuration of an attachment":               "kind: NetworkAttachmentDefinition\nspec: {config: '{\"type\": \"bridge\", \"auth\": {\"token\": \"SECRET\"}}'}",
	"a configuration that is no JSON":                  "kind: NetworkAttachmentDefinition\nspec: {config: 'type bridge SECRET'}",
	"a policy of somebody":                             "kind: NodeNetworkConfigurationPolicy\nspec: {desiredState: {interfaces: [{name: eth1, 802.1x: {identity: a, private-key-password: SECRET}, libreswan: {psk: SECRET}}]}}",
	"what a node reports":                              "kind: NodeNetworkState\nstatus: {currentState: {interfaces: [{name: wlan0, wifi: {passphrase: SECRET}}]}}",
	"a Secret that somebody lists":                     "kind: Secret\ndata: {password: BASE64}\nstringData: {token: SECRET}",
	"a message of a status":                            "kind: Wukong\nspec: {cloudInitUser: {password: SECRET}}\nstatus: {conditions: [{type: Ready, message: 'spec.cloudInitUser.password: Invalid value: \"SECRET\"'}]}",
	"a message with the word":                          "kind: Event\nmessage: 'login with password=SECRET failed'",
	"a header in a message":                            "kind: Event\nmessage: 'Authorization: Bearer SECRET-and-more'",
}

func plant(t *testing.T, text string) map[string]any {
	t.Helper()
	text = strings.NewReplacer("SECRET", secret, "BASE64", base64.StdEncoding.EncodeToString([]byte("#cloud-config\npassword: "+secret+"\n"))).Replace(text)
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return object
}

func TestNoSecretIsInABundle(t *testing.T) {
	for name, text := range planted {
		t.Run(name, func(t *testing.T) {
			var b Bundle
			b.Objects("objects.yaml", []map[string]any{plant(t, text)})
			files, _ := unpack(t, &b)
			for file, content := range files {
				for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
					if strings.Contains(content, form) {
						t.Errorf("%s has it:\n%s", file, content)
					}
				}
			}
		})
	}
}

// TestWhatWasHiddenOnceIsHiddenEverywhere: a log may repeat, without any mark, what a field had.
func TestWhatWasHiddenOnceIsHiddenEverywhere(t *testing.T) {
	var b Bundle
	b.Text("log", []byte("the user typed "+secret+" and then "+base64.StdEncoding.EncodeToString([]byte(secret))))
	b.Objects("wukongs.yaml", []map[string]any{plant(t, planted["the password of a Wukong"])})
	b.Objects("other.yaml", []map[string]any{plant(t, planted["user data in base64"]), {"kind": "Event", "message": "saw " + secret}})
	b.Missing("the log of "+secret, "no "+secret)
	files, _ := unpack(t, &b)
	for name, content := range files {
		if strings.Contains(content, secret) {
			t.Errorf("%s has it:\n%s", name, content)
		}
	}
}

func TestTextsLoseWhatLooksLikeASecret(t *testing.T) {
	for _, text := range []string{
		"-----BEGIN RSA PRIVATE KEY-----\n" + secret + "\n-----END RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----\n" + secret,
		`{"password": "` + secret + `"}`, `{\"password\":\"` + secret + `\"}`, "passwd: '" + secret + "'", "API_KEY=" + secret, "client-secret = " + secret,
		"eyJhbGciOi." + secret + "." + secret, "https://me:" + secret + "@example.org/x", "GET https://example.org/x?token=" + secret,
		"Basic " + secret, "$6$abc$" + secret, "$y$j9T$" + secret, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5" + strings.ReplaceAll(secret, "-", ""),
	} {
		if got := Scrub(text); strings.Contains(strings.ReplaceAll(got, "-", ""), strings.ReplaceAll(secret, "-", "")) {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"node-a: Ethernet interface eth9 does not exist", "Secret team-a/web-net-abc is rendered", "https://example.org/docs#x", "no password is needed"} {
		if got := Scrub(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestWhatABugReportNeedsStays(t *testing.T) {
	var object map[string]any
	text := `
apiVersion: vm.novasphere.dev/v1alpha1
kind: HostUplink
metadata:
  name: workers
  annotations: {vm.novasphere.dev/rollback: wukong-workers-abc, applied.uplink.vm.novasphere.dev/workers: abc}
  labels: {a: b}
spec: {sshKeySecret: keys, lockPasswd: false, networkDataSecretRef: {name: web-net}, accessCredentials: [{sshPublicKey: {source: {secret: {secretName: keys}}}}], interface: eth1}
status: {networkDataSecret: web-net-abc, conditions: [{type: Ready, status: "False", message: "node-c: no eth9"}], number: 3}
`
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	cleaned, secrets := Clean(object)
	if diff := cmp.Diff(object, cleaned); diff != "" || len(secrets) > 0 {
		t.Errorf("%v (-want +got)\n%s", secrets, diff)
	}
}

func TestManagedFieldsAreLeftOut(t *testing.T) {
	object := map[string]any{"metadata": map[string]any{"name": "x", "managedFields": []any{map[string]any{"manager": "kubectl"}}}}
	cleaned, _ := Clean(object)
	if diff := cmp.Diff(map[string]any{"metadata": map[string]any{"name": "x"}}, cleaned); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if object["metadata"].(map[string]any)["managedFields"] == nil {
		t.Error("the object itself was changed")
	}
}

func TestABundleIsTheSameForTheSameInput(t *testing.T) {
	make := func(order []string) *Bundle {
		b := &Bundle{}
		var objects []map[string]any
		for _, name := range order {
			objects = append(objects, map[string]any{"kind": "Wukong", "metadata": map[string]any{"namespace": "n", "name": name}})
			b.Text("logs/"+name+".log", []byte(name))
			b.Missing(name, "why")
		}
		b.Objects("objects/wukongs.yaml", objects)
		return b
	}
	var x, y bytes.Buffer
	_, errX := make([]string{"a", "b", "c"}).Write(&x, Manifest{})
	_, errY := make([]string{"c", "a", "b"}).Write(&y, Manifest{})
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x.Bytes(), y.Bytes()) {
		t.Error("two bundles of the same objects differ")
	}
	_, names := unpack(t, make([]string{"b", "a"}))
	want := []string{"wukong-report/logs/a.log", "wukong-report/logs/b.log", "wukong-report/objects/wukongs.yaml", "wukong-report/manifest.json"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatIsTooLargeIsCutAndThatIsSaid(t *testing.T) {
	var b Bundle
	var objects []map[string]any
	for i := range 10 {
		objects = append(objects, map[string]any{"metadata": map[string]any{"name": fmt.Sprint(i)}, "spec": strings.Repeat("x", MaxFile/4)})
	}
	for i := range MaxTotal/MaxFile + 4 {
		b.Objects(fmt.Sprintf("objects-%d.yaml", i), objects)
	}
	b.Text("log", append(bytes.Repeat([]byte("y"), MaxFile), "the end"...))
	files, _ := unpack(t, &b)
	var m Manifest
	if err := json.Unmarshal([]byte(files["manifest.json"]), &m); err != nil {
		t.Fatal(err)
	}
	total, cut, left := 0, 0, 0
	for _, f := range m.Files {
		total += f.Bytes
		switch {
		case strings.HasPrefix(f.Cut, "left out"):
			left++
		case f.Cut != "":
			cut++
		}
	}
	if total > MaxTotal || left == 0 || cut == 0 || !strings.HasSuffix(files["log"], "the end") || len(files["log"]) != MaxFile {
		t.Errorf("%d bytes, %d cut, %d left out", total, cut, left)
	}
	if m.Files[1].Objects != 3 || m.Files[1].Cut != "7 of 10 objects left out: the file would be larger than 8 MiB" {
		t.Errorf("%+v", m.Files[1])
	}
}

// FuzzClean plants a secret below a name of a secret in an object of any shape, and looks for it in what a bundle would have. Run it
// with -fuzzminimizetime=1x: maps are walked in another order each time, so that the engine would stand still for long looking for a
// smaller input that covers the same.
func FuzzClean(f *testing.F) {
	for _, text := range planted {
		f.Add(text, "password")
	}
	f.Add(`{"a": [{"b": {"c": 1}}]}`, "api_token")
	const plant = "planted-" + secret
	f.Fuzz(func(t *testing.T, text, name string) {
		var object map[string]any
		if len(text) > 4096 || yaml.Unmarshal([]byte(text), &object) != nil || object == nil {
			return
		}
		if p := plain(name); isSecret(p) && p != "labels" && !slices.Contains(nameFields, p) {
			object[name] = map[string]any{"deep": []any{plant}}
		}
		var b Bundle
		b.Objects("objects.yaml", []map[string]any{object})
		if text := b.redactor().Replace(string(b.files["objects.yaml"].text)); strings.Contains(text, plant) {
			t.Errorf("it is still there:\n%s", text)
		}
		once, _ := Clean(object)
		twice, _ := Clean(once)
		if text := fmt.Sprint(once, twice); strings.Contains(text, plant) {
			t.Errorf("it is still there:\n%s", text)
		}
	})
}
