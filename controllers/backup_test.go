package controllers_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// docs/backup.md describes the same steps.
func TestABackupOfWukongsAndLeasesCanBeRestored(t *testing.T) {
	w := theWorld(t)
	ns := namespaceLabelled(t, w, nil)
	segments(t, w, "backup", map[string]string{"eth1": "backup"}, ns)
	pool := poolOf("backup", "backup", "192.0.2.0/24", "192.0.2.100-192.0.2.200")
	pool.Spec.Cooldown = &metav1.Duration{Duration: time.Minute} // longer than any start of the controller
	create(t, w, pool)
	early := drawing(ns, "early", "backup", "backup")
	create(t, w, early)
	eventually(t, holds(w, early, "192.0.2.100", "backup"))
	machine, drawn := static(ns, "machine", "backup", "192.0.2.10/24"), drawing(ns, "drawn", "backup", "backup")
	machine.Spec.Disks = []v1alpha1.Disk{{Name: "root", Size: "1Gi"}}
	kept := static(ns, "kept", "backup", "192.0.2.11/24")
	kept.Spec.Networks[0].IPConfig.Reserved = true
	create(t, w, machine, drawn, kept)
	for wk, address := range map[*v1alpha1.Wukong]string{machine: "192.0.2.10", drawn: "192.0.2.101", kept: "192.0.2.11"} {
		eventually(t, holds(w, wk, address, "backup"))
		eventually(t, delivered(w, wk))
	}
	remove(t, w.Admin, early, kept)
	eventually(t, inPhase(w, "192.0.2.100", "backup", v1alpha1.LeaseCooling))
	eventually(t, inPhase(w, "192.0.2.11", "backup", v1alpha1.LeaseReserved))

	kubectl := func(args ...string) []byte {
		t.Helper()
		out, err := w.Cluster.Kubectl(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	folder := t.TempDir()
	for file, args := range map[string][]string{
		"addressleases.yaml": {"get", "addressleases", "--field-selector=spec.segment=backup"},
		"wukongs.yaml":       {"get", "wukongs", "-n", ns},
	} {
		if err := os.WriteFile(filepath.Join(folder, file), kubectl(append(args, "-o", "yaml")...), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// The disaster: everything goes, in an order that nobody chose.
	kubectl("delete", "wukongs", "-n", ns, "--all")
	kubectl("delete", "addressleases", "--field-selector=spec.segment=backup")

	stranger := drawing(ns, "a-stranger", "backup", "backup") // comes before the others have what was theirs
	restart(t, func() {
		kubectl("apply", "-f", filepath.Join(folder, "addressleases.yaml"))
		kubectl("apply", "-f", filepath.Join(folder, "wukongs.yaml"))
		create(t, w, stranger)
	})
	for wk, address := range map[*v1alpha1.Wukong]string{machine: "192.0.2.10", drawn: "192.0.2.101"} {
		before := wk.UID
		eventually(t, holds(w, wk, address, "backup"))
		if wk.UID == before {
			t.Errorf("%s is still the one that was deleted", wk.Name)
		}
		eventually(t, delivered(w, wk))
	}
	eventually(t, holds(w, stranger, "192.0.2.102", "backup"))
	if err := inPhase(w, "192.0.2.11", "backup", v1alpha1.LeaseReserved)(); err != nil {
		t.Error(err)
	}
	l, err := lease(w, "192.0.2.101", "backup")
	if err != nil || len(l.Spec.History) < 2 {
		t.Errorf("the history of the lease was not restored: %v %+v", err, l.Spec.History)
	}
	eventually(t, ready(w, machine, metav1.ConditionFalse, ""))
	quiet(t, w)
	if err := holds(w, machine, "192.0.2.10", "backup")(); err != nil {
		t.Error(err)
	}
}

func remove(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}
