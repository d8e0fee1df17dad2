package cluster

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// watchdog ends the cluster's processes when this process is gone without having stopped them: killed, panicked, timed out or
// interrupted. envtest gives its processes groups of their own, so they would live on.
//
// It is a shell whose standard input is a pipe from us. The pipe ends when we do, however that happens.
type watchdog struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// watchdogScript waits for the end of its input, kills the processes whose ids lie in the folder, and removes the folder and
// the paths listed in its file named remove. After an orderly stop the folder is gone and nothing is left to do.
const watchdogScript = `
cat >/dev/null
for f in "$1"/*.pid; do [ -f "$f" ] && kill -KILL "$(cat "$f")"; done
[ -f "$1/remove" ] && while read -r path; do rm -rf "$path"; done <"$1/remove"
rm -rf "$1"
`

func startWatchdog(dir string) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "wukong-cluster-watchdog", dir)
	// A Ctrl-C at the terminal reaches our process group; the watchdog must outlive it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &watchdog{cmd: cmd, pipe: pipe}, nil
}

func (w *watchdog) stop() error {
	if err := w.pipe.Close(); err != nil {
		return err
	}
	return w.cmd.Wait()
}

// launcher writes a script that runs a binary under the watchdog's eyes: it records its process id, which exec keeps, in the
// cluster's folder. Asking the binary for its help, as envtest does, is no run.
func launcher(dir, binary string) (string, error) {
	name := filepath.Base(binary)
	script := "#!/bin/sh\n" +
		"[ \"$1\" = --help ] || echo $$ >" + shellQuote(filepath.Join(dir, name+".pid")) + "\n" +
		"exec " + shellQuote(binary) + " \"$@\"\n"
	path := filepath.Join(dir, "bin", name)
	return path, os.WriteFile(path, []byte(script), 0o755)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
