//go:build linux

package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace without a name: it lives until Close, or until the process ends.
type Namespace struct{ file *os.File }

// NewNamespace makes one in which only the loopback interface exists, up, and in which IPv6 is off unless somebody turns it
// on. It needs root; without, the error wraps os.ErrPermission.
func NewNamespace() (*Namespace, error) {
	var n *Namespace
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		n = &Namespace{file}
		// On a node NetworkManager turns IPv6 off where a state says so; nmstatectl alone only checks it.
		return setIPv6Off("1")
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	_, err = n.IP(context.Background(), "link", "set", "lo", "up")
	return n, err
}

// AllowIPv6 turns IPv6 on, also on interfaces that are there.
func (n *Namespace) AllowIPv6() error {
	return n.within(func() error { return setIPv6Off("0") })
}

// setIPv6Off sets whether IPv6 is off in the namespace of this thread.
func setIPv6Off(off string) error {
	for _, which := range []string{"all", "default"} {
		path := "/proc/sys/net/ipv6/conf/" + which + "/disable_ipv6"
		if err := os.WriteFile(path, []byte(off), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close lets go of the namespace; more than once does no harm. The kernel takes it away once nothing runs in it.
func (n *Namespace) Close() error {
	if n == nil {
		return nil
	}
	if err := n.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// path is how commands of this machine reach the namespace.
func (n *Namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Command is one to be run inside the namespace, with a /sys that shows its interfaces. Nothing else is kept from it.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	inside := []string{"--net=" + n.path(), "unshare", "--mount", "sh", "-c", `mount -t sysfs sysfs /sys && exec "$@"`, "sh", name}
	return exec.CommandContext(ctx, "nsenter", append(inside, args...)...)
}

// IP runs iproute2's ip inside the namespace and returns what it prints.
func (n *Namespace) IP(ctx context.Context, args ...string) (string, error) {
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + n.path(), "ip"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}

// within runs a function on a thread that is in the namespace. Sockets that it opens stay there.
func (n *Namespace) within(do func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return do()
	})
}

// onThread runs a function on a thread of its own, which ends with it: so no other goroutine ever runs in a namespace.
func onThread(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- do()
	}()
	return <-done
}
