package walkthrough

import (
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

func TestTheQuickstartLeadsFromAnEmptyClusterToTheFirstStaticAddress(t *testing.T) {
	newReader(t).reads("docs/quickstart.md")
}

func TestAPolicyThatWasWrittenByHandIsObservedAndThenHandedOver(t *testing.T) {
	r := newReader(t)
	r.install()
	r.reads("docs/migration.md")
	r.mentions("docs/migration.md", "kubectl wukong host plan -f office.yaml")
}

func TestMachinesOfNovaSphereAreTakenOverWhileTheyRun(t *testing.T) {
	r := newReader(t)
	r.novasphere()
	r.reads("docs/from-novasphere.md")
}

func TestAddressesAreGivenOutAsThePagesAboutThemShow(t *testing.T) {
	r := newReader(t)
	r.install()
	r.prepares("kubectl apply -f config/samples/namespaces.yaml -f config/samples/hostuplink.yaml -f config/samples/hostnetwork.yaml")
	teams, platform := r.opens("docs/addresses-for-teams.md"), r.opens("docs/addresses-for-platform.md")
	r.follows(teams)
	r.follows(platform)
	r.prepares("kubectl wait hostnetwork/lab --for=condition=Ready --timeout=2m")
	r.finishes(teams)
	r.mentions("docs/addresses-for-teams.md", "kubectl get wukongs -o wide")
	r.reads("docs/status-commands.md")
	r.finishes(platform)
	r.mentions("docs/addresses-for-platform.md", "kubectl get addressleases -o wide")
}

func TestTheCommandLineAnswersAsItsPagesShow(t *testing.T) {
	r := newReader(t)
	checks := r.opens("docs/checks.md")
	r.follows(checks) // before the installation
	r.install()
	r.stage()
	r.follows(checks) // once everything is ready
	r.mentions("docs/checks.md", "kubectl wukong host status", "kubectl -n wukong-network get pods", "kubectl -n wukong-network describe pod")
	r.reads("docs/render.md")
	r.reads("docs/diff.md")
	r.reads("docs/report.md")
	r.completes()
	r.keepsInGit()
	r.prepares("kubectl apply -f left.yaml", "kubectl delete pod -n nmstate nmstate-handler-node-b --grace-period=0 --force")
	r.finishes(checks)
}

// stage leaves a machine that runs on a network, and an address of a pool that somebody has, in folders as a reader has them.
func (r *reader) stage() {
	r.t.Helper()
	r.prepares("cp -r e2e/walkthrough/testdata/stage/. .",
		"cp platform/lab.yaml team-a/web.yaml overlays/production",
		"kubectl create namespace team-a && kubectl create namespace team-b",
		"kubectl apply -f platform -f team-a -f team-b",
		`sed "s/NOW/$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)/" leader.yaml | kubectl apply -f -`,
		"kubectl wait wukongs --all -A --for=condition=Ready --timeout=2m",
		"kubectl wait hostuplink/workers hostnetwork/data addresspool/office --for=condition=Ready --timeout=2m")
}

// completes reads the page about completion, and asks kubectl as a shell does.
func (r *reader) completes() {
	r.t.Helper()
	r.mentions("docs/completion.md", "kubectl completion --help")
	r.reads("docs/completion.md")
	must(r.t, r.types(command{text: "kubectl __complete wukong pool show o 2>/dev/null\n", output: "office\n:4\n"}))
}

// keepsInGit reads the page about GitOps, with a folder of networks and an Argo CD.
func (r *reader) keepsInGit() {
	r.t.Helper()
	r.builds("e2e/tools/kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "kustomize")
	r.prepares("kubectl create namespace argocd",
		"kubectl apply -f e2e/gitops/testdata/argocd/argocd-cm.yaml",
		"mkdir argocd networks",
		"cp e2e/gitops/testdata/argocd/argocd-cm.yaml argocd/install.yaml",
		"cp config/gitops/kustomize/networks.yaml networks")
	r.reads("docs/gitops.md")
}
