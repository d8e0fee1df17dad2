package walkthrough

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/e2e/machines"
	"novasphere.dev/wukong-network/e2e/world"
)

// reader is somebody who types along.
type reader struct {
	*world.World
	t *testing.T
	// dir is the reader's clone; what is saved there does not reach the repository.
	dir string
	// bin is a folder on the PATH.
	bin string
	env []string
}

// newReader gives a reader a cluster that has nmstate, KubeVirt and Multus, three nodes, and nothing of ours.
func newReader(t *testing.T) *reader {
	t.Helper()
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Wukong}})
	admin, err := client.NewWithWatch(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	must(t, err)
	r := &reader{World: &world.World{Cluster: c, Admin: admin, Requests: &world.Recorder{}}, t: t, dir: t.TempDir()}
	must(t, r.StartLab(t.Context(), lab.Options{}))
	t.Cleanup(r.Lab.Stop)
	for i, name := range []string{"node-a", "node-b", "node-c"} {
		must(t, r.Lab.AddNode(t.Context(), world.Node(name, byte(11+i))))
	}
	kubevirt, err := machines.New(c.AdminConfig(), machines.Options{})
	must(t, err)
	must(t, kubevirt.Run(context.WithoutCancel(t.Context())))
	t.Cleanup(kubevirt.Halt)
	r.clone()
	r.deployments()
	return r
}

// clone gives the reader the files of the repository, and the plugin on the PATH.
func (r *reader) clone() {
	r.t.Helper()
	root, err := world.Repository()
	must(r.t, err)
	entries, err := os.ReadDir(root)
	must(r.t, err)
	for _, e := range entries {
		must(r.t, os.Symlink(filepath.Join(root, e.Name()), filepath.Join(r.dir, e.Name())))
	}
	r.bin = r.t.TempDir()
	r.builds(".", "./cmd/kubectl-wukong", "kubectl-wukong")
	path := strings.Join([]string{r.bin, filepath.Dir(r.Cluster.KubectlPath()), os.Getenv("PATH")}, string(os.PathListSeparator))
	r.env = append(os.Environ(), "PATH="+path, "KUBECONFIG="+r.Cluster.Kubeconfig(), "NO_COLOR=1", "COLUMNS=200")
}

// builds puts a program of a module of the repository on the PATH.
func (r *reader) builds(module, program, name string) {
	r.t.Helper()
	build := exec.CommandContext(r.t.Context(), "go", "build", "-C", filepath.Join("../..", module), "-o", filepath.Join(r.bin, name), program)
	if out, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("go build %s: %v\n%s", program, err, out)
	}
}

// prepares types what a page leaves to its reader.
func (r *reader) prepares(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		must(r.t, r.types(command{text: line + "\n", output: "…\n"}))
	}
}

// install does what the quickstart says about that, for pages that begin later.
func (r *reader) install() {
	r.t.Helper()
	r.prepares("kubectl apply --server-side -f dist/install.yaml", "kubectl rollout status -n wukong-network deployment/wukong-network")
}

// novasphere leaves the cluster as NovaSphere's operator does, with one machine that runs.
func (r *reader) novasphere() {
	r.t.Helper()
	apply := func(file string) {
		manifests, err := os.ReadFile(filepath.Join("testdata", file))
		must(r.t, err)
		must(r.t, r.Cluster.Apply(r.t.Context(), manifests))
	}
	must(r.t, r.Admin.Create(r.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}))
	apply("novasphere-crd.yaml")
	r.prepares("kubectl wait crd/wukongs.vm.novasphere.dev --for=condition=Established")
	apply("novasphere-objects.yaml")
	r.prepares("kubectl wait nncp/db-lan-bridge --for=condition=Available --timeout=1m")
	manifest, err := os.ReadFile(filepath.Join("testdata", "novasphere-machine.yaml"))
	must(r.t, err)
	vm := &kubevirtv1.VirtualMachine{}
	must(r.t, yaml.UnmarshalStrict(manifest, vm))
	owner := &v1alpha1.Wukong{}
	must(r.t, r.Admin.Get(r.t.Context(), types.NamespacedName{Namespace: "team-a", Name: "db"}, owner))
	vm.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1alpha1.GroupVersion.WithKind("Wukong"))}
	must(r.t, r.Admin.Create(r.t.Context(), vm, client.FieldOwner("manager")))
	r.prepares("kubectl wait vmi/db-vm -n team-a --timeout=1m --for=create", "kubectl wait vmi/db-vm -n team-a --timeout=1m --for=condition=Ready")
}

// script is what is left of a page.
type script struct {
	page string
	left []block
}

// opens begins with a page, which has to be read to its end.
func (r *reader) opens(page string) *script {
	r.t.Helper()
	if !slices.Contains(typed, page) {
		r.t.Fatalf("%s is not among the pages that are typed along, in pages_test.go", page)
	}
	text, err := os.ReadFile(filepath.Join(r.dir, page))
	must(r.t, err)
	blocks, err := parse(string(text))
	must(r.t, err)
	s := &script{page, blocks}
	r.t.Cleanup(func() {
		if len(s.left) > 0 && !r.t.Failed() {
			r.t.Errorf("%s was read as far as line %d", page, s.left[0].line)
		}
	})
	return s
}

// reads follows a page of the documentation to its end.
func (r *reader) reads(page string) {
	r.t.Helper()
	r.finishes(r.opens(page))
}

// finishes reads on to the end of a page.
func (r *reader) finishes(s *script) {
	r.t.Helper()
	for typed := 0; len(s.left) > 0 || typed == 0; typed++ {
		r.follows(s)
	}
}

// mentions types commands that a page names within its text, whatever they print.
func (r *reader) mentions(page string, lines ...string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, page))
	must(r.t, err)
	for _, line := range lines {
		if !strings.Contains(string(text), "`"+line+"`") {
			r.t.Errorf("%s does not name `%s`", page, line)
		}
	}
	r.prepares(lines...)
}

// follows reads on until the next block of commands has been typed.
func (r *reader) follows(s *script) {
	r.t.Helper()
	for len(s.left) > 0 {
		b := s.left[0]
		s.left = s.left[1:]
		if b.file != "" {
			file := filepath.Join(r.dir, b.file)
			must(r.t, os.MkdirAll(filepath.Dir(file), 0o700))
			must(r.t, os.WriteFile(file, []byte(b.text), 0o600))
			continue
		}
		commands, err := b.commands()
		must(r.t, err)
		for _, c := range commands {
			if wrong := r.types(c); wrong != nil {
				r.t.Fatalf("%s, block at line %d: $ %s%v", s.page, b.line, c.text, wrong)
			}
		}
		return
	}
	r.t.Fatalf("%s has no commands, or no more of them", s.page)
}

// types runs a command and compares what it prints.
func (r *reader) types(c command) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", c.text)
	shell.Dir, shell.Env = r.dir, r.env
	out, err := shell.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	if code := shell.ProcessState.ExitCode(); code != c.exit {
		return fmt.Errorf("exit code %d, want %d\n%s", code, c.exit, out)
	}
	r.t.Logf("$ %s%s", c.text, out)
	p, err := pattern(c.output)
	if err != nil {
		return err
	}
	if !p.MatchString(strings.TrimSuffix(string(out), "\n")+"\n") && !p.Match(out) {
		return fmt.Errorf("printed:\n%s\nand the page says:\n%s", out, c.output)
	}
	return nil
}
