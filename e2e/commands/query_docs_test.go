package commands_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// documented runs the console blocks of docs/query.md from top to bottom, as an administrator with the certificate authority in
// ca.crt. What a command prints must be there word for word; -update writes it there.
func (q *questions) documented(t *testing.T) {
	page := filepath.Join(repository(t), "docs", "query.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	got := consoleBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		out := "```console\n"
		for _, line := range strings.Split(consoleBlock.FindStringSubmatch(block)[1], "\n") {
			command, is := strings.CutPrefix(line, "$ ")
			if !is {
				continue
			}
			count++
			out += line + "\n"
			if printed := q.types(t, command); printed != "" {
				out += strings.TrimRight(printed, "\n") + "\n"
			}
		}
		return out + "```"
	})
	if count < 8 {
		t.Errorf("%d commands were found", count)
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("docs/query.md (-said +printed):\n%s", diff)
	}
}

// types runs a command line of the page, and gives what it prints.
func (q *questions) types(t *testing.T, line string) string {
	t.Helper()
	const forwarded = "localhost:8444"
	command := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, forwarded, q.addresses[0]))
	command.Dir = q.folder
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(q.folder, "admin"),
		"PATH="+filepath.Dir(q.binary)+string(os.PathListSeparator)+filepath.Dir(q.cluster.KubectlPath())+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return strings.ReplaceAll(string(out), q.addresses[0], forwarded)
}

var (
	certificateBlock = regexp.MustCompile("(?ms)^```yaml\n(apiVersion: cert-manager.*?)^```$")
	portForward      = regexp.MustCompile(`(?m)^kubectl -n (\S+) port-forward service/(\S+) (\d+)$`)
)

// TestTheQueryPageNamesTheServicesAsTheyAre reads what cannot be run here: no kubelet forwards ports, and cert-manager is not there.
func TestTheQueryPageNamesTheServicesAsTheyAre(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository(t), "docs", "query.md"))
	if err != nil {
		t.Fatal(err)
	}
	query, metrics := service(t, "query_service.yaml"), service(t, "service.yaml")

	forwards := portForward.FindStringSubmatch(string(text))
	if want := []string{query.Namespace, query.Name, strconv.Itoa(int(query.Spec.Ports[0].Port))}; forwards == nil || !slices.Equal(forwards[1:], want) {
		t.Errorf("ports are forwarded as %q, want %q", forwards, want)
	}

	block := certificateBlock.FindSubmatch(text)
	if block == nil {
		t.Fatal("the page has no Certificate")
	}
	var certificate struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
		Spec             struct {
			SecretName string
			DNSNames   []string
			IssuerRef  struct{ Kind, Name string }
		}
	}
	if err := yaml.UnmarshalStrict(block[1], &certificate); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, s := range []corev1.Service{query, metrics} {
		want = append(want, s.Name+"."+s.Namespace+".svc")
	}
	if diff := cmp.Diff(want, certificate.Spec.DNSNames); diff != "" || certificate.Metadata.Namespace != query.Namespace {
		t.Errorf("names of the Certificate in %s (-Services +page):\n%s", certificate.Metadata.Namespace, diff)
	}
}

// service reads a Service of config/manager.
func service(t *testing.T, file string) corev1.Service {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), "config", "manager", file))
	if err != nil {
		t.Fatal(err)
	}
	var out corev1.Service
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
