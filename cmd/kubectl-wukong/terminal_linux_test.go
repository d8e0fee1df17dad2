package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/nmstatectl"
)

// slow is longer than the second after which is said what takes long, and patience is longer than anything here takes.
const (
	slow     = 2500 * time.Millisecond
	patience = time.Minute
)

const (
	wipe = "\r\x1b[K"
	home = "\x1b[H\x1b[2J"
)

// TestWhatTakesLongIsSaidOnATerminalAlone runs the program with standard error as a terminal, and as a pipe.
func TestWhatTakesLongIsSaidOnATerminalAlone(t *testing.T) {
	dir := t.TempDir()
	judge, nodes, platform := filepath.Join(dir, "nmstatectl"), filepath.Join(dir, "nodes.yaml"), filepath.Join(dir, "platform.yaml")
	for path, text := range map[string]string{
		judge: fmt.Sprintf("#!/bin/sh\ncase $1 in\n--version) echo nmstatectl 2.2.51;;\ngr) sleep %.1f; echo 'interfaces: []';;\nesac\n", slow.Seconds()),
		nodes: judgedNode, platform: judgedManifests,
	} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const objects = "testdata/inspect/cluster.yaml"
	_, ready := newFakeCluster(t, objects, slow)
	idle, waiting := newFakeCluster(t, objects, 0)
	idle.replace(lateOne(t, "False", "Pending"))
	tests := map[string]struct {
		args       string
		kubeconfig string
		// stdin is what comes slowly.
		stdin string
		shows string
		code  int
	}{
		"an API server that is slow":  {"pool list", ready, "", "reading AddressPools…", exitClean},
		"input that comes slowly":     {"render --uplink eth1 -f -", "", wukongText, "reading -…", exitClean},
		"a function whose input does": {"fn", "", "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n", "reading -…", exitClean},
		"nmstatectl":                  {"host plan -f " + nodes + " -f " + platform, "", "", "asking nmstatectl 2.2.51: 0…", -1},
		"waiting for a Wukong":        {"status late -n team-a --wait --timeout 4s", waiting, "", "waiting for team-a/late", exitTimeout},
		"waiting for an installation": {"check --wait --timeout 4s", waiting, "", "waiting until nothing fails…", exitTimeout},
	}
	for name, tc := range tests {
		for _, terminal := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, terminal %v", name, terminal), func(t *testing.T) {
				t.Parallel()
				c := exec.Command("kubectl-wukong", strings.Fields(tc.args)...)
				c.Env = append(os.Environ(), "KUBECONFIG="+tc.kubeconfig, "TERM=xterm", nmstatectl.PathVariable+"="+judge)
				stdin := &slowly{text: strings.NewReader(tc.stdin), wait: func() { time.Sleep(slow) }}
				c.Stdin = stdin
				var out, stderr output
				c.Stdout, c.Stderr = &out, &stderr
				var err error
				if terminal {
					tty := newTerminal(t)
					c.Stderr, stdin.wait = tty.slave, func() { tty.shown.await(tc.shows, patience) }
					err = c.Run()
					_, _ = stderr.Write([]byte(tty.end()))
				} else {
					err = c.Run()
				}
				if c.ProcessState == nil || tc.code >= 0 && c.ProcessState.ExitCode() != tc.code {
					t.Fatalf("%v\n%s%q", err, out.String(), stderr.String())
				}
				shown := stderr.String()
				if strings.Contains(out.String(), wipe) || out.String() == "" {
					t.Errorf("standard output: %q", out.String())
				}
				if !terminal {
					if strings.Contains(shown, "\x1b") || strings.Contains(shown, tc.shows) {
						t.Errorf("a pipe got %q", shown)
					}
					return
				}
				_, after, found := strings.Cut(shown, wipe+tc.shows)
				if !found || !strings.Contains(after, wipe) {
					t.Fatalf("no line that was wiped: %q", shown)
				}
				for _, line := range strings.Split(after, wipe) {
					if text, ours := strings.CutSuffix(line, "…"); ours && utf8.RuneCountInString(text) >= columns {
						t.Errorf("more than a line of the terminal: %q", line)
					}
				}
				if left := after[strings.LastIndex(after, wipe):]; strings.HasSuffix(left, "…") {
					t.Errorf("a line was left: %q", left)
				}
			})
		}
	}
}

