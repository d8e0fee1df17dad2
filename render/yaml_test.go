package render

import (
	"testing"

	sigsyaml "sigs.k8s.io/yaml"
)

// FuzzYAMLIsThatOfKubernetes compares with the library that kubectl reads and writes YAML with.
func FuzzYAMLIsThatOfKubernetes(f *testing.F) {
	for _, text := range []string{"web", "on", "null", "~", "0x1f", "12:30", "52:54:00:12:34:56", "2026-01-31", "1.5", "1e3", "-", "a: b", "# x", " x ", "x\ny", "é\u2028", "\xff", "<&>", "", "!!int 5", "{a", "*x", "'", "\"", "=", "<<"} {
		f.Add(text, int64(len(text)), 1.5, true)
	}
	f.Add("", int64(-1<<63), 1e21, false)
	f.Add("", int64(1<<53+1), -0.0000001, false)
	f.Add("", int64(0), 1.25e19, false)
	f.Fuzz(func(t *testing.T, text string, whole int64, fraction float64, flag bool) {
		value := map[string]any{text: []any{text, whole, fraction, flag, nil, map[string]any{}, []any{}}, "b": map[string]any{"c": text, "10": 1, "9": 2}}
		want, err := sigsyaml.Marshal(value)
		if err != nil {
			t.Skip() // not a number, which JSON does not have
		}
		got, err := yamlOf(value)
		if err != nil || string(got) != string(want) {
			t.Errorf("want\n%s\ngot %v\n%s", want, err, got)
		}
	})
}
