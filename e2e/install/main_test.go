package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// The shared cluster has what others bring, and nothing of ours before installed puts it there.
var shared = cluster.Shared{Options: cluster.Options{Without: []cluster.Component{cluster.Wukong}}}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(io.Discard, nil)))
	code := shared.Run(m)
	os.RemoveAll(built.dir)
	os.Exit(code)
}

var installation struct {
	sync.Once
	first, second string
	err           error
}

// installed is the shared cluster after the command of docs/install.md for dist/install.yaml has been run on it, twice.
func installed(t *testing.T) *cluster.Cluster {
	t.Helper()
	c := shared.ForTest(t)
	installation.Do(func() {
		command := strings.TrimPrefix(regexp.MustCompile(`(?m)^\$ sed .*install.yaml .*$`).FindString(read(t, "docs/install.md")), "$ ")
		apply := func() (string, error) {
			shell := exec.Command("bash", "-euo", "pipefail", "-c", command)
			shell.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "PATH="+filepath.Dir(c.KubectlPath())+string(os.PathListSeparator)+os.Getenv("PATH"))
			return try(t, shell)
		}
		if installation.first, installation.err = apply(); installation.err == nil {
			installation.second, installation.err = apply()
		}
		if installation.err == nil {
			_, installation.err = c.Kubectl(context.Background(), "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
		}
	})
	if installation.err != nil {
		t.Fatal(installation.err)
	}
	return c
}

// administrator is an uncached client.
func administrator(t *testing.T, c *cluster.Cluster) client.WithWatch {
	t.Helper()
	admin, err := client.NewWithWatch(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	return admin
}

// path is a path of the repository.
func path(t *testing.T, elements string) string {
	t.Helper()
	root, err := world.Repository()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, filepath.FromSlash(elements))
}

var tools = map[string]string{}

// tool is the path of a program that a go.mod in e2e/tools pins; it is built when it is not in Go's build cache yet.
func tool(t *testing.T, module, name string) string {
	t.Helper()
	if tools[module] != "" {
		return tools[module]
	}
	if testing.Short() {
		t.Skip("builds " + module + ", which -short leaves out")
	}
	out := run(t, exec.CommandContext(t.Context(), "go", "tool", "-modfile=e2e/tools/"+module+"/go.mod", "-n", name))
	tools[module] = strings.TrimSpace(out)
	return tools[module]
}

// run runs a command in the root of the repository and returns its standard output.
func run(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	out, stderr := try(t, command)
	if stderr != nil {
		t.Fatal(stderr)
	}
	return out
}

// try is run for commands that may fail; the error has the standard error.
func try(t *testing.T, command *exec.Cmd) (string, error) {
	t.Helper()
	var stderr bytes.Buffer
	command.Dir, command.Stderr = path(t, "."), &stderr
	out, err := command.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, &stderr)
	}
	return string(out), nil
}

// objects are manifests by their kind, namespace and name, as in "Deployment wukong-network/wukong-network".
type objects map[string]*unstructured.Unstructured

// decode reads a YAML stream.
func decode(t *testing.T, manifests string) objects {
	t.Helper()
	out := objects{}
	for d := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096); ; {
		object := &unstructured.Unstructured{}
		err := d.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(object.Object) == 0 {
			continue
		}
		key := object.GetKind() + " " + client.ObjectKeyFromObject(object).String()
		if out[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		out[key] = object
	}
}

// eventually asks check until it is content.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	world.Eventually(t, 2*time.Minute, check)
}
