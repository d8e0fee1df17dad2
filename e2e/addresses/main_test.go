package addresses_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
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

// fast are the settings of the controller in tests: what takes minutes in production takes moments.
func fast() controllers.Config {
	cfg := controllers.DefaultConfig()
	cfg.Cooldown, cfg.RetryAfter, cfg.SilentAfter, cfg.Sweep = time.Second, 3*time.Second, 10*time.Second, 200*time.Millisecond
	return cfg
}

// fabric gives the uplink and the network of a fabric without nodes: addresses are leased before any host is ready.
func fabric(name string, namespaces ...string) (*v1alpha1.HostUplink, *v1alpha1.HostNetwork) {
	uplink := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.HostUplinkSpec{
		PhysicalNetwork: v1alpha1.PhysicalNetworkName(name), Interface: "eth1",
		NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"fabric": name}}}}
	network := &v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.HostNetworkSpec{
		PhysicalNetwork: v1alpha1.PhysicalNetworkName(name), Linger: &metav1.Duration{},
		AllowedNamespaces: &v1alpha1.AllowedNamespaces{Names: namespaces}}}
	return uplink, network
}
