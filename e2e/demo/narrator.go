package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"novasphere.dev/wukong-network/e2e/lab"
	"novasphere.dev/wukong-network/nmstate"
)

// narrator writes what happens, line by line, with the time since the start.
type narrator struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
	told  map[string]bool
}

// sayOnce writes a line that was not written before.
func (n *narrator) sayOnce(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	n.mu.Lock()
	told := n.told[line]
	n.told[line] = true
	n.mu.Unlock()
	if !told {
		n.say("%s", line)
	}
}

func newNarrator(out io.Writer) *narrator {
	return &narrator{out: out, start: time.Now(), told: map[string]bool{}}
}

func (n *narrator) print(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintln(n.out, text)
}

// say writes one line with the time.
func (n *narrator) say(format string, args ...any) {
	n.print(fmt.Sprintf("%6.1fs  %s", time.Since(n.start).Seconds(), fmt.Sprintf(format, args...)))
}

// narrateNodes tells what happens on the nodes. A change of labels makes handlers apply what they have once more; that is
// told only once.
func (n *narrator) narrateNodes(ctx context.Context, events <-chan lab.Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			switch e.Kind {
			case lab.PolicyApplying:
				n.sayOnce("%s applies %s", e.Node, e.Policy)
			case lab.PolicyApplied:
				n.sayOnce("%s has %s", e.Node, e.Policy)
			case lab.PolicyFailed:
				n.sayOnce("%s gives up on %s: %s", e.Node, e.Policy, nmstate.Headline(e.Message))
			}
		}
	}
}
