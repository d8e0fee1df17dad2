package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/render"
)

var (
	addressLike   = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b|\b[0-9a-f]{1,4}:[0-9a-f:]*::[0-9a-f]*\b`)
	documentation = regexp.MustCompile(`^(192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:)`)
)

// runWith runs a command line in this process.
func runWith(t testing.TB, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	var out, err bytes.Buffer
	code = run(args, streams{stdin, &out, &err})
	return code, out.String(), err.String()
}

const wukongText = `apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {name: web, namespace: team-a}
spec:
  networks:
  - name: lan
    ipConfig: {mode: static, address: 192.0.2.10/24, gateway: 192.0.2.1}
`

// TestJSONHasTheObjectsOfYAML compares both forms.
func TestJSONHasTheObjectsOfYAML(t *testing.T) {
	_, list, _ := runWith(t, nil, "render", "-f", samplesDir, "-o", "json")
	var got struct {
		Items []map[string]any `json:"items"`
	}
	if err := yaml.Unmarshal([]byte(list), &got); err != nil {
		t.Fatal(err)
	}
	_, stream, _ := runWith(t, nil, "render", "-f", samplesDir)
	var want []map[string]any
	for _, text := range strings.Split(stream, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		want = append(want, object)
	}
	if diff := cmp.Diff(want, got.Items); diff != "" {
		t.Errorf("objects (-yaml +json):\n%s", diff)
	}
}

// TestRenderingTheOutputOfKubectlGetIsTheSame reads objects as a cluster returns them, with status and managed fields.
func TestRenderingTheOutputOfKubectlGetIsTheSame(t *testing.T) {
	_, want, _ := runWith(t, strings.NewReader(wukongText), "render", "-f", "-", "--uplink", "eth1")
	got := wukongText + `status: {observedGeneration: 3, networks: [{name: lan, hostNetwork: stand-in}], unknownToUs: true}` + "\n"
	got = strings.Replace(got, "namespace: team-a}", `namespace: team-a, resourceVersion: "12", generation: 3, managedFields: [{manager: kubectl, operation: Apply}]}`, 1)
	code, out, stderr := runWith(t, strings.NewReader(got), "render", "-f", "-", "--uplink", "eth1")
	if diff := cmp.Diff(want, out); code != exitClean || stderr != "" || diff != "" {
		t.Errorf("exit %d, %s, output (-want +got):\n%s", code, stderr, diff)
	}
}

// TestLargeInputIsRead renders one Wukong among 10 MB of other things.
func TestLargeInputIsRead(t *testing.T) {
	var in bytes.Buffer
	line := strings.Repeat("x", 1000)
	for i := 0; in.Len() < 10<<20; i++ {
		fmt.Fprintf(&in, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata:\n  text: |\n", i)
		for range 100 {
			in.WriteString("    " + line + "\n")
		}
		in.WriteString("---\n")
	}
	in.WriteString(wukongText)
	_, want, _ := runWith(t, strings.NewReader(wukongText), "render", "-f", "-", "--uplink", "eth1")
	code, got, stderr := runWith(t, &in, "render", "-f", "-", "--uplink", "eth1")
	if code != exitClean || stderr != "" || got != want {
		t.Errorf("exit %d, standard error %.300s, %d bytes: want those of the Wukong alone", code, stderr, len(got))
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte("#"), len(p)))
	return len(p), nil
}

// TestEndlessInputIsRefused reads what has no end.
func TestEndlessInputIsRefused(t *testing.T) {
	code, out, stderr := runWith(t, endless{}, "render", "-f", "-")
	if code != exitUsage || out != "" || !strings.Contains(stderr, "is larger than 64 MiB") {
		t.Errorf("exit %d, output %q, standard error %q", code, out, stderr)
	}
}

// TestHostileInputEndsInAMessage has what tools have choked on.
func TestHostileInputEndsInAMessage(t *testing.T) {
	cases := map[string]struct {
		in   string
		code int
	}{
		"binary":                                {"\x00\x01\x02\xff\xfe", exitUsage},
		"an executable":                         {"\x7fELF\x02\x01\x01\x00", exitUsage},
		"aliases that multiply":                 {bomb(), exitUsage},
		"nesting without end":                   {strings.Repeat("[", 100_000), exitUsage},
		"nested objects without end":            {strings.Repeat("{a: ", 100_000), exitUsage},
		"a key of another type":                 {"{[a]: b}", exitUsage},
		"an alias of itself":                    {"&a [*a]", exitUsage},
		"a terminal's control sequence":         {"apiVersion: v1\nkind: \"\\e[2J\"\n\x1b[2J", exitUsage},
		"a list that is none":                   {"apiVersion: v1\nkind: List\nitems: {}", exitUsage},
		"a list of nothing":                     {"apiVersion: v1\nkind: List\nitems: [null, 1, [], {}]", exitUsage},
		"metadata of another type":              {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: [a]\nspec: {}", exitFindings},
		"a name of another type":                {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: 1}\nspec: {}", exitFindings},
		"a name that moves the cursor":          {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: \"\\e[2J\\n\\r\"}\nspec: {}", exitFindings},
		"a name written from right to left":     {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: \"a\\u202eb\"}\nspec: {}", exitFindings},
		"a spec of another type":                {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: a}\nspec: []", exitFindings},
		"a spec that is null":                   {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: a}\nspec: null", exitFindings},
		"networks that are null":                {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: a}\nspec: {networks: [null, null]}", exitFindings},
		"a kind of another type":                {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: [Wukong]", exitUsage},
		"numbers beyond every type":             {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: a}\nspec: {cpu: 1e400}", exitFindings},
		"an integer beyond every type":          {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: a}\nspec: {cpu: 99999999999999999999}", exitFindings},
		"not a number":                          {"apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: a}\nspec: {cpu: .nan}", exitUsage},
		"a Namespace of other types":            {wukongText + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: [b]}", exitFindings},
		"a NodeNetworkState that is a text":     {wukongText + "---\napiVersion: nmstate.io/v1beta1\nkind: NodeNetworkState\nmetadata: {name: a}\nstatus: {currentState: hello}", exitFindings},
		"a NodeNetworkState without status":     {wukongText + "---\napiVersion: nmstate.io/v1beta1\nkind: NodeNetworkState\nmetadata: {name: a}", exitFindings},
		"a NodeNetworkState with broken pieces": {wukongText + "---\napiVersion: nmstate.io/v1beta1\nkind: NodeNetworkState\nmetadata: {name: a}\nstatus: {currentState: {interfaces: [1, {name: 60e+02}, null]}}", exitFindings},
		"an attachment that is no JSON":         {wukongText + "---\napiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: a}\nspec: {config: '{'}", exitClean},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if code := checkedRun(t, []byte(c.in), outputYAML); code != c.code {
				_, _, stderr := runWith(t, strings.NewReader(c.in), "render", "-f", "-", "--uplink", "eth1")
				t.Errorf("exit %d, want %d; standard error: %s", code, c.code, stderr)
			}
		})
	}
}

// bomb is a short text of which each alias makes ten times more.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

// checkedRun renders any bytes and checks what holds for all of them.
func checkedRun(t testing.TB, in []byte, output string) int {
	t.Helper()
	code, out, stderr := runWith(t, bytes.NewReader(in), "render", "-f", "-", "--uplink", "eth1", "-o", output)
	again, sameOut, sameErr := runWith(t, bytes.NewReader(in), "render", "-f", "-", "--uplink", "eth1", "-o", output)
	if code != again || out != sameOut || stderr != sameErr {
		t.Errorf("two runs differ: exit %d and %d\n%s", code, again, cmp.Diff(out+stderr, sameOut+sameErr))
	}
	switch code {
	case exitClean:
		if strings.Contains(stderr, "error: ") || strings.Contains(stderr, "warning: ") {
			t.Errorf("exit 0 with %s", stderr)
		}
	case exitFindings, exitUsage:
		if stderr == "" {
			t.Errorf("exit %d without a word", code)
		}
		if code == exitUsage && out != "" {
			t.Errorf("exit 2 with output %q", out)
		}
	default:
		t.Errorf("exit %d", code)
	}
	if i := strings.IndexFunc(stderr, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("standard error has %q", stderr[i:min(len(stderr), i+8)])
	}
	for _, text := range strings.Split(out, "---\n") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			t.Errorf("output is no YAML: %v", err)
		}
	}
	return code
}

// TestFindingsComeInTheOrderOfTheirSources sorts by file and by number of the line, not by its text.
func TestFindingsComeInTheOrderOfTheirSources(t *testing.T) {
	var out bytes.Buffer
	web := render.Object{Kind: "Wukong", Namespace: "team-a", Name: "web"}
	printFindings(&out, []render.Finding{
		{Source: "", Object: web, Severity: render.SeverityError, Message: "last", Reason: "R"},
		{Source: "b.yaml:1", Object: web, Severity: render.SeverityError, Message: "third", Reason: "R"},
		{Source: "a.yaml:10", Object: web, Severity: render.SeverityNote, Message: "second", Reason: "R"},
		{Source: "a.yaml:9", Object: web, Severity: render.SeverityWarning, Message: "first", Reason: "R"},
		{Source: "a.yaml:9", Object: web, Severity: render.SeverityWarning, Message: "first", Reason: "R"},
	})
	want := `a.yaml:9: warning: Wukong team-a/web: first (R)
a.yaml:10: note: Wukong team-a/web: second (R)
b.yaml:1: error: Wukong team-a/web: third (R)
error: Wukong team-a/web: last (R)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestStandInIsOneThatTheAPIServerAccepts checks what --uplink stands for.
func TestStandInIsOneThatTheAPIServerAccepts(t *testing.T) {
	uplink, networks := render.StandIn("eth1")
	if problems := manifests.Check("HostUplink", uplink); problems != nil {
		t.Errorf("HostUplink: %q", problems)
	}
	for _, network := range networks {
		if problems := manifests.Check("HostNetwork", network); problems != nil {
			t.Errorf("HostNetwork %s: %q", network.Name, problems)
		}
	}
}
