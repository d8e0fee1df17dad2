//go:build linux

package guestboot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"novasphere.dev/wukong-network/e2e/kernel"
	"novasphere.dev/wukong-network/e2e/parts"
)

// Host is a node with what machines need to run on it.
type Host struct {
	Node  *kernel.Node
	Qemu  *parts.Qemu
	Image *parts.GuestImage
}

// Machine is a virtual machine that runs on a host. It ends with the process that started it, however that ends.
type Machine struct {
	// Console is the file with everything that the guest wrote to its first serial port.
	Console string
	monitor io.WriteCloser
	process *os.Process
	// exited is closed when the emulator has ended; outcome is set before.
	exited  chan struct{}
	outcome error
}

// Boot starts a machine from a disk, which it writes to. The volume for cloud-init, the console and what the emulator says are
// files in folder.
func (h *Host) Boot(ctx context.Context, l Launch, disk, folder string) (*Machine, error) {
	seed := filepath.Join(folder, "cidata.iso")
	if err := l.WriteSeed(ctx, h.Qemu, seed); err != nil {
		return nil, err
	}
	m := &Machine{Console: filepath.Join(folder, "console.log"), exited: make(chan struct{})}
	options := append(h.pc(l), "-serial", "file:"+m.Console,
		"-drive", "if=virtio,format=raw,cache=unsafe,file="+disk,
		"-drive", "if=virtio,format=raw,readonly=on,file="+seed)
	for i, nic := range l.NICs {
		tap, err := h.Node.AttachTap(ctx, nic.Bridge)
		if err != nil {
			return nil, err
		}
		id := "nic" + strconv.Itoa(i)
		options = append(options, "-netdev", "tap,id="+id+",ifname="+tap+",script=no,downscript=no",
			"-device", "virtio-net-pci,netdev="+id+",mac="+nic.MAC)
	}
	said, err := os.Create(filepath.Join(folder, "qemu.log"))
	if err != nil {
		return nil, err
	}
	defer said.Close() // the emulator has its own
	command := append(h.Qemu.Emulator(), options...)
	// It lives until it is told to end, so ctx is not its own.
	cmd := h.Node.Command(context.WithoutCancel(ctx), command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if m.monitor, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := m.start(cmd); err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	return m, nil
}

// pc are QEMU's options for a PC like those of KubeVirt, whose processor is emulated.
func (h *Host) pc(l Launch) []string {
	return []string{"-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio", "-machine", "q35",
		"-accel", "tcg,thread=multi", "-cpu", "max", "-name", l.Name, "-uuid", l.UUID,
		"-smp", strconv.FormatUint(uint64(l.CPUs), 10), "-m", fmt.Sprintf("size=%dk", l.Memory>>10),
		"-kernel", h.Image.Kernel, "-initrd", h.Image.Initrd, "-append", "root=/dev/vda rw console=ttyS0"}
}

// start runs the emulator on a thread that waits for it, since its end is what ends the emulator if we are killed.
func (m *Machine) start(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			m.outcome = cmd.Wait()
			close(m.exited)
		}
	}()
	err := <-started
	m.process = cmd.Process
	return err
}

// Await waits until something is as it should be, for which done returns nil, or says what it was in the end. It does not wait
// longer than the machine runs.
func (m *Machine) Await(ctx context.Context, patience time.Duration, done func() error) error {
	for deadline := time.Now().Add(patience); ; {
		last := done()
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-m.exited:
			return errors.Join(errors.New("the machine has ended"), m.outcome, last)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return last
		}
	}
}

// PowerOff presses the power button and waits until the guest has shut down.
func (m *Machine) PowerOff(patience time.Duration) error {
	for _, command := range []string{"qmp_capabilities", "system_powerdown"} {
		if _, err := fmt.Fprintf(m.monitor, "{\"execute\": %q}\n", command); err != nil {
			return fmt.Errorf("QEMU's monitor: %w", err)
		}
	}
	select {
	case <-m.exited:
		return m.outcome
	case <-time.After(patience):
		return fmt.Errorf("the guest did not shut down within %s", patience)
	}
}

// Kill ends the machine as a power failure does; more than once does no harm.
func (m *Machine) Kill() error {
	if err := m.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.exited
	return nil
}
