package walkthrough

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// ranBy says which test runs blocks of pages that are not typed along.
type ranBy struct {
	// pages is a pattern of paths, which the test names, and blocks an expression that the text of a block matches.
	pages, blocks string
	// test is the file and the function.
	test string
}

// exception is blocks that no test runs.
type exception struct {
	// pages and blocks are as in ranBy.
	pages, blocks string
	because       string
}

// covering is how the blocks of the documentation are covered.
type covering struct {
	typed      []string
	ranBy      []ranBy
	exceptions []exception
}

var (
	// program begins a line that somebody is to type.
	program = regexp.MustCompile(`(?m)^\s*(?:\$ |(?:sudo |time |[A-Z_]+=\S* )*(?:\./|bin/)?(?:argocd|bash|cat|cd|cosign|crane|curl|diff|docker|dot|export|flux|git|go|` +
		`grep|helm|ip|jq|krew|kubectl|kubectl-wukong|kustomize|make|mkdir|netplan|nmcli|nmstatectl|oc|openssl|podman|python3|sed|sh|sha256sum|skopeo|source|ssh|tar|virtctl|wukong-network) [^ ─])`)
	shell    = regexp.MustCompile(`^(console|sh|bash|shell)\b`)
	manifest = regexp.MustCompile(`(?m)^\s*(apiVersion|kind): \S`)
)

// asks says whether a block has something to run: a command or a manifest.
func (b block) asks() bool {
	return shell.MatchString(b.info) || strings.HasPrefix(b.info, "yaml") || program.MatchString(b.text) || manifest.MatchString(b.text)
}

// audit gives what is wrong: blocks of pages that nothing covers, and entries that cover nothing. source reads a file of the repository.
func (c covering) audit(pages map[string]string, source func(string) (string, error)) []string {
	var wrong []string
	used := map[string]bool{}
	for name, text := range pages {
		blocks, err := blocksOf(text)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", name, err))
		}
		for _, b := range blocks {
			if !b.asks() {
				continue
			}
			by := c.coverOf(name, b)
			for _, entry := range by {
				used[entry] = true
			}
			if len(by) == 0 {
				first, _, _ := strings.Cut(b.text, "\n")
				wrong = append(wrong, fmt.Sprintf("%s:%d: no test runs the block that begins with %q: type it along, or say in pages_test.go which test runs it or why none can", name, b.line, first))
			}
		}
	}
	for _, entry := range c.entries() {
		if !used[entry] {
			wrong = append(wrong, entry+": there is no such block")
		}
	}
	for _, by := range c.ranBy {
		if err := by.holds(source); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	slices.Sort(wrong)
	return wrong
}

// coverOf gives the entries that cover a block.
func (c covering) coverOf(page string, b block) []string {
	var out []string
	if b.typed && slices.Contains(c.typed, page) {
		out = append(out, page)
	}
	for _, e := range c.ranBy {
		if matches(e.pages, page) && regexp.MustCompile(e.blocks).MatchString(b.text) {
			out = append(out, e.String())
		}
	}
	for _, e := range c.exceptions {
		if len(out) == 0 && matches(e.pages, page) && regexp.MustCompile(e.blocks).MatchString(b.text) {
			out = append(out, e.String())
		}
	}
	return out
}

func (c covering) entries() []string {
	out := slices.Clone(c.typed)
	for _, e := range c.ranBy {
		out = append(out, e.String())
	}
	for _, e := range c.exceptions {
		out = append(out, e.String())
	}
	return out
}

func (e ranBy) String() string     { return fmt.Sprintf("%s, %q, run by %s", e.pages, e.blocks, e.test) }
func (e exception) String() string { return fmt.Sprintf("%s, %q, not run", e.pages, e.blocks) }

// holds checks that the test is there and names the pages.
func (e ranBy) holds(source func(string) (string, error)) error {
	file, function, _ := strings.Cut(e.test, ":")
	text, err := source(file)
	switch {
	case err != nil:
		return err
	case !strings.Contains(text, "\nfunc "+function+"("):
		return fmt.Errorf("%s has no %s, which is said to run blocks of %s", file, function, e.pages)
	case !strings.Contains(text, e.pages):
		return fmt.Errorf("%s does not name %s", e.test, e.pages)
	}
	return nil
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
