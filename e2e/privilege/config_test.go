package privilege

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"novasphere.dev/wukong-network/e2e/world"
)

// rolesInConfig reads what every role in the manifests of config grants.
func rolesInConfig(t *testing.T) []Grant {
	t.Helper()
	root, err := world.Repository()
	must(t, err)
	var out []Grant
	seen := map[string]bool{}
	err = filepath.WalkDir(filepath.Join(root, "config"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "templates" {
			return fs.SkipDir // of a chart: no YAML yet, and rendered from the same objects
		}
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, []byte("rbac.authorization.k8s.io/v1")) {
			return err
		}
		for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
			role := rbacv1.ClusterRole{} // a Role has the same fields
			if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if role.Kind != "ClusterRole" && role.Kind != "Role" {
				continue
			}
			name := role.Kind + " " + role.Name
			seen[name] = true
			for _, rule := range role.Rules {
				out = append(out, expand(name, role.Namespace, rule)...)
			}
		}
	})
	must(t, err)
	t.Logf("%d roles", len(seen))
	return out
}
