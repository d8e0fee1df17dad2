package changes

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/render"
)

// plugin builds kubectl-wukong and gives its path.
func plugin(t *testing.T) string {
	t.Helper()
	root, err := world.Repository()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "kubectl-wukong")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/kubectl-wukong")
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// guest runs a command about a guest and gives what it prints as JSON, and its exit code.
func (r *trial) guest(plugin, verb, name string, into any) int {
	r.t.Helper()
	var stderr strings.Builder
	command := exec.CommandContext(r.ctx, plugin, "guest", verb, r.namespace+"/"+name, "-o", "json", "--kubeconfig", r.Cluster.Kubeconfig())
	command.Stderr = &stderr
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || json.Unmarshal(out, into) != nil {
		r.t.Fatalf("guest %s %s: %v\n%s%s", verb, name, err, out, stderr.String())
	}
	return command.ProcessState.ExitCode()
}

// verified is the part of the answer of guest verify that is looked at here.
type verified struct {
	Reason, Fix string
	Networks    []struct {
		Addresses []struct{ Address, Delivered, Observed, Verdict string }
	}
}

// verifies waits until guest verify says so about a guest, with one text per address: what it is, delivered, observed, verdict.
func (r *trial) verifies(plugin, name, reason string, code int, want ...string) {
	r.t.Helper()
	r.eventually(func() string {
		var got verified
		exit := r.guest(plugin, "verify", name, &got)
		var rows []string
		for _, n := range got.Networks {
			for _, a := range n.Addresses {
				rows = append(rows, strings.Join([]string{a.Address, a.Delivered, a.Observed, a.Verdict}, " "))
			}
		}
		if got.Reason != reason || exit != code || !slices.Equal(rows, want) {
			return "guest verify says " + got.Reason + " " + strings.Join(rows, ", ")
		}
		return ""
	})
}

// shown gives the network data that guest show has. It must be what was delivered, and what is rendered from the status must be
// the same, or there would be a note.
func (r *trial) shown(plugin, name string) (networkData string, notes []string) {
	r.t.Helper()
	var got struct {
		Origin, NetworkData string
		Notes               []string
	}
	if exit := r.guest(plugin, "show", name, &got); exit != 0 || got.Origin != "Delivered" {
		r.t.Errorf("guest show ends with %d and shows what was %s", exit, got.Origin)
	}
	return got.NetworkData, got.Notes
}

func TestTheCommandsAboutGuestsSayWhatAGuestIsToldAndHasThroughAChange(t *testing.T) {
	r, binary := newTrial(t), plugin(t)
	key := r.running("web", "192.0.2.60/24")
	r.verifies(binary, "web", v1alpha1.ReasonInSync, 0, "192.0.2.60/24 Yes Yes Present")
	if text, notes := r.shown(binary, "web-vm"); !strings.Contains(text, "192.0.2.60/24") || len(notes) > 0 {
		t.Errorf("shown with notes %q:\n%s", notes, text)
	}

	r.asks("web", network("lan", "lan", "192.0.2.61/24"))
	r.is("web", v1alpha1.ConditionReady, "False", v1alpha1.ReasonRestartRequired)
	r.verifies(binary, "web", v1alpha1.ReasonRestartRequired, 1, "192.0.2.61/24 No No RestartRequired", "192.0.2.60/24 Yes Yes RestartRequired")
	text, notes := r.shown(binary, "web")
	if !strings.Contains(text, "192.0.2.61/24") || len(notes) != 2 || !strings.Contains(notes[1], "address 192.0.2.60/24 -> 192.0.2.61/24") {
		t.Errorf("shown with notes %q:\n%s", notes, text)
	}

	r.must(r.Machines.Restart(r.ctx, key))
	r.verifies(binary, "web", v1alpha1.ReasonInSync, 0, "192.0.2.61/24 Yes Yes Present")
}

// theirs makes a machine of somebody else on lan that refers to a Secret.
func (r *trial) theirs(name, mac, secret string) types.NamespacedName {
	r.t.Helper()
	r.must(r.Cluster.Apply(r.ctx, []byte(world.Machine(r.namespace, name, mac, secret))))
	return types.NamespacedName{Namespace: r.namespace, Name: name}
}

func TestTheCommandsAboutGuestsKnowWhatSomebodyElsesMachineWasToldToo(t *testing.T) {
	r, binary := newTrial(t), plugin(t)
	key := r.theirs("erp", "02:00:00:00:00:62", "legacy-net")
	r.serves("legacy", "erp", "192.0.2.62/24")
	r.inSync("legacy")
	r.verifies(binary, "erp", v1alpha1.ReasonInSync, 0, "192.0.2.62/24 Yes Yes Present")
	r.eventually(func() string { // times have whole seconds: what changes at once may have been read
		if read, started := render.SecretRead(r.instance(key)); !started || time.Since(read) < time.Second {
			return "the machine has just read its Secret"
		}
		return ""
	})
	r.serves("legacy", "erp", "192.0.2.63/24")
	r.verifies(binary, "erp", v1alpha1.ReasonRestartRequired, 1, "192.0.2.63/24 No No RestartRequired", "192.0.2.62 No Yes Unexpected")
	r.must(r.Machines.Restart(r.ctx, key))
	r.verifies(binary, "erp", v1alpha1.ReasonInSync, 0, "192.0.2.63/24 Yes Yes Present")
	if _, notes := r.shown(binary, "legacy"); len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
}
