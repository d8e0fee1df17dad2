package walkthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	// cfg are the settings of the controller that the reader deploys.
	cfg controllers.Config
	// kubevirt plays KubeVirt; nil where it does not run.
	kubevirt *machines.Runner
}

// newReader gives a reader a cluster that has nmstate, KubeVirt and Multus, three nodes, and nothing of ours.
func newReader(t *testing.T) *reader {
	t.Helper()
	r := newReaderOf(t, lab.Options{}, world.Node("node-a", 11), world.Node("node-b", 12), world.Node("node-c", 13))
	r.machines()
	return r
}

// newReaderOf gives a reader a cluster with other nodes, on which KubeVirt does not run yet.
func newReaderOf(t *testing.T, opts lab.Options, nodes ...lab.NodeSpec) *reader {
	t.Helper()
	c := cluster.ForTest(t, cluster.Options{Without: []cluster.Component{cluster.Wukong}})
	admin, err := client.NewWithWatch(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	must(t, err)
	r := &reader{World: &world.World{Cluster: c, Admin: admin, Requests: &world.Recorder{}}, t: t, dir: t.TempDir()}
	r.cfg = controllers.DefaultConfig()
	r.cfg.Cooldown, r.cfg.RetryAfter, r.cfg.Sweep = time.Second, 2*time.Second, time.Second
	must(t, r.StartLab(t.Context(), opts))
	t.Cleanup(r.Lab.Stop)
	for _, node := range nodes {
		must(t, r.Lab.AddNode(t.Context(), node))
	}
	r.clone()
	r.deployments()
	return r
}

// machines has KubeVirt run.
func (r *reader) machines() {
	r.t.Helper()
	kubevirt, err := machines.New(r.Cluster.AdminConfig(), machines.Options{})
	must(r.t, err)
	must(r.t, kubevirt.Run(context.WithoutCancel(r.t.Context())))
	r.t.Cleanup(kubevirt.Halt)
	r.kubevirt = kubevirt
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

// readsAlong follows a page to its end, and tells of each block of commands before it is typed.
func (r *reader) readsAlong(page string, before func(commands string)) {
	r.t.Helper()
	s := r.opens(page)
	for len(s.left) > 0 {
		next := slices.IndexFunc(s.left, func(b block) bool { return b.file == "" })
		if next >= 0 {
			before(s.left[next].text)
		}
		r.follows(s)
	}
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

// span matches a command within a sentence or a table of a page.
var span = regexp.MustCompile("`(kubectl [^`]+)`")

// named matches a span that names a command and is none that anybody would type.
var named = regexp.MustCompile(`^kubectl( wukong( [a-z]+){0,2}| [a-z]+)?$`)

// tries types the commands that stand in sentences and tables of a page, with what the page leaves open filled in. What they print
// is not looked at, and commands of ours may have findings.
func (r *reader) tries(page string, filled ...string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, page))
	must(r.t, err)
	fill := strings.NewReplacer(filled...)
	for _, found := range span.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
		line := fill.Replace(spaces.ReplaceAllString(found[1], " "))
		if named.MatchString(line) {
			continue
		}
		c := command{text: line + "\n", output: "…\n"}
		wrong := r.types(c)
		if wrong != nil && strings.HasPrefix(line, "kubectl wukong ") {
			c.exit = 1
			wrong = r.types(c)
		}
		if wrong != nil {
			r.t.Errorf("%s: %s: %v", page, line, wrong)
		}
	}
}

// fenced matches a block of a page.
var fenced = regexp.MustCompile("(?ms)^```.*?^```$")

// logged matches what the client library logs. kubectl wait does so now and then when it ends its watch; commands of ours never.
var logged = regexp.MustCompile(`(?m)^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [a-z_]+\.go:\d+\] .*\n`)

// types runs a command and compares what it prints.
func (r *reader) types(c command) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", c.text)
	shell.Dir, shell.Env = r.dir, r.env
	shell.WaitDelay = 5 * time.Second // when time is over, what the shell has started may still hold its output
	out, err := shell.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	if code := shell.ProcessState.ExitCode(); code != c.exit {
		return fmt.Errorf("exit code %d, want %d\n%s", code, c.exit, out)
	}
	r.t.Logf("$ %s%s", c.text, out)
	if !strings.Contains(c.text, "kubectl wukong") {
		out = logged.ReplaceAll(out, nil)
	}
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n') // as a page shows it
	}
	p, err := pattern(c.output)
	if err != nil {
		return err
	}
	if !p.MatchString(strings.TrimSuffix(string(out), "\n")+"\n") && !p.Match(out) {
		return fmt.Errorf("printed:\n%s\nand the page says:\n%s", out, c.output)
	}
	return nil
}
