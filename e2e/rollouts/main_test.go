package rollouts

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// shared is for tests that keep apart by names. Where numbers are measured, each has a cluster of its own.
var shared cluster.Shared

func TestMain(m *testing.M) {
	// Controllers that crash on purpose complain a lot.
	ctrl.SetLogger(logr.Discard())
	if os.Getenv("WUKONG_TEST_LOG") != "" {
		ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	os.Exit(shared.Run(m))
}

// number is a number that the environment may change.
func number(t *testing.T, variable string, unsaid int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return unsaid
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// eventually waits until what returns an empty text; the last text says what was still wrong.
func eventually(t *testing.T, patience time.Duration, what func() string) {
	t.Helper()
	world.Eventually(t, patience, world.Saying(what))
}

// uplink is the manifest of a HostUplink; more are further lines of its spec.
func uplink(name, fabric string, more ...string) string {
	return world.HostUplink(name, fabric, "eth1", more...)
}

// network is the manifest of a HostNetwork that every namespace may use; more are further lines of its spec.
func network(name, fabric string, more ...string) string {
	return world.HostNetwork(name, fabric, more...)
}

// wukong is the manifest of a Wukong without a machine that has one address on a network.
func wukong(namespace, name, network, address string) string {
	return fmt.Sprintf(`
---
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {namespace: %s, name: %s}
spec:
  networks:
  - {name: data, hostNetwork: %s, ipConfig: {mode: static, address: %s}}
`, namespace, name, network, address)
}
