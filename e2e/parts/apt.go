package parts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// aptSource reads the distribution's package archive for unpacking single packages into a folder. It uses the sources,
// keys and proxies that the machine is set up with, but keeps package lists and downloads in a folder of its own: it
// needs no root, installs nothing, and works where the machine's own lists are missing or old.
type aptSource struct {
	dir    string
	config string
	// updateErr is why package lists are missing or incomplete. It matters only when a package is not found: a third-party
	// source that does not answer, or whose key has expired, is in nobody's way.
	updateErr error
}

// aptConfig is read after the machine's configuration. Hooks are cleared because, run by root, they would act on the
// machine's own state. The machine's list of installed packages stays in use, so that only what is missing is downloaded.
const aptConfig = `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "%[1]s/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "%[1]s/cache";
Debug::NoLocking "true";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
`

// newAptSource prepares dir and downloads the package lists into it, some 10 MB.
func newAptSource(ctx context.Context, dir string) (*aptSource, error) {
	a, err := prepareApt(dir, "")
	if err != nil {
		return nil, err
	}
	_, a.updateErr = a.run(ctx, "apt-get", "-q", "update")
	return a, ctx.Err()
}

// prepareApt writes the configuration into dir: aptConfig, and then what is in further.
func prepareApt(dir, further string) (*aptSource, error) {
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is not in PATH; only Debian, Ubuntu and their kin have it", tool)
		}
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial", "debs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	a := &aptSource{dir: dir, config: filepath.Join(dir, "apt.conf")}
	config := fmt.Sprintf(aptConfig, dir) + further
	if os.Geteuid() == 0 {
		// Otherwise apt downloads as user _apt, who may not enter the cache folder.
		config += "APT::Sandbox::User \"root\";\n"
	}
	return a, os.WriteFile(a.config, []byte(config), 0o644)
}

// pick returns the package with the newest version among those whose name begins with prefix and fits pattern. A version
// before oldest is an error.
func (a *aptSource) pick(ctx context.Context, prefix string, pattern *regexp.Regexp, oldest string) (string, error) {
	out, err := a.run(ctx, "apt-cache", "pkgnames", prefix)
	if err != nil {
		return "", err
	}
	var names []string
	for name := range strings.FieldsSeq(out) {
		if pattern.MatchString(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "", errors.Join(fmt.Errorf("no package %s in the package lists", pattern), a.updateErr)
	}
	out, err = a.run(ctx, "apt-cache", append([]string{"show", "--no-all-versions"}, names...)...)
	if err != nil {
		return "", err
	}
	name, version := newest(out)
	if !atLeast(version, oldest) {
		return "", fmt.Errorf("the newest package is %s %s, older than %s", name, version, oldest)
	}
	return name, nil
}

// newest finds the package with the newest version in the stanzas that apt-cache show prints.
func newest(stanzas string) (name, version string) {
	var current string
	for line := range strings.Lines(stanzas) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch key {
		case "Package":
			current = value
		case "Version":
			if version == "" || atLeast(value, version) && !atLeast(version, value) {
				name, version = current, value
			}
		}
	}
	return name, version
}

// unpackClosure unpacks the package and those of the packages that it needs and this machine lacks for which unpack is
// true.
func (a *aptSource) unpackClosure(ctx context.Context, name, root string, unpack func(pkg string) bool) error {
	debs, err := a.download(ctx, unpack, "--reinstall", name)
	if err != nil {
		return err
	}
	for _, deb := range debs {
		if _, err := a.run(ctx, "dpkg", "--extract", deb, root); err != nil {
			return err
		}
	}
	return nil
}

// download fetches the packages that an installation with these arguments would add and for which wanted is true, and
// returns the paths of the files.
func (a *aptSource) download(ctx context.Context, wanted func(pkg string) bool, args ...string) ([]string, error) {
	out, err := a.run(ctx, "apt-get", append([]string{"install", "--simulate", "--assume-yes", "--no-install-recommends"}, args...)...)
	if err != nil {
		return nil, errors.Join(err, a.updateErr)
	}
	var packages []string
	for _, pkg := range planned(out) {
		if wanted(pkg) {
			packages = append(packages, pkg)
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("apt-get would install nothing for %s:\n%s", strings.Join(args, " "), out)
	}
	if _, err := a.run(ctx, "apt-get", append([]string{"-q", "download"}, packages...)...); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(a.dir, "debs", "*.deb"))
}

// planned reads the names of the packages that a simulated installation lists, as in
// "Inst libnetplan0 (0.106-2+deb12u1 Debian:12.15/oldstable [amd64])".
func planned(simulation string) []string {
	var packages []string
	for line := range strings.Lines(simulation) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Inst" {
			packages = append(packages, fields[1])
		}
	}
	return packages
}

// run runs a tool in the folder for downloads and returns its standard output.
func (a *aptSource) run(ctx context.Context, tool string, args ...string) (string, error) {
	if strings.HasPrefix(tool, "apt-") {
		args = append([]string{"-c", a.config}, args...)
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = filepath.Join(a.dir, "debs")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", tool, strings.Join(args, " "), errors.Join(err, ctx.Err()),
			strings.TrimSpace(errOut.String()))
	}
	return out.String(), nil
}
