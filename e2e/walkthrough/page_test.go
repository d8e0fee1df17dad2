package walkthrough

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = `# A page

` + "```yaml web.yaml\nkind: Wukong\n```\n\n```sh\nnot run\n```\n\n```console exit=1\n$ one \\\n  two\nout\n\n$ three\n```\n\n1. In a list:\n\n   ```console\n   $ four\n     out\n   ```\n\n    $ five\n"

func TestAPageIsReadAsBlocksAndCommands(t *testing.T) {
	blocks, err := blocksOf(example)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 3, info: "yaml web.yaml", typed: true, file: "web.yaml", text: "kind: Wukong\n"},
		{line: 7, info: "sh", text: "not run\n"},
		{line: 11, info: "console exit=1", typed: true, text: "$ one \\\n  two\nout\n\n$ three\n", exit: 1},
		{line: 21, info: "console", typed: true, text: "$ four\n  out\n"},
		{line: 26, info: indent, text: "$ five\n"},
	}
	if diff := cmp.Diff(want, blocks, cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if blocks, err = parse(example); err != nil {
		t.Fatal(err)
	}
	commands, err := blocks[1].commands()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]command{{text: "one \\\n  two\n", output: "out\n\n"}, {text: "three\n", exit: 1}}, commands, cmp.AllowUnexported(command{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAPageThatCannotBeReadIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no end":           "```console\n$ ls\n",
		"an unknown word":  "```console twice\n$ ls\n```\n",
		"no code":          "```console exit=none\n$ ls\n```\n",
		"no command first": "```console\nout\n```\n",
	} {
		blocks, err := parse(text)
		for _, b := range blocks {
			if _, e := b.commands(); e != nil {
				err = e
			}
		}
		if err == nil {
			t.Errorf("%s: %q is accepted", name, text)
		}
	}
}

func TestOutputIsComparedButForTimesAndWhatIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		page, output string
		want         bool
	}{
		"the same":                      {"NAME   AGE\nweb    5s\n", "NAME  AGE\nweb   1m20s\n", true},
		"another name":                  {"web 5s\n", "db 5s\n", false},
		"no age":                        {"web 5s\n", "web soon\n", false},
		"a time":                        {"since 2026-01-02T03:04:05Z\n", "since 2031-11-22T13:44:55Z\n", true},
		"a time before a colon":         {"at 2026-01-02T03:04:05Z: b\n", "at 2031-11-22T13:44:55Z: b\n", true},
		"lines left out":                {"first\n…\nlast\n", "first\na\nb\nlast\n", true},
		"a part left out":               {"uid: …\n", "uid: 1234 x\n", true},
		"a line too many":               {"first\n", "first\nsecond\n", false},
		"a line too few":                {"first\nsecond\n", "first\n", false},
		"signs that mean something":     {"a.c [x] (y)\n", "abc [x] (y)\n", false},
		"nothing, where something was":  {"", "something\n", false},
		"words stay where they are":     {"├─ node-a  ready\n", "├─ node-a ready\n", true},
		"what begins with more letters": {"b\n", "ab\n", false},
	} {
		p, err := pattern(c.page)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.MatchString(c.output); got != c.want {
			t.Errorf("%s: page %q matches %q: %t, want %t", name, c.page, c.output, got, c.want)
		}
	}
}
