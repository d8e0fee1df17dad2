package cluster

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// patience is how long nothing is shown: most answers are there by then.
const patience = time.Second

// Progress is one line on a terminal that says what is going on, and that is gone once there is an answer. Nil shows
// nothing. It is safe for concurrent use.
type Progress struct {
	out io.Writer

	mu    sync.Mutex
	text  string
	shown bool
	timer *time.Timer
}

// NewProgress writes to a terminal.
func NewProgress(terminal io.Writer) *Progress { return &Progress{out: terminal} }

// Working shows what goes on beside reading, until the function that it gives is called.
func (c *Cluster) Working(format string, args ...any) func() {
	c.options.Progress.Say(format, args...)
	return c.options.Progress.Done
}

// Say sets the line. The first one shows after a second.
func (p *Progress) Say(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
	switch {
	case p.shown:
		p.write()
	case p.timer == nil:
		p.timer = time.AfterFunc(patience, p.show)
	}
}

// Done takes the line away. The next Say begins anew.
func (p *Progress) Done() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.shown {
		fmt.Fprint(p.out, "\r\033[K")
	}
	p.text, p.timer, p.shown = "", nil, false
}

func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.shown = true
		p.write()
	}
}

func (p *Progress) write() { fmt.Fprintf(p.out, "\r\033[K%s…", p.text) }
