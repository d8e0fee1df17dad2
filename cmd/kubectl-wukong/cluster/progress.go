package cluster

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"novasphere.dev/wukong-network/query/answer"
)

// patience is how long nothing is shown: most answers are there by then.
const patience = time.Second

// wipe takes away the line that the cursor is on.
const wipe = "\r\033[K"

// Progress is one line on a terminal that says what is going on, and that is gone once there is an answer. What is written to
// it stands above that line. Nil shows nothing. It is safe for concurrent use.
type Progress struct {
	out io.Writer

	mu   sync.Mutex
	text string
	// shown says that the line is on the terminal, late that the command has taken long, held that Hold has set the line.
	shown, late, held bool
	timer             *time.Timer
}

// NewProgress writes to a terminal.
func NewProgress(terminal io.Writer) *Progress { return &Progress{out: terminal} }

// Say sets the line. It shows from a second after the first one on.
func (p *Progress) Say(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		p.set(fmt.Sprintf(format, args...))
	}
}

// Done takes the line away.
func (p *Progress) Done() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		p.set("")
	}
}

// Hold sets the line and keeps it until Release, whatever is said meanwhile. An empty one shows nothing.
func (p *Progress) Hold(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = true
	p.set(fmt.Sprintf(format, args...))
}

// Release takes the line away, whoever has set it.
func (p *Progress) Release() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	p.set("")
}

// Write writes lines above the one that is shown.
func (p *Progress) Write(lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hide()
	n, err := p.out.Write(lines)
	if bytes.HasSuffix(lines, []byte("\n")) {
		p.draw()
	}
	return n, err
}

func (p *Progress) set(text string) {
	text = answer.Printable(text)
	if text == p.text {
		return
	}
	if p.text = text; text == "" {
		p.hide()
		return
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(patience, p.show)
	}
	p.draw()
}

// show is called when the command has taken long.
func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = true
	p.draw()
}

func (p *Progress) hide() {
	if p.shown {
		fmt.Fprint(p.out, wipe)
		p.shown = false
	}
}

func (p *Progress) draw() {
	if !p.late || p.text == "" {
		return
	}
	p.shown = true
	fmt.Fprint(p.out, wipe+p.fitting(p.text)+"…")
}

// fitting cuts a text that would need a second line, which could not be wiped.
func (p *Progress) fitting(text string) string {
	f, ok := p.out.(*os.File)
	if !ok {
		return text
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	const beside = 2 // the ellipsis and the cursor
	if runes := []rune(text); err == nil && columns > beside && len(runes) > columns-beside {
		return strings.TrimRight(string(runes[:columns-beside]), " ")
	}
	return text
}
