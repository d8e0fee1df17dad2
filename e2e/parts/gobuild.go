package parts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// goBuild is one run of `go build` in a module folder.
type goBuild struct {
	module   string   // folder of the module whose go.mod pins the sources
	packages []string // import paths of the commands to build
	ldflags  string
	output   string // folder that the binaries go to, each named by the last element of its import path
}

// run builds the commands, telling progress how many packages are compiled. It compiles without -trimpath so that packages
// which the tests of the root module use as well are compiled once, in either place.
func (b goBuild) run(ctx context.Context, progress *Progress) error {
	progress.Step("resolving modules")
	total, err := b.countPackages(ctx, progress)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-v", "-ldflags", b.ldflags, "-o", b.output + "/"}, b.packages...)
	compiled := 0
	var other []string
	err = b.goCommand(ctx, args, io.Discard, func(line string) {
		switch {
		case strings.HasPrefix(line, "go: downloading"):
		case strings.ContainsAny(line, " :\t"):
			other = append(other, line)
		default:
			compiled++
			progress.Step("%d of at most %d packages compiled, now %s", compiled, total, line)
		}
	})
	return withOutput(err, other)
}

// countPackages says how many packages the commands consist of, and downloads their modules on the way.
func (b goBuild) countPackages(ctx context.Context, progress *Progress) (int, error) {
	var packages lineCounter
	downloads := 0
	var other []string
	err := b.goCommand(ctx, append([]string{"list", "-deps"}, b.packages...), &packages, func(line string) {
		if strings.HasPrefix(line, "go: downloading") {
			downloads++
			progress.Step("%d modules downloaded", downloads)
			return
		}
		other = append(other, line)
	})
	return packages.lines, withOutput(err, other)
}

// goCommand runs the go command in the module and hands each line of its standard error to onLine.
func (b goBuild) goCommand(ctx context.Context, args []string, stdout io.Writer, onLine func(string)) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.module
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdout = stdout
	// The go command removes its work folder on SIGINT, not on SIGKILL.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	scanner := bufio.NewScanner(stderr)
	for scanner.Scan() {
		onLine(scanner.Text())
	}
	err = errors.Join(scanner.Err(), cmd.Wait())
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("go %s: %w", args[0], err)
	}
	return nil
}

// withOutput adds the last lines that the go command printed to its error.
func withOutput(err error, lines []string) error {
	if err == nil || len(lines) == 0 {
		return err
	}
	last := slices.Clone(lines[max(0, len(lines)-20):])
	return fmt.Errorf("%w\n%s", err, strings.Join(last, "\n"))
}

// lineCounter counts the lines written to it.
type lineCounter struct{ lines int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines += strings.Count(string(p), "\n")
	return len(p), nil
}
