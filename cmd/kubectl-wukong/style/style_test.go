package style_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
)

func TestDetect(t *testing.T) {
	cases := map[string]struct {
		choice   string
		terminal bool
		env      map[string]string
		want     style.Style
	}{
		"a terminal shows colours and has a width":        {"auto", true, nil, style.Style{Color: true, Width: 80}},
		"a pipe has neither":                              {"auto", false, nil, style.Style{}},
		"NO_COLOR takes the colours":                      {"auto", true, map[string]string{"NO_COLOR": "1"}, style.Style{Width: 80}},
		"an empty NO_COLOR does not":                      {"auto", true, map[string]string{"NO_COLOR": ""}, style.Style{Color: true, Width: 80}},
		"a dumb terminal shows none":                      {"auto", true, map[string]string{"TERM": "dumb"}, style.Style{Width: 80}},
		"always wins over everything":                     {"always", false, map[string]string{"NO_COLOR": "1", "TERM": "dumb"}, style.Style{Color: true}},
		"never wins over a terminal":                      {"never", true, nil, style.Style{Width: 80}},
		"the locale C has ASCII alone":                    {"auto", false, map[string]string{"LANG": "C"}, style.Style{ASCII: true}},
		"LC_ALL wins over LANG":                           {"auto", false, map[string]string{"LANG": "C", "LC_ALL": "en_US.UTF-8"}, style.Style{}},
		"LC_CTYPE wins over LANG, in any spelling of UTF": {"auto", false, map[string]string{"LANG": "C", "LC_CTYPE": "C.utf8"}, style.Style{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := style.Detect(c.choice, c.terminal, 80, func(key string) string { return c.env[key] })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

func TestMarksAreWordsWhereTheLocaleHasNoSuchCharacters(t *testing.T) {
	for tone, want := range map[style.Tone][2]string{style.Good: {"√", "ok  "}, style.Busy: {"‼", "warn"}, style.Bad: {"×", "FAIL"}, style.Plain: {"", ""}} {
		if got := [2]string{style.Style{}.Mark(tone), style.Style{ASCII: true}.Mark(tone)}; got != want {
			t.Errorf("tone %d: %q, want %q", tone, got, want)
		}
	}
	if got, want := (style.Style{Color: true}).Mark(style.Bad), "\x1b[31m×\x1b[0m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPaintedTextCarriesNoCommandsOfItsOwn(t *testing.T) {
	s := style.Style{Color: true}
	if got, want := s.Paint(style.Good, "a\x1b[2Jb"), "\x1b[32ma\ufffd[2Jb\x1b[0m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := s.Paint(style.Good, ""); got != "" {
		t.Errorf("nothing became %q", got)
	}
	if got := (style.Style{}).Paint(style.Bad, "bad"); got != "bad" {
		t.Errorf("a style without colours gives %q", got)
	}
}

func TestColumnsOfTablesStayAlignedBelowColours(t *testing.T) {
	table := style.Table{Header: []string{"NAME", "READY", "MESSAGE"}, Rows: [][]style.Cell{
		{{Text: "web"}, {Text: "True", Tone: style.Good}, {}},
		{{Text: "database"}, {Text: "False", Tone: style.Bad}, {Text: "the pool is\nexhausted"}},
	}}
	plain := write(t, table.Write, style.Style{})
	want := "NAME       READY   MESSAGE\nweb        True    -\ndatabase   False   the pool is exhausted\n"
	if plain != want {
		t.Error(cmp.Diff(want, plain))
	}
	colored := write(t, table.Write, style.Style{Color: true})
	if got := strings.NewReplacer("\x1b[32m", "", "\x1b[31m", "", "\x1b[0m", "").Replace(colored); got != plain || got == colored {
		t.Errorf("with colours: %q", colored)
	}
	if got := write(t, table.Write, style.Style{NoHeaders: true}); strings.Contains(got, "READY") || !strings.HasPrefix(got, "web ") {
		t.Errorf("without heads: %q", got)
	}
	if got, want := write(t, table.Write, style.Style{Width: 36}), "NAME       READY   MESSAGE\nweb        True    -\ndatabase   False   the pool is exha…\n"; got != want {
		t.Error(cmp.Diff(want, got))
	}
	if got := write(t, table.Write, style.Style{Width: 36, Wide: true}); got != plain {
		t.Error("a wide table is cut:", cmp.Diff(plain, got))
	}
}

func TestTreesHaveLinesAndColumns(t *testing.T) {
	var top style.Tree
	web := top.Add(style.Cells("Wukong/web", "False", "PoolExhausted")...)
	lan := web.Add(style.Cells("network lan", "", "lab.100", "")...)
	lan.Add(style.Cells("AddressLease/ip-192-0-2-10.lab.100", "True")...)
	web.Add(style.Cells("VirtualMachine/web", "True", "Running")...)
	want := `Wukong/web                                False  PoolExhausted
├─ network lan                                   lab.100
│  └─ AddressLease/ip-192-0-2-10.lab.100  True
└─ VirtualMachine/web                     True   Running
`
	if got := write(t, top.Write, style.Style{}); got != want {
		t.Error(cmp.Diff(want, got))
	}
	want = strings.NewReplacer("├─", "|-", "│", "|", "└─", "`-").Replace(want)
	if got := write(t, top.Write, style.Style{ASCII: true}); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func write(t *testing.T, to func(io.Writer, style.Style) error, s style.Style) string {
	t.Helper()
	var out strings.Builder
	if err := to(&out, s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
