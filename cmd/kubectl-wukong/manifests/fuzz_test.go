package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// FuzzRead gives the reader any bytes, and a plan what it reads: neither panics, and everything has its place.
func FuzzRead(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	reader := &Reader{Namespace: "default"}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := reader.Read([]Source{{Name: "in.yaml", Text: text}})
		if err != nil {
			return
		}
		uplink, networks := render.StandIn("eth1")
		set.Input.HostUplinks = append(set.Input.HostUplinks, uplink)
		set.Input.HostNetworks = append(set.Input.HostNetworks, networks...)
		plan, findings := render.Plan(set.Input)
		if _, err := plan.Manifests(); err != nil {
			t.Error(err)
		}
		for _, found := range slices.Concat(set.Findings, findings) {
			found = set.Locate(found)
			if found.Source == "" && !strings.HasPrefix(found.Object.Name, uplink.Name) {
				t.Errorf("no source: %s", found)
			}
			answer.Printable(found.String())
		}
	})
}

// seeds are the manifests of the samples and of package render's golden cases.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	for _, pattern := range []string{"../../../config/samples/*.yaml", "../../../config/samples/seed/*.yaml", "../../../render/testdata/*/in.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text)
		}
	}
	return out
}
