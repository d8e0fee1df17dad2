package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	controlPlaneModule = "e2e/controlplane"
	kubernetesModule   = "k8s.io/kubernetes"
	etcdModule         = "go.etcd.io/etcd/server/v3"

	// assetsVariable is envtest's own setting: a folder with ready binaries.
	assetsVariable = "KUBEBUILDER_ASSETS"
)

// ControlPlane holds the paths of the binaries that an embedded cluster consists of.
type ControlPlane struct {
	APIServer, Etcd, Kubectl, ControllerManager string
}

// LookupControlPlane finds the control plane in $KUBEBUILDER_ASSETS or in the cache. The error wraps fs.ErrNotExist when it
// is missing, and says how to get it.
//
// The assets that setup-envtest downloads hold no kube-controller-manager: it is taken from the cache then.
func LookupControlPlane() (ControlPlane, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return ControlPlane{}, err
	}
	names, err := controlPlaneNames(root)
	if err != nil {
		return ControlPlane{}, err
	}
	if assets := os.Getenv(assetsVariable); assets != "" {
		return lookupAssets(assets, names)
	}
	dir, err := Lookup(names.all)
	if err != nil {
		return ControlPlane{}, missing("control plane", "controlplane", err)
	}
	return controlPlaneIn(dir), nil
}

// lookupAssets finds the control plane in a folder that the user gave.
func lookupAssets(folder string, names controlPlaneParts) (ControlPlane, error) {
	cp := controlPlaneIn(folder)
	if !cp.serves() {
		return ControlPlane{}, fmt.Errorf("%s=%s holds no kube-apiserver and etcd: correct it or unset it", assetsVariable, folder)
	}
	if !isFile(cp.ControllerManager) {
		dir, err := lookupFirst(names.controllerManager, names.all)
		if err != nil {
			return ControlPlane{}, missing("kube-controller-manager, which "+assetsVariable+" lacks,", "controlplane", err)
		}
		cp.ControllerManager = controlPlaneIn(dir).ControllerManager
	}
	return cp, nil
}

// FetchControlPlane builds what LookupControlPlane does not find, from the sources that e2e/controlplane pins, and returns
// the folder of the binaries. The first build takes several minutes; progress tells how far it is.
func FetchControlPlane(ctx context.Context, progress io.Writer) (string, error) {
	cp, err := LookupControlPlane()
	if err == nil {
		return filepath.Dir(cp.APIServer), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	names, err := controlPlaneNames(root)
	if err != nil {
		return "", err
	}
	part, commands := names.all, []string{
		etcdModule, kubernetesModule + "/cmd/kube-apiserver", kubernetesModule + "/cmd/kube-controller-manager",
		kubernetesModule + "/cmd/kubectl",
	}
	if os.Getenv(assetsVariable) != "" {
		part, commands = names.controllerManager, []string{kubernetesModule + "/cmd/kube-controller-manager"}
	}
	return Fill(ctx, part, func(ctx context.Context, dir string) error {
		build := goBuild{
			module: filepath.Join(root, controlPlaneModule), packages: commands,
			ldflags: versionFlags(names.kubernetes), output: dir,
		}
		return build.controlPlane(ctx, progress)
	})
}

func (b goBuild) controlPlane(ctx context.Context, w io.Writer) (err error) {
	progress := StartProgress(w, "control plane")
	defer func() { progress.End(err) }()
	if err := b.run(ctx, progress); err != nil {
		return err
	}
	// The go command names etcd's binary after the folder of its source.
	err = os.Rename(filepath.Join(b.output, "server"), filepath.Join(b.output, "etcd"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

type controlPlaneParts struct {
	kubernetes             string // version
	all, controllerManager string // part names
}

func controlPlaneNames(root string) (controlPlaneParts, error) {
	v, err := pinnedVersions(root, controlPlaneModule, kubernetesModule, etcdModule)
	if err != nil {
		return controlPlaneParts{}, err
	}
	return controlPlaneParts{
		kubernetes:        v[0],
		all:               fmt.Sprintf("controlplane-%s-etcd%s", v[0], v[1]),
		controllerManager: "controller-manager-" + v[0],
	}, nil
}

func controlPlaneIn(dir string) ControlPlane {
	return ControlPlane{
		APIServer:         filepath.Join(dir, "kube-apiserver"),
		Etcd:              filepath.Join(dir, "etcd"),
		Kubectl:           filepath.Join(dir, "kubectl"),
		ControllerManager: filepath.Join(dir, "kube-controller-manager"),
	}
}

// versionFlags returns linker flags that strip the binary and stamp the version, as Kubernetes' own build does: without the
// stamp the API server calls itself v0.0.0-master.
func versionFlags(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const variable = " -X k8s.io/component-base/version."
	return "-s -w" + variable + "gitVersion=" + version + variable + "gitMajor=" + major + variable + "gitMinor=" + minor
}

// serves tells whether the binaries that make up an API server are there.
func (cp ControlPlane) serves() bool { return isFile(cp.APIServer) && isFile(cp.Etcd) }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// lookupFirst returns the folder of the first part that is there.
func lookupFirst(names ...string) (dir string, err error) {
	for _, name := range names {
		if dir, err = Lookup(name); err == nil {
			return dir, nil
		}
	}
	return "", err
}

// missing says which part is not there and how to get it.
func missing(part, fetch string, err error) error {
	return fmt.Errorf("no %s in the cache, run: go run ./e2e/parts/fetch %s: %w", part, fetch, err)
}
