package parts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const (
	// NmstateCRDs, KubeVirtCRDs and MultusCRDs are the folders inside the part that LookupCRDs finds.
	NmstateCRDs  = "nmstate"
	KubeVirtCRDs = "kubevirt"
	MultusCRDs   = "multus"

	toolsModule    = "e2e/tools"
	gitopsModule   = "e2e/gitops"
	nmstateModule  = "github.com/nmstate/kubernetes-nmstate/api"
	kubevirtModule = "kubevirt.io/api"
	multusModule   = "github.com/k8snetworkplumbingwg/network-attachment-definition-client"

	// crdRecipe counts the changes of how this file makes the definitions, so that a cache filled by older code is not used.
	crdRecipe = "4"
)

// LookupCRDs finds the folder that holds the definitions of KubeVirt, nmstate and Multus, one folder each, one file per
// definition. The error wraps fs.ErrNotExist when they are missing, and says how to get them.
func LookupCRDs() (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	name, err := crdsName(root)
	if err != nil {
		return "", err
	}
	dir, err := Lookup(name)
	if err != nil {
		return "", missing("definitions of KubeVirt, nmstate and Multus", "crds", err)
	}
	return dir, nil
}

// FetchCRDs generates the definitions from the Go types of their projects, so that tests see the very fields that the controller
// compiles against. Those of nmstate are required by a module of tests alone: the license of theirs is not clear.
func FetchCRDs(ctx context.Context, progress io.Writer) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	name, err := crdsName(root)
	if err != nil {
		return "", err
	}
	return Fill(ctx, name, func(ctx context.Context, dir string) error {
		return generateCRDs(ctx, crdGenerator{root: root, dir: dir}, progress)
	})
}

func crdsName(root string) (string, error) {
	v, err := pinnedVersions(root, ".", kubevirtModule, multusModule)
	if err != nil {
		return "", err
	}
	n, err := pinnedVersions(root, gitopsModule, nmstateModule)
	if err != nil {
		return "", err
	}
	nmstate := n[0][strings.LastIndex(n[0], "-")+1:] // the commit of a pseudo-version
	return fmt.Sprintf("crds-kubevirt%s-nmstate%s-multus%s-r%s", v[0], nmstate, v[1], crdRecipe), nil
}

type crdGenerator struct{ root, dir string }

func generateCRDs(ctx context.Context, g crdGenerator, w io.Writer) (err error) {
	progress := StartProgress(w, "custom resource definitions")
	defer func() { progress.End(err) }()
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{NmstateCRDs, g.nmstate}, {KubeVirtCRDs, g.kubevirt}, {MultusCRDs, g.multus}} {
		progress.Step("%s", step.name)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// nmstate generates both API versions, plus the two counters that newer handlers write: the pinned module predates them and
// the API server would drop what the schema does not know.
func (g crdGenerator) nmstate(ctx context.Context) error {
	if err := g.generate(ctx, gitopsModule, NmstateCRDs, "crd", "paths="+nmstateModule+"/v1", "paths="+nmstateModule+"/v1beta1"); err != nil {
		return err
	}
	counters := &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: &apiextensionsv1.JSONSchemaProps{Type: "integer"}}
	if err := g.edit(NmstateCRDs, "nmstate.io_nodenetworkconfigurationenactments.yaml", addStatusField("retryCount",
		apiextensionsv1.JSONSchemaProps{Type: "object", AdditionalProperties: counters})); err != nil {
		return err
	}
	if err := g.edit(NmstateCRDs, "nmstate.io_nodenetworkconfigurationpolicies.yaml", addStatusField("unavailableNodeCountMap",
		apiextensionsv1.JSONSchemaProps{Type: "object", AdditionalProperties: counters})); err != nil {
		return err
	}
	return g.keep(NmstateCRDs, "nmstate.io_nodenetworkconfigurationenactments.yaml",
		"nmstate.io_nodenetworkconfigurationpolicies.yaml", "nmstate.io_nodenetworkstates.yaml")
}

