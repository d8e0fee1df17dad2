//go:build linux

package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// keeper is a process that keeps namespaces alive: it waits for the end of its input, which is a pipe from us, and so ends
// when we do, however that happens. Where it is the first process of a PID namespace, all others in there end with it.
type keeper struct {
	cmd     *exec.Cmd
	pipe    io.Closer
	problem *bytes.Buffer
	// root is the root of its file system, as it names it itself.
	root string
}

const (
	// kept ends what a keeper runs, once its namespaces are as they shall be: nobody may enter them earlier.
	kept = "echo kept && exec cat"
	// keepPatience bounds the wait for what a keeper prepares.
	keepPatience = time.Minute
)

// keep starts a keeper in new namespaces and waits until it has prepared them.
func keep(namespaces uintptr, root string, command ...string) (*keeper, error) {
	k := &keeper{cmd: exec.Command(command[0], command[1:]...), problem: &bytes.Buffer{}, root: root}
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	k.cmd.Env, k.cmd.Stderr = guestEnvironment, k.problem
	pipe, err := k.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	k.pipe = pipe
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(keepPatience, func() { _ = k.cmd.Process.Kill() })
	defer late.Stop()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("%q: %w", line, err), k.Close(), errors.New(strings.TrimSpace(k.problem.String())))
	}
	return k, nil
}

// Close ends the process, and with it what only it keeps. More than once does no harm.
func (k *keeper) Close() error {
	if k.ended() {
		return nil
	}
	return errors.Join(k.pipe.Close(), k.cmd.Wait())
}

func (k *keeper) ended() bool { return k == nil || k.cmd.ProcessState != nil }

// namespace is how a command of this machine reaches one of the keeper's namespaces.
func (k *keeper) namespace(kind string) string {
	return fmt.Sprintf("/proc/%d/ns/%s", k.cmd.Process.Pid, kind)
}

// within runs a function on the root of the keeper's file system, which no name and no link leads out of.
func (k *keeper) within(do func(*os.Root) error) error {
	if k.ended() {
		return os.ErrClosed // its number may be another process's by now
	}
	root, err := os.OpenRoot(filepath.Join(fmt.Sprintf("/proc/%d/root", k.cmd.Process.Pid), k.root))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return do(root)
}

// Read gives a file.
func (k *keeper) Read(name string) (string, error) {
	var content []byte
	err := k.within(func(root *os.Root) (err error) {
		content, err = root.ReadFile(name)
		return err
	})
	return string(content), err
}

// Write writes a file, and the folders that it lies in.
func (k *keeper) Write(name, content string, mode os.FileMode) error {
	return k.within(func(root *os.Root) error {
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return root.WriteFile(name, []byte(content), mode)
	})
}
