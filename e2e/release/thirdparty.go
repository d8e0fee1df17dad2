package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// thirdPartyLicenses is the name of the file with the licenses and notices of what a program is linked with. They ask to be
// handed on with it.
const thirdPartyLicenses = "THIRD_PARTY_LICENSES"

// noticeFile is how files are called that licenses ask to hand on beside their own text.
var noticeFile = regexp.MustCompile(`(?i)^(notice|copyright)([-.].*)?$`)

// module is one that is linked into a program. Its own license is in its folder, those of code that it took over are beside that
// code, in one of the folders.
type module struct {
	path, version, folder string
	folders               []string
}

// writeThirdPartyLicenses writes the licenses and notices of all that a program has, on one or other of the platforms, from
// elsewhere. It says nothing of time or place: the same modules give the same bytes. root is the repository.
func writeThirdPartyLicenses(ctx context.Context, out io.Writer, root, program string, platforms ...string) error {
	modules, err := linkedModules(ctx, root, "./cmd/"+program, platforms)
	if err != nil {
		return fmt.Errorf("licenses of what %s is linked with: %w", program, err)
	}
	text, err := thirdPartyText(program, modules)
	if err != nil {
		return fmt.Errorf("licenses of what %s is linked with: %w", program, err)
	}
	_, err = out.Write(text)
	return err
}

// linkedModules are the modules with packages in a program, sorted by path, with Go's standard library as std.
func linkedModules(ctx context.Context, root, program string, platforms []string) ([]module, error) {
	env, err := goCommand(root, "env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	version, goroot, _ := strings.Cut(strings.TrimSpace(string(env)), "\n")
	found := map[string]*module{"std": {path: "std", version: version, folder: goroot, folders: []string{goroot}}}
	for _, platform := range platforms {
		packages, err := linkedPackages(ctx, root, program, platform)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if p.Module == nil || p.Module.Main {
				continue
			}
			m := found[p.Module.Path]
			if m == nil {
				m = &module{path: p.Module.Path, version: p.Module.Version, folder: p.Module.Dir}
				found[m.path] = m
			}
			m.folders = append(m.folders, between(m.folder, p.Dir)...)
		}
	}
	var out []module
	for _, path := range slices.Sorted(maps.Keys(found)) {
		m := found[path]
		slices.Sort(m.folders)
		m.folders = slices.Compact(m.folders)
		out = append(out, *m)
	}
	return out, nil
}

// listedPackage is a package as go list describes it. Those of the standard library have no module.
type listedPackage struct {
	Dir    string
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

func linkedPackages(ctx context.Context, root, program, platform string) ([]listedPackage, error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", program)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOWORK=off")
	cmd.Stderr = os.Stderr
	listed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var out []listedPackage
	for decoder := json.NewDecoder(bytes.NewReader(listed)); decoder.More(); {
		var p listedPackage
		if err := decoder.Decode(&p); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// between are the folders from one to another one below it, with both.
func between(upper, lower string) []string {
	out := []string{upper}
	for ; len(lower) > len(upper); lower = filepath.Dir(lower) {
		out = append(out, lower)
	}
	return out
}

// thirdPartyText prints the files of modules that are sorted. A text that several have is there once, after the names of all.
// A module without a license is an error.
func thirdPartyText(program string, modules []module) ([]byte, error) {
	var texts []string
	holders := map[string][]string{}
	for _, m := range modules {
		licensed := false
		for _, folder := range m.folders {
			files, err := legalFiles(folder)
			if err != nil {
				return nil, err
			}
			for _, file := range files {
				content, err := os.ReadFile(filepath.Join(folder, file))
				if err != nil {
					return nil, err
				}
				text := strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n\t ")
				if text == "" {
					continue
				}
				name, err := filepath.Rel(m.folder, filepath.Join(folder, file))
				if err != nil {
					return nil, err
				}
				licensed = licensed || folder == m.folder && licenseFile.MatchString(file)
				if holders[text] == nil {
					texts = append(texts, text)
				}
				holders[text] = append(holders[text], fmt.Sprintf("%s %s (%s)", m.path, m.version, filepath.ToSlash(name)))
			}
		}
		if !licensed {
			return nil, fmt.Errorf("%s@%s: no license file in %s", m.path, m.version, m.folder)
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s is linked with the Go modules below. Each text is after the modules that it is from; std is Go's\n"+
		"standard library.\n", program)
	for _, text := range texts {
		fmt.Fprintf(&out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(holders[text], "\n"), text)
	}
	return out.Bytes(), nil
}

// legalFiles are the names of the licenses and notices in a folder, sorted.
func legalFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if entry.Type().IsRegular() && filepath.Ext(name) != ".go" && (licenseFile.MatchString(name) || noticeFile.MatchString(name)) {
			names = append(names, name)
		}
	}
	return names, nil
}
