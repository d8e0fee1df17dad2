package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"novasphere.dev/wukong-network/e2e/parts"
)

// Component is something that can be installed into a cluster, or be missing from it.
type Component string

const (
	// Wukong is our own kinds.
	Wukong Component = "wukong"
	// Nmstate is kubernetes-nmstate's kinds with its admission rules and its stamp on policies.
	Nmstate Component = "nmstate"
	// KubeVirt is VirtualMachine and VirtualMachineInstance.
	KubeVirt Component = "kubevirt"
	// Multus is NetworkAttachmentDefinition.
	Multus Component = "multus"
)

var allComponents = []Component{Wukong, Nmstate, KubeVirt, Multus}

// crdFolders says where the definitions of each component are.
func crdFolders(o Options) (map[Component]string, error) {
	foreign, err := parts.LookupCRDs()
	if err != nil {
		return nil, err
	}
	own, err := ownCRDs(o)
	if err != nil {
		return nil, err
	}
	return map[Component]string{
		Wukong:   own,
		Nmstate:  filepath.Join(foreign, parts.NmstateCRDs),
		KubeVirt: filepath.Join(foreign, parts.KubeVirtCRDs),
		Multus:   filepath.Join(foreign, parts.MultusCRDs),
	}, nil
}

// ownCRDs returns the folder of our own definitions. A wrong one is a mistake, not something to fetch: the error wraps no
// fs.ErrNotExist.
func ownCRDs(o Options) (string, error) {
	folder := o.CRDs
	if folder == "" {
		root, err := parts.RepositoryRoot()
		if err != nil {
			return "", err
		}
		folder = filepath.Join(root, "config", "crd")
	}
	if _, err := os.Stat(folder); err != nil && !slices.Contains(o.Without, Wukong) {
		return "", fmt.Errorf("no definitions of our own: %s", err.Error())
	}
	return folder, nil
}

// Install adds components to a running cluster and returns when they are in effect. Garbage collection learns of kinds that
// came after the start within 30 seconds.
func (c *Cluster) Install(ctx context.Context, components ...Component) error {
	if err := c.installCRDs(components); err != nil {
		return err
	}
	if slices.Contains(components, Nmstate) {
		return c.installNmstateAdmission(ctx)
	}
	return nil
}

// installCRDs creates the definitions of components and waits until they are served.
func (c *Cluster) installCRDs(components []Component) error {
	options := envtest.CRDInstallOptions{ErrorIfPathMissing: true, MaxTime: startTimeout}
	for _, component := range components {
		folder, known := c.crds[component]
		if !known {
			return fmt.Errorf("unknown component %q", component)
		}
		options.Paths = append(options.Paths, folder)
	}
	if _, err := envtest.InstallCRDs(c.admin, options); err != nil {
		return fmt.Errorf("install %v: %w", components, err)
	}
	return nil
}

func without(components, removed []Component) []Component {
	return slices.DeleteFunc(slices.Clone(components), func(c Component) bool { return slices.Contains(removed, c) })
}
