package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end before it is killed.
const stopTimeout = 10 * time.Second

// process is a child process of a group of its own.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
}

func startProcess(path string, output *os.File, args ...string) (*process, error) {
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: filepath.Base(path), cmd: cmd, exited: make(chan struct{})}
	go func() {
		// How it ended is told by ProcessState; the error adds nothing to it.
		_ = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not end within %s and was killed", p.name, stopTimeout), p.cmd.Process.Kill())
	}
}