// TestStatusFollowsInPlaceOnATerminalAndInLinesElsewhere runs the program until it has shown a change.
func TestStatusFollowsInPlaceOnATerminalAndInLinesElsewhere(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		t.Run(fmt.Sprintf("terminal %v", terminal), func(t *testing.T) {
			fake, kubeconfig := newFakeCluster(t, "testdata/inspect/cluster.yaml", 0)
			fake.replace(lateOne(t, "False", "BeforeIt"))
			c := exec.Command("kubectl-wukong", "status", "late", "-n", "team-a", "-w")
			c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "TERM=xterm")
			var shown *output
			var tty *terminalPair
			if terminal {
				tty = newTerminal(t)
				shown = &tty.shown
				c.Stdout, c.Stderr = tty.slave, tty.slave
			} else {
				shown = &output{}
				c.Stdout, c.Stderr = shown, shown
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Process.Kill() }()
			shown.await("BeforeIt", patience)
			fake.replace(lateOne(t, "True", "AfterIt"))
			shown.await("AfterIt", patience)
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if !terminal {
				lines := strings.Split(strings.TrimSpace(shown.String()), "\n")
				if len(lines) != 2 || !strings.Contains(lines[0], "BeforeIt") || !strings.Contains(lines[1], "AfterIt") || strings.Contains(shown.String(), "\x1b") {
					t.Errorf("a pipe got %q", shown.String())
				}
				return
			}
			screens := strings.Split(tty.end(), home)
			if len(screens) != 3 || !strings.Contains(screens[1], "BeforeIt") || !strings.Contains(screens[2], "AfterIt") || strings.Contains(screens[2], "BeforeIt") {
				t.Errorf("the terminal got %q", screens)
			}
		})
	}
}

// lateOne is a Wukong of the objects with another condition Ready.
func lateOne(t *testing.T, ready, reason string) map[string]any {
	t.Helper()
	return objectOf(t, fmt.Sprintf(`{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {name: late, namespace: team-a, generation: 1}, spec: {networks: []},
status: {observedGeneration: 1, conditions: [{type: Ready, status: %q, reason: %s, message: "it is as it is, and says so in more words than a narrow terminal has columns", observedGeneration: 1, lastTransitionTime: "2026-01-31T12:00:00Z"}]}}`, ready, reason))
}

// slowly gives its text once it has waited.
type slowly struct {
	text io.Reader
	wait func()
	once sync.Once
}

func (l *slowly) Read(into []byte) (int, error) {
	l.once.Do(l.wait)
	return l.text.Read(into)
}

// output is what was written up to now.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits for a text, and not for ever. Whoever needs it looks whether it came.
func (o *output) await(text string, most time.Duration) {
	for deadline := time.Now().Add(most); !strings.Contains(o.String(), text) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// columns is the width of a terminal, which is narrower than some of what is said.
const columns = 60

// terminalPair is a terminal: a program has the slave, and what it shows comes out of the master.
type terminalPair struct {
	slave *os.File
	shown output
	ended chan struct{}
}

func newTerminal(t *testing.T) *terminalPair {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: columns, Col: columns}); err != nil {
		t.Fatal(err)
	}
	p := &terminalPair{ended: make(chan struct{})}
	if p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_, _ = io.Copy(&p.shown, master) // ends with an error when nobody has the slave any more
	}()
	return p
}

// end gives all that was shown, after the program has ended.
func (p *terminalPair) end() string {
	_ = p.slave.Close()
	<-p.ended
	return p.shown.String()
}
