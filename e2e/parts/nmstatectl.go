package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	// nmstatectlBuilt is built from its crate where none is installed. It is the last that Rust 1.82 compiles, and
	// Debian 13 has 1.85; 2.2.62 wants 1.88.
	nmstatectlBuilt = "2.2.57"
	// nmstatectlOldest is the first with the subcommand validate (nmstate pull request 2972).
	nmstatectlOldest = "2.2.51"
	// nmstatectlRust is the rust-version of the crate.
	nmstatectlRust = "1.82"

	nmstatectlPart = "nmstatectl-" + nmstatectlBuilt
)

// Nmstatectl is the real nmstatectl, used offline: none of its methods reads or changes the network of this machine.
// Documents are YAML or JSON.
type Nmstatectl struct {
	// Path is the executable. Version is what it calls itself, such as 2.2.57.
	Path, Version string
}

// NmstatectlForTest returns nmstatectl, or ends the test: skipped where it is missing, failed where CI=true.
func NmstatectlForTest(t TB) *Nmstatectl {
	t.Helper()
	n, err := LookupNmstatectl(t.Context())
	return require(t, n, err)
}

// LookupNmstatectl looks in PATH, for 2.2.51 or newer, and then in the cache folder. The error wraps fs.ErrNotExist when it
// is in neither.
func LookupNmstatectl(ctx context.Context) (*Nmstatectl, error) {
	if path, err := exec.LookPath("nmstatectl"); err == nil {
		if n, err := nmstatectlAt(ctx, path); err == nil && atLeast(n.Version, nmstatectlOldest) {
			return n, nil
		}
	}
	dir, err := Lookup(nmstatectlPart)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("nmstatectl "+nmstatectlOldest+" or newer in PATH or", "nmstatectl", err)
	}
	if err != nil {
		return nil, err
	}
	return nmstatectlAt(ctx, filepath.Join(dir, "bin", "nmstatectl"))
}

// FetchNmstatectl returns the folder that holds nmstatectl. If it is missing it is built from its published Rust crate,
// which takes some minutes: with cargo from PATH, or else, or with WUKONG_NO_CARGO=1, with one that is unpacked from the
// packages of Debian or Ubuntu for this build only.
func FetchNmstatectl(ctx context.Context, progress io.Writer) (string, error) {
	n, err := LookupNmstatectl(ctx)
	if err == nil {
		return filepath.Dir(n.Path), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	dir, err := Fill(ctx, nmstatectlPart, func(ctx context.Context, dir string) error {
		return cargoInstall(ctx, crate{"nmstatectl", nmstatectlBuilt, nmstatectlRust}, dir, progress)
	})
	return filepath.Join(dir, "bin"), err
}

// nmstatectlAt asks the executable for its version.
func nmstatectlAt(ctx context.Context, path string) (*Nmstatectl, error) {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", path, err)
	}
	version, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "nmstatectl ")
	if !ok {
		return nil, fmt.Errorf("%s --version: %q is not a version of nmstatectl", path, out)
	}
	return &Nmstatectl{Path: path, Version: version}, nil
}

// Format checks syntax, types and unknown fields of a state and returns it as nmstate writes it. Warnings count as refusals:
// an interface type that nmstate does not know is only a warning to it.
func (n *Nmstatectl) Format(ctx context.Context, state []byte) ([]byte, error) {
	return n.judgeState(ctx, "format", state)
}

// GenerateConf checks a state as far as that can be done without a node, and returns the NetworkManager profiles that it
// becomes on a machine without any interface. Warnings count as refusals; among them is that a port is not listed as an
// interface of its own.
func (n *Nmstatectl) GenerateConf(ctx context.Context, state []byte) ([]byte, error) {
	return n.judgeState(ctx, "gc", state)
}

