package parts

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// modulePath is the root module, whose folder holds the nested modules that pin the sources of the parts.
const modulePath = "novasphere.dev/wukong-network"

// RepositoryRoot returns the folder of the root module: the working folder or the nearest folder above it.
func RepositoryRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(data) == modulePath {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s: neither this folder nor one above it holds module %s; run inside a clone of it", start, modulePath)
		}
	}
}

// pinnedVersions returns the versions that the go.mod in folder (relative to the repository's root) requires for the given
// modules, in their order. go.mod is the only place where a part's version is written.
func pinnedVersions(root, folder string, modules ...string) ([]string, error) {
	path := filepath.Join(root, folder, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := modfile.ParseLax(path, data, nil)
	if err != nil {
		return nil, err
	}
	required := map[string]string{}
	for _, r := range file.Require {
		required[r.Mod.Path] = r.Mod.Version
	}
	versions := make([]string, 0, len(modules))
	for _, m := range modules {
		if required[m] == "" {
			return nil, fmt.Errorf("%s: no require line for %s", path, m)
		}
		versions = append(versions, required[m])
	}
	return versions, nil
}
