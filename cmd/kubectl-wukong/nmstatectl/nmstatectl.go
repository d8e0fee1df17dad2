package nmstatectl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/nmstate"
	"novasphere.dev/wukong-network/query/hosts"
)

// PathVariable is the environment variable that names the executable; the value Without means that none is asked.
const (
	PathVariable = "WUKONG_NMSTATECTL"
	Without      = "none"
)

// oldest is the first version with the subcommand validate.
var oldest = [3]int{2, 2, 51}

// Nmstatectl is an executable that was found.
type Nmstatectl struct {
	ctx     context.Context
	path    string
	version string
}

// Find looks for nmstatectl: what the variable names, or else in PATH. It gives nil without an error where PATH has none, or
// one that is too old to ask; what the variable names must work.
func Find(ctx context.Context) (*Nmstatectl, error) {
	named := os.Getenv(PathVariable)
	path := named
	switch named {
	case Without:
		return nil, nil
	case "":
		var err error
		if path, err = exec.LookPath("nmstatectl"); err != nil {
			return nil, nil
		}
	}
	n := &Nmstatectl{ctx: ctx, path: path}
	out, _, err := n.run(ctx, "", "--version")
	n.version = strings.TrimPrefix(strings.TrimSpace(out), "nmstatectl ")
	switch {
	case err != nil && named != "":
		return nil, fmt.Errorf("$%s: %s cannot be run: %w", PathVariable, named, err)
	case err != nil:
		return nil, nil
	case tooOld(n.version) && named != "":
		return nil, fmt.Errorf("$%s: %s has version %q: 2.2.51 or newer is needed", PathVariable, named, n.version)
	case tooOld(n.version):
		return nil, nil
	}
	return n, nil
}

func tooOld(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) != 3 {
		return true
	}
	for i, least := range oldest {
		number, err := strconv.Atoi(parts[i])
		switch {
		case err != nil || number < least:
			return true
		case number > least:
			return false
		}
	}
	return false
}

// Name says what is asked.
func (n *Nmstatectl) Name() string { return "nmstatectl " + n.version }

// Compare says what a desired state changes on a node that reports this, or why the node would refuse it. An error means that
// there is no answer.
func (n *Nmstatectl) Compare(want hosts.Desired, report []byte) ([]hosts.Change, string, error) {
	dir, err := os.MkdirTemp("", "kubectl-wukong-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, currentFile), report, 0o600); err != nil {
		return nil, "", err
	}
	desired := want.State
	if len(want.Capture) > 0 {
		policy, err := policyOf(want)
		if err != nil {
			return nil, "", err
		}
		out, refusal, err := n.ask(dir, "policy", policy)
		if err != nil || refusal != "" {
			return nil, refusal, err
		}
		desired = []byte(out)
	}
	if _, refusal, err := n.ask(dir, "validate", desired); err != nil || refusal != "" {
		return nil, refusal, err
	}
	revert, refusal, err := n.ask(dir, "gr", desired)
	if err != nil || refusal != "" {
		return nil, refusal, err
	}
	changes, err := changesOf(desired, []byte(revert))
	return changes, "", err
}

// policyOf gives a desired state with its captures as nmstatectl reads them.
func policyOf(want hosts.Desired) ([]byte, error) {
	var state map[string]any
	if err := yaml.Unmarshal(want.State, &state); err != nil {
		return nil, err
	}
	return yaml.Marshal(map[string]any{"capture": want.Capture, "desiredState": state})
}

// Files in the folder of one question.
const (
	currentFile = "current.yaml"
	desiredFile = "desired.yaml"
)

// ask runs a subcommand on a document and what the node reports. What nmstatectl refuses is an answer.
func (n *Nmstatectl) ask(dir, subcommand string, document []byte) (out, refusal string, err error) {
	if err := os.WriteFile(filepath.Join(dir, desiredFile), document, 0o600); err != nil {
		return "", "", err
	}
	out, stderr, err := n.run(n.ctx, dir, subcommand, desiredFile, "-c", currentFile)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, "", nil
	case n.ctx.Err() != nil:
		return "", "", n.ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return "", nmstate.Headline(withoutLog(stderr)), nil
	}
	return "", "", fmt.Errorf("nmstatectl %s: %w", subcommand, err)
}

func (n *Nmstatectl) run(ctx context.Context, dir string, args ...string) (stdout, stderr string, err error) {
	command := exec.CommandContext(ctx, n.path, args...)
	command.Dir = dir
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	return out.String(), errs.String(), err
}

var logLine = regexp.MustCompile(`(?m)^\[[^\]]*\b(INFO|DEBUG|TRACE)\b[^\n]*\n?`)

func withoutLog(stderr string) string { return logLine.ReplaceAllString(stderr, "") }
