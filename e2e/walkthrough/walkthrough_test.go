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
	teams := r.opens("docs/addresses-for-teams.md")
	r.follows(teams)
	r.reads("docs/addresses-for-platform.md")
	r.prepares("kubectl wait hostnetwork/lab --for=condition=Ready --timeout=2m")
	r.follows(teams)
}
