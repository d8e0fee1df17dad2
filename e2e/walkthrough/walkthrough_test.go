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
