package manifests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	type cut struct {
		First, Line int
		Text        string
	}
	cases := map[string]struct {
		text string
		want []cut
	}{
		"one document needs no marker":                   {"a: 1\n", []cut{{1, 1, "a: 1\n"}}},
		"the last line needs no end":                     {"a: 1", []cut{{1, 1, "a: 1"}}},
		"nothing is no document":                         {"", nil},
		"comments and markers are no document":           {"# a\n---\n\n---\n# b\n", nil},
		"a marker begins a document":                     {"a: 1\n---\nb: 2\n", []cut{{1, 1, "a: 1\n"}, {2, 3, "\nb: 2\n"}}},
		"the line is that of the first content":          {"---\n# a\n\na: 1\n", []cut{{1, 4, "\n\n\na: 1\n"}}},
		"content may follow a marker":                    {"--- {a: 1}\n--- # b\nb: 2\n", []cut{{1, 1, " {a: 1}\n"}, {2, 3, "\nb: 2\n"}}},
		"a directive is no content":                      {"%YAML 1.1\n---\na: 1\n", []cut{{2, 3, "\na: 1\n"}}},
		"an end marker ends a document":                  {"a: 1\n...\n---\nb: 2\n", []cut{{1, 1, "a: 1\n"}, {3, 4, "\nb: 2\n"}}},
		"dashes within a text are no marker":             {"a: |\n  ---\n  b\n", []cut{{1, 1, "a: |\n  ---\n  b\n"}}},
		"more than three dashes are no marker":           {"a: 1\n----\n", []cut{{1, 1, "a: 1\n----\n"}}},
		"a sequence at the left edge is no marker":       {"- a\n- b\n", []cut{{1, 1, "- a\n- b\n"}}},
		"a byte order mark is no content":                {"\ufeff---\na: 1\n", []cut{{1, 2, "\na: 1\n"}}},
		"a carriage return before the line's end is one": {"a: 1\r\n---\r\nb: 2\r\n", []cut{{1, 1, "a: 1\r\n"}, {2, 3, "\nb: 2\r\n"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []cut
			for _, d := range split(&Source{Text: []byte(c.text)}) {
				got = append(got, cut{d.first, d.line, string(d.text)})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
		})
	}
}

func TestYAMLIsReadAsKubectlReadsIt(t *testing.T) {
	cases := map[string]struct {
		text string
		want any
	}{
		"whole numbers stay whole": {"a: 9007199254740993", map[string]any{"a": int64(9007199254740993)}},
		"yes is a truth value":     {"a: yes", map[string]any{"a": true}},
		"a quoted word is a text":  {`a: "yes"`, map[string]any{"a": "yes"}},
		"JSON is YAML":             {`{"a": [1.5, null]}`, map[string]any{"a": []any{1.5, nil}}},
		"anchors are followed":     {"a: &x 1\nb: *x", map[string]any{"a": int64(1), "b": int64(1)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := (&document{source: &Source{}, text: []byte(c.text)}).decode()
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("error %v, content (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestLineOfAField(t *testing.T) {
	const text = `
# A comment.
metadata: {name: a,
  labels: {a.b/c: d}}
spec: &spec
  networks:
  - name: lan
    ipConfig:
      dnsServers:
      - 192.0.2.1
      - 192.0.2.2
  - *spec
`
	cases := map[string]struct {
		path string
		want int
	}{
		"a key":                           {"spec", 5},
		"a key in a flow":                 {"metadata.name", 3},
		"an item":                         {"spec.networks[0]", 7},
		"a key of an item":                {"spec.networks[0].ipConfig", 8},
		"an item of a list in an item":    {"spec.networks[0].ipConfig.dnsServers[1]", 11},
		"a missing key is at its parent":  {"spec.networks[0].ipConfig.address", 8},
		"a missing item is at its parent": {"spec.networks[7].name", 6},
		"a number of nothing":             {"spec.networks[-1].name", 6},
		"a number that is none":           {"spec.networks[x].name", 6},
		"no path is the object":           {"", 3},
		"an alias is followed":            {"spec.networks[1].networks[0].name", 7},
		"an index without end":            {"spec.networks[0", 7},
	}
	documents := split(&Source{Text: []byte("a: 1\n---" + text)})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := (place{document: &documents[1]}).line(c.path); got != c.want+1 {
				t.Errorf("line %d, want %d", got-1, c.want)
			}
		})
	}
}
