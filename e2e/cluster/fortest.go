package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ForTest starts a cluster that lives as long as the test. Where the control plane has not been fetched the test is skipped,
// saying how to fetch it; with CI=true it fails instead.
func ForTest(t testing.TB, options Options) *Cluster {
	t.Helper()
	skipShort(t)
	c, err := Start(t.Context(), options)
	require(t, err)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
	})
	return c
}

// Shared is one cluster for all tests of a package, started when the first of them asks for it. Tests keep apart by namespace
// and name. Use it as
//
//	var shared cluster.Shared
//
//	func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
type Shared struct {
	// Options must not change after the first test has asked for the cluster.
	Options Options

	once    sync.Once
	cluster *Cluster
	err     error
}

// Run runs the package's tests, m being its *testing.M or something around it that tidies up afterwards, then stops the
// cluster, and returns the exit code.
func (s *Shared) Run(m interface{ Run() int }) int {
	code := m.Run()
	if s.cluster == nil {
		return code
	}
	if err := s.cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the cluster:", err)
		return max(code, 1)
	}
	return code
}

// ForTest returns the package's cluster. It skips or fails the test as the function ForTest does.
func (s *Shared) ForTest(t testing.TB) *Cluster {
	t.Helper()
	skipShort(t)
	s.once.Do(func() { s.cluster, s.err = Start(context.Background(), s.Options) })
	require(t, s.err)
	return s.cluster
}

// Namespace creates a namespace for one test and deletes it, without waiting, when the test ends.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	prefix := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: strings.Trim(prefix[:min(len(prefix), 40)], "-") + "-",
	}}
	if err := c.client.Create(t.Context(), namespace); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	t.Cleanup(func() {
		err := c.client.Delete(context.Background(), namespace)
		if client.IgnoreNotFound(err) != nil {
			t.Errorf("delete namespace %s: %v", namespace.Name, err)
		}
	})
	return namespace.Name
}

// skipShort leaves out, with go test -short, what starts a control plane.
func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a control plane, which -short leaves out")
	}
}

func require(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true":
		t.Skipf("no cluster to test with: %v", err)
	default:
		t.Fatalf("start a cluster: %v", err)
	}
}
