package parts

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	terminalInterval = time.Second
	plainInterval    = 10 * time.Second
)

// Progress reports one long task on a writer: on a terminal as one line that is rewritten every second, elsewhere as a plain
// line every ten seconds. All methods are safe for concurrent use.
type Progress struct {
	w        io.Writer
	title    string
	started  time.Time
	terminal bool
	stop     chan struct{}
	stopped  sync.WaitGroup

	mu   sync.Mutex
	text string
}

// StartProgress begins reporting a task. The caller ends it with End.
func StartProgress(w io.Writer, title string) *Progress {
	f, isFile := w.(*os.File)
	p := &Progress{
		w: w, title: title, started: time.Now(), stop: make(chan struct{}),
		terminal: isFile && term.IsTerminal(int(f.Fd())),
	}
	p.print("")
	p.stopped.Go(p.tick)
	return p
}

// Step replaces the text that says how far the task is.
func (p *Progress) Step(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
}

// End stops reporting and prints the outcome: done with the time it took, or failed.
func (p *Progress) End(err error) {
	close(p.stop)
	p.stopped.Wait()
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	p.print(outcome)
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

func (p *Progress) tick() {
	interval := plainInterval
	if p.terminal {
		interval = terminalInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			text := p.text
			p.mu.Unlock()
			p.print(text)
		}
	}
}

func (p *Progress) print(text string) {
	line := p.title
	if text != "" {
		line += ": " + text
	}
	line += fmt.Sprintf(" (%s)", time.Since(p.started).Round(time.Second))
	if p.terminal {
		fmt.Fprint(p.w, "\r\033[K"+line)
		return
	}
	fmt.Fprintln(p.w, line)
}