// Validate makes the checks that precede an apply. current is what the node reports, the currentState of a
// NodeNetworkState; with nil it checks what GenerateConf checks. With current, desired may be a policy with captures.
//
// What 2.2.57 lets pass, so that others must check it: interface names of more than 15 bytes, VLAN id 4095, a VLAN without
// its section or over a base that the node lacks, an MTU above that of the base, an interface that is listed twice, the
// removal of a physical NIC, a port that carries the node's address.
func (n *Nmstatectl) Validate(ctx context.Context, desired, current []byte) error {
	if current == nil {
		_, err := n.judgeState(ctx, "validate", desired)
		return err
	}
	if !isPolicy(desired) {
		// Warnings of the run with current may be about the node, so those about desired are looked for without it.
		if _, err := n.Format(ctx, desired); err != nil {
			return err
		}
	}
	_, err := n.judgeOnNode(ctx, "validate", desired, current)
	return err
}

// Policy evaluates the captures of a policy, {capture: ..., desiredState: ...}, against a node's state and returns the
// desired state of that node.
func (n *Nmstatectl) Policy(ctx context.Context, policy, current []byte) ([]byte, error) {
	return n.judgeOnNode(ctx, "policy", policy, current)
}

// Revert returns the state that undoes desired on a node that has current.
func (n *Nmstatectl) Revert(ctx context.Context, desired, current []byte) ([]byte, error) {
	return n.judgeOnNode(ctx, "gr", desired, current)
}

const (
	desiredFile = "desired.yaml"
	currentFile = "current.yaml"
)

// judgeState runs a subcommand on a state alone. A policy is an error: nmstatectl would evaluate its captures against this
// machine, or, for validate, check nothing at all.
func (n *Nmstatectl) judgeState(ctx context.Context, subcommand string, state []byte) ([]byte, error) {
	if isPolicy(state) {
		return nil, fmt.Errorf("nmstatectl %s: the document is a policy, not a state: give its desiredState alone, "+
			"or a node's current state with it", subcommand)
	}
	j := n.judge(subcommand, map[string][]byte{desiredFile: state})
	stdout, stderr, err := j.run(ctx)
	if err != nil {
		return nil, err
	}
	if warnings := withoutInfo(stderr); warnings != "" {
		return nil, j.refuse(warnings, "")
	}
	return []byte(stdout), nil
}

// judgeOnNode runs a subcommand on a state or policy and the state of a node.
func (n *Nmstatectl) judgeOnNode(ctx context.Context, subcommand string, desired, current []byte) ([]byte, error) {
	j := n.judge(subcommand, map[string][]byte{desiredFile: desired, currentFile: current}, "-c", currentFile)
	stdout, _, err := j.run(ctx)
	if err != nil {
		return nil, err
	}
	return []byte(stdout), nil
}

// judge is a run of a subcommand on desiredFile.
func (n *Nmstatectl) judge(subcommand string, files map[string][]byte, options ...string) judge {
	return judge{
		name: "nmstatectl " + subcommand, path: n.Path, args: append([]string{subcommand, desiredFile}, options...),
		files: files, main: desiredFile, clean: withoutInfo,
	}
}

// withoutInfo drops the log lines that nmstatectl always writes, and the time from the others.
func withoutInfo(stderr string) string {
	var kept []string
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(logTime.ReplaceAllString(line, "[")); line != "" && !strings.HasPrefix(line, "[INFO ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// logTime matches the beginning of a log line such as "[2026-01-02T03:04:05Z WARN  nmstate::iface] ...".
var logTime = regexp.MustCompile(`^\[\d{4}-\d{2}-\d{2}T[\d:.]+Z `)

// isPolicy tells a policy from a state, by a key that only a policy has. What is no YAML is left to nmstatectl to refuse.
func isPolicy(document []byte) bool {
	var keys struct {
		Capture      any `json:"capture"`
		Desired      any `json:"desired"`
		DesiredState any `json:"desiredState"`
	}
	err := yaml.Unmarshal(document, &keys)
	return err == nil && (keys.Capture != nil || keys.Desired != nil || keys.DesiredState != nil)
}
