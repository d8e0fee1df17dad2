package walkthrough

import (
	"os"
	"path/filepath"
	"testing"

	"novasphere.dev/wukong-network/e2e/world"
)

// TestAnInstallationIsMadeUpgradedAndRemovedAsThePagesSay is one with kubectl, and then one with Helm in a cluster of its own: the pages
// have the commands of both beside each other.
func TestAnInstallationIsMadeUpgradedAndRemovedAsThePagesSay(t *testing.T) {
	r := newReader(t)
	r.hasCloneBeside()
	install, upgrade, uninstall := r.opens("docs/install.md"), r.opens("docs/upgrade.md"), r.opens("docs/uninstall.md")
	for range 3 { // what it needs, kubectl, kustomize
		r.follows(install)
	}
	r.prepares("kubectl apply -f config/samples/namespaces.yaml -f config/samples/hostuplink.yaml -f config/samples/hostnetwork.yaml",
		"kubectl apply -f config/samples/machine.yaml -f config/samples/static-ip.yaml",
		"kubectl wait wukongs -A --all --for=condition=Ready --timeout=2m")
	r.follows(upgrade)
	r.follows(uninstall) // the machine is kept
	r.prepares("kubectl get vm db-vm -n team-b", "kubectl delete vm db-vm -n team-b")
	for range 4 { // Wukongs, networks, uplinks, the software
		r.follows(uninstall)
	}
	for _, node := range []string{"node-a", "node-b", "node-c"} {
		if _, found := r.Lab.Host(node).Interface("br-lab"); found {
			t.Errorf("%s has br-lab still", node)
		}
	}

	h := newReader(t)
	h.helm()
	for len(install.left) > 0 {
		h.follows(install)
	}
	for len(upgrade.left) > 0 {
		h.follows(upgrade)
	}
	h.prepares(`kubectl apply -f - <<< '`+world.HostUplink("workers", "lab", "eth1", "nodeSelector: {}")+world.HostNetwork("data", "lab")+`'`,
		"kubectl wait hostnetwork/data --for=condition=Ready --timeout=1m")
	h.follows(uninstall) // the software
	h.prepares("kubectl get hostnetwork data", "kubectl delete hostnetwork data --wait=false")
	h.follows(uninstall) // the finalizer
	h.prepares("kubectl wait hostnetwork/data --for=delete --timeout=10s",
		"kubectl patch hostuplink workers --type merge -p '{\"metadata\":{\"finalizers\":null}}'")
	h.mentions("docs/uninstall.md", "kubectl delete -k config/crd")
}

// hasCloneBeside lets the clone be found as wukong-network beside what the reader saves.
func (r *reader) hasCloneBeside() {
	r.t.Helper()
	root, err := world.Repository()
	must(r.t, err)
	must(r.t, os.Symlink(root, filepath.Join(r.dir, "wukong-network")))
}

func TestThePageAboutSecurityShowsWhatIsRefused(t *testing.T) {
	r := newReader(t)
	r.install()
	r.prepares("kubectl apply -f config/samples/namespaces.yaml",
		`kubectl apply -f - <<< '`+world.HostNetwork("data", "lab")+`'`,
		"kubectl create -f e2e/walkthrough/testdata/vault.yaml")
	r.reads("docs/security.md")
}
