package parts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// debianKeyring holds the keys of Debian's releases, also of those that are newer or older than the machine's.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// otherReleaseConfig makes apt plan for an empty system, from sources of its own. Arguments: folder, suite.
const otherReleaseConfig = `Dir::State::status "%[1]s/status";
Dir::Etc::sourcelist "%[1]s/%[2]s.sources";
Dir::Etc::sourceparts "%[1]s/none";
Dir::Etc::preferences "%[1]s/none/preferences";
Dir::Etc::preferencesparts "%[1]s/none";
`

// newDebianSource prepares dir for packages of a release of Debian that need not be the machine's, such as trixie. Servers
// are those from which the machine gets its own release.
func newDebianSource(ctx context.Context, dir, suite string) (*aptSource, error) {
	a, err := prepareApt(dir, fmt.Sprintf(otherReleaseConfig, dir, suite))
	if err != nil {
		return nil, err
	}
	sources, err := debianSources(ctx, suite)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "none"), 0o755); err != nil {
		return nil, err
	}
	for name, content := range map[string]string{"status": "", suite + ".sources": sources} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	_, a.updateErr = a.run(ctx, "apt-get", "-q", "update")
	return a, ctx.Err()
}

// debianSources writes the machine's sources of Debian for another suite.
func debianSources(ctx context.Context, suite string) (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	targets, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format",
		"$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	codename := osRelease(release)["VERSION_CODENAME"]
	sources := sourcesOf(string(targets), codename, suite)
	if sources == "" {
		return "", fmt.Errorf("packages of Debian %s come from where the machine gets its own release, and no source of apt is "+
			"of component main of Debian (release %q): only Debian machines have one", suite, codename)
	}
	if _, err := os.Stat(debianKeyring); err != nil {
		return "", fmt.Errorf("the keys of Debian's releases are missing: install package debian-archive-keyring: %w", err)
	}
	return sources, nil
}

// sourcesOf reads lines of "Packages URI release component", and gives those of component main whose release is codename or
// another word for a release of Debian, as sources of the other suite: bookworm-security becomes trixie-security. Sources of
// others that are called so, too, are of no harm: Debian's keys do not fit them.
func sourcesOf(targets, codename, suite string) string {
	own := regexp.MustCompile(`^(oldstable|stable|testing|` + regexp.QuoteMeta(codename) + `)(-updates|-security)?$`)
	var seen []string
	var out strings.Builder
	for line := range strings.Lines(targets) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[0] != "Packages" || fields[3] != "main" {
			continue
		}
		words := own.FindStringSubmatch(fields[2])
		if words == nil || codename == "" {
			continue
		}
		stanza := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s%s\nComponents: main\nSigned-By: %s\n\n", fields[1], suite, words[2], debianKeyring)
		if !slices.Contains(seen, stanza) {
			seen = append(seen, stanza)
			out.WriteString(stanza)
		}
	}
	return out.String()
}

// unneededFolders of usr/share hold what nobody reads in an unpacked system.
var unneededFolders = []string{"doc", "man", "info", "locale", "lintian", "i18n", "bash-completion"}

// unpackSystem unpacks packages, and what they need on an empty system, below root, as far as wanted. Nothing of them is run.
// /bin, /lib and /sbin are links into /usr, as everywhere since Debian 12, also for packages that ship files in the former.
func (a *aptSource) unpackSystem(ctx context.Context, root string, wanted func(pkg string) bool, packages ...string) error {
	debs, err := a.download(ctx, wanted, packages...)
	if err != nil {
		return err
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, "usr", name), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	var status bytes.Buffer
	for _, deb := range debs {
		if err := unpackInto(ctx, root, deb); err != nil {
			return err
		}
		control, err := a.run(ctx, "dpkg-deb", "--field", deb)
		if err != nil {
			return err
		}
		fmt.Fprintf(&status, "%s\nStatus: install ok installed\n\n", strings.TrimRight(control, "\n"))
	}
	path := filepath.Join(root, dpkgStatus)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, status.Bytes(), 0o644)
}

// dpkgStatus is the list of packages of a system.
const dpkgStatus = "var/lib/dpkg/status"

// unpackInto unpacks one package. dpkg --extract would put a folder in place of a link such as /lib.
func unpackInto(ctx context.Context, root, deb string) error {
	args := []string{"--extract", "--preserve-permissions", "--keep-directory-symlink", "--warning=no-timestamp", "--directory", root}
	for _, folder := range unneededFolders {
		args = append(args, "--exclude=./usr/share/"+folder+"/*")
	}
	read, unpack := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb), exec.CommandContext(ctx, "tar", args...)
	var said bytes.Buffer
	read.Stderr, unpack.Stderr = &said, &said
	var err error
	if unpack.Stdin, err = read.StdoutPipe(); err != nil {
		return err
	}
	if err := read.Start(); err != nil {
		return err
	}
	err = errors.Join(unpack.Run(), read.Wait(), ctx.Err())
	if err != nil {
		return fmt.Errorf("unpack %s: %w\n%s", filepath.Base(deb), err, said.String())
	}
	return nil
}

// packageVersions reads the list of packages of an unpacked system.
func packageVersions(root string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, dpkgStatus))
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	var name string
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch key {
		case "Package":
			name = value
		case "Version":
			versions[name] = value
		}
	}
	return versions, nil
}

// unpacked is a program of an unpacked system that is run on this machine: with the system's own loader and libraries,
// since they may be newer or older than the machine's.
func unpacked(root, program string) (path string, args []string, err error) {
	loaders, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*/ld-linux*.so.*"))
	if err == nil && len(loaders) == 0 {
		err = fmt.Errorf("%s holds no loader of programs: %w", root, fs.ErrNotExist)
	}
	if err != nil {
		return "", nil, err
	}
	libraries := filepath.Dir(loaders[0])
	return loaders[0], []string{"--library-path", libraries + ":" + filepath.Join(libraries, "systemd"), filepath.Join(root, program)}, nil
}

// recipe names a part after what it is made of, so that a change of that makes it anew.
func recipe(name string, content ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, content...))
	return fmt.Sprintf("%s-%x", name, sum[:4])
}