// kubevirt generates the definitions of machines, their instances, and of KubeVirt's own settings. Embedded metadata is kept, or the labels of the machine
// template would be dropped; descriptions are not, as the definition would be too large for a client-side apply.
func (g crdGenerator) kubevirt(ctx context.Context) error {
	err := g.generate(ctx, ".", KubeVirtCRDs, "crd:allowDangerousTypes=true,generateEmbeddedObjectMeta=true,maxDescLen=0",
		"paths="+kubevirtModule+"/core/v1")
	if err != nil {
		return err
	}
	const machines, instances, settings = "kubevirt.io_virtualmachines.yaml", "kubevirt.io_virtualmachineinstances.yaml", "kubevirt.io_kubevirts.yaml"
	// As shipped by KubeVirt: a machine has a status subresource, and so have the settings; an instance has none.
	for _, file := range []string{machines, settings} {
		if err := g.edit(KubeVirtCRDs, file, addStatusSubresource); err != nil {
			return err
		}
	}
	for file, names := range map[string][]string{machines: {"vm", "vms"}, instances: {"vmi", "vmis"}} {
		if err := g.edit(KubeVirtCRDs, file, addShortNames(names)); err != nil {
			return err
		}
	}
	return g.keep(KubeVirtCRDs, machines, settings, instances)
}

// multus copies the definition that the module ships: the generated one has a wrong plural.
func (g crdGenerator) multus(ctx context.Context) error {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", multusModule)
	list.Dir = g.root
	out, err := list.Output()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "artifacts", "networks-crd.yaml"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(g.dir, MultusCRDs), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(g.dir, MultusCRDs, "k8s.cni.cncf.io_network-attachment-definitions.yaml"), data, 0o644)
}

// generate runs controller-gen, as pinned by the tools module, in a module of the repository.
func (g crdGenerator) generate(ctx context.Context, module, folder string, args ...string) error {
	args = append([]string{"tool", "-modfile=" + filepath.Join(g.root, toolsModule, "go.mod"), "controller-gen"}, args...)
	args = append(args, "output:crd:dir="+filepath.Join(g.dir, folder))
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(g.root, module)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("controller-gen: %w\n%s", err, output.String())
	}
	return nil
}

// edit changes one generated definition in place.
func (g crdGenerator) edit(folder, file string, change func(*apiextensionsv1.CustomResourceDefinition) error) error {
	path := filepath.Join(g.dir, folder, file)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &crd); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := change(&crd); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	data, err = yaml.Marshal(crd)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// keep removes every definition of a folder but the named ones, all of which must be there.
func (g crdGenerator) keep(folder string, files ...string) error {
	wanted := map[string]bool{}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(g.dir, folder, f)); err != nil {
			return err
		}
		wanted[f] = true
	}
	entries, err := os.ReadDir(filepath.Join(g.dir, folder))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if wanted[e.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(g.dir, folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func addStatusField(name string, schema apiextensionsv1.JSONSchemaProps) func(*apiextensionsv1.CustomResourceDefinition) error {
	return func(crd *apiextensionsv1.CustomResourceDefinition) error {
		for _, v := range crd.Spec.Versions {
			status, ok := v.Schema.OpenAPIV3Schema.Properties["status"]
			if !ok {
				return fmt.Errorf("version %s has no status", v.Name)
			}
			status.Properties[name] = schema
		}
		return nil
	}
}

func addShortNames(names []string) func(*apiextensionsv1.CustomResourceDefinition) error {
	return func(crd *apiextensionsv1.CustomResourceDefinition) error {
		crd.Spec.Names.ShortNames = names
		return nil
	}
}

func addStatusSubresource(crd *apiextensionsv1.CustomResourceDefinition) error {
	for i := range crd.Spec.Versions {
		crd.Spec.Versions[i].Subresources = &apiextensionsv1.CustomResourceSubresources{
			Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
		}
	}
	return nil
}
