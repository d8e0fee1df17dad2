package parts

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
)

// python is the interpreter of an unpacked system, run on this machine with that system's loader, libraries and modules.
type python struct {
	loader string
	args   []string
	home   string
}

// pythonIn finds the interpreter below root.
func pythonIn(root string) (*python, error) {
	found, err := filepath.Glob(filepath.Join(root, "usr/bin/python3.[0-9]*"))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s holds no Python: %w", root, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	loader, args, err := unpacked(root, "usr/bin/"+filepath.Base(found[0]))
	return &python{loader: loader, args: args, home: filepath.Join(root, "usr")}, err
}

// command runs the interpreter. Neither the user's settings and modules nor those of this machine have a say.
func (p *python) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.loader, append(append([]string{}, p.args...), args...)...)
	cmd.Env = []string{"PYTHONHOME=" + p.home, "PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1", "LC_ALL=C.UTF-8", "PATH=/nonexistent"}
	return cmd
}
