package parts

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Netplan is the real netplan generator, run over documents in a folder of its own: it never touches the configuration of
// this machine.
type Netplan struct {
	// Path is the generator, the program behind `netplan generate`.
	Path string
	args []string // in front of the generator's own
	env  []string
}

// netplanGenerators are the places of the generator. Since netplan 1.2 the program configure writes networkd's files, and
// generate only works as a generator of systemd units; both take the same option.
var netplanGenerators = []string{
	"usr/libexec/netplan/configure", "usr/libexec/netplan/generate", "usr/lib/netplan/generate", "lib/netplan/generate",
}

// NetplanForTest returns the netplan generator, or ends the test: skipped where it is missing, failed where CI=true.
func NetplanForTest(t TB) *Netplan {
	t.Helper()
	n, err := LookupNetplan()
	return require(t, n, err)
}

// LookupNetplan looks in the cache folder, and then for one that is installed. The error wraps fs.ErrNotExist when there is
// neither.
func LookupNetplan() (*Netplan, error) {
	name, err := netplanPart()
	if err != nil {
		return nil, err
	}
	dir, err := Lookup(name)
	if err == nil {
		return netplanIn(dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if n, err := netplanIn("/"); err == nil {
		return n, nil
	}
	return nil, missing("netplan generator installed or", "netplan", err)
}

// FetchNetplan returns the folder below which the generator is. If it is missing, the distribution's package and the
// libraries that this machine lacks are unpacked into the cache folder.
func FetchNetplan(ctx context.Context, progress io.Writer) (string, error) {
	n, err := LookupNetplan()
	if err == nil {
		return filepath.Dir(n.Path), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	name, err := netplanPart()
	if err != nil {
		return "", err
	}
	return Fill(ctx, name, func(ctx context.Context, dir string) error { return unpackNetplan(ctx, dir, progress) })
}

// netplanPart names the part.
func netplanPart() (string, error) { return ofRelease("netplan") }

// ofRelease names a part after the distribution's release, whose libraries it runs with.
func ofRelease(part string) (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		return part + "-unknown", nil
	}
	return part + "-" + releaseName(release), err
}

// releaseName makes a name such as debian-12 of what /etc/os-release holds; a rolling release has no number.
func releaseName(text []byte) string {
	values := osRelease(text)
	return unsafeInNames.ReplaceAllString(values["ID"]+"-"+values["VERSION_ID"], "_")
}

// osRelease reads what /etc/os-release holds.
func osRelease(text []byte) map[string]string {
	values := map[string]string{"ID": "linux", "VERSION_ID": "rolling"}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		key, value, _ := strings.Cut(scanner.Text(), "=")
		if value = strings.Trim(value, `"'`); value != "" {
			values[key] = value
		}
	}
	return values
}

var unsafeInNames = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// netplanPackages are those parts of netplan.io's dependencies that the generator loads; the rest is for the command line
// written in Python, and for the system. libc6 is left out: it must be the machine's own.
var netplanPackages = regexp.MustCompile(`^(netplan.*|libnetplan.*|libglib2\.0-0.*|libyaml-0-2|libpcre.*|libffi.*|libuuid1|` +
	`libsystemd0|libmount1|libblkid1|libselinux1|libatomic1|zlib1g)$`)

// unpackNetplan fills dir and tries the generator.
func unpackNetplan(ctx context.Context, dir string, w io.Writer) (err error) {
	progress := StartProgress(w, "netplan generator")
	defer func() { progress.End(err) }()
	work := filepath.Join(dir, "work")
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	progress.Step("downloading package lists")
	apt, err := newAptSource(ctx, work)
	if err != nil {
		return fmt.Errorf("the netplan generator comes from the distribution's package netplan.io: %w", err)
	}
	progress.Step("downloading package netplan.io and what it needs")
	if err := apt.unpackClosure(ctx, "netplan.io", dir, netplanPackages.MatchString); err != nil {
		return err
	}
	n, err := netplanIn(dir)
	if err != nil {
		return err
	}
	_, err = n.Generate(ctx, []byte("version: 2\n"))
	return err
}

// netplanIn finds the generator below root.
func netplanIn(root string) (*Netplan, error) {
	for _, place := range netplanGenerators {
		path := filepath.Join(root, place)
		if !isFile(path) {
			continue
		}
		n := &Netplan{Path: path}
		if root != "/" {
			n.env = []string{libraryPath(root)}
		}
		return n, nil
	}
	return nil, fmt.Errorf("%s holds no netplan generator (%s)", root, strings.Join(netplanGenerators, ", "))
}

// Generate has the generator read the document and returns the files that it makes for systemd-networkd, by name, such as
// 10-netplan-net0.network. The document is cloud-init network data, version 2, without the key network on top, or a netplan
// file with it.
//
// It passes only if the generator exits with 0 and says nothing: of what will not work as written, much is only a warning.
// What 0.106 lets pass, so that others must check it: a gateway outside every subnet, an address or a set-name that occurs
// twice, a MAC without quotes, a small MTU with IPv6.
func (n *Netplan) Generate(ctx context.Context, document []byte) (map[string]string, error) {
	root, err := os.MkdirTemp("", "wukong-netplan-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	const file = "etc/netplan/50-cloud-init.yaml" // as cloud-init names it
	j := judge{
		name: "netplan generate", path: n.Path, args: slices.Concat(n.args, []string{"--root-dir", root}), env: n.env,
		files: map[string][]byte{file: asNetplan(document)}, main: file,
		clean: func(stderr string) string { return strings.ReplaceAll(stderr, root+"/etc/netplan/", "") },
	}
	_, stderr, err := j.runIn(ctx, root)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(stderr) != "" {
		return nil, j.refuse(stderr, "")
	}
	return filesIn(filepath.Join(root, "run/systemd/network"))
}

// asNetplan puts network data below the key network. The text stays as it is, since a document that is parsed and written
// again could lose what a judge would refuse, such as a MAC that lacks quotes.
func asNetplan(document []byte) []byte {
	var top map[string]any
	if err := yaml.Unmarshal(document, &top); err == nil && top["network"] != nil {
		return document
	}
	var b bytes.Buffer
	b.WriteString("network:\n")
	for line := range bytes.Lines(document) {
		if !bytes.HasPrefix(line, []byte("---")) {
			b.WriteString("  ")
			b.Write(line)
		}
	}
	return b.Bytes()
}

// filesIn reads the files of a folder, which may be missing, by name.
func filesIn(dir string) (map[string]string, error) {
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		files[entry.Name()] = string(content)
	}
	return files, err
}
