package nmstate

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// assertReadsAsEncodingJSON compares what the cursor accepts, and what it finds one level below, with encoding/json.
func assertReadsAsEncodingJSON(t *testing.T, raw []byte) {
	t.Helper()
	c := cursor{data: raw}
	value := c.value()
	if err := c.fault(); (err == nil) != json.Valid(raw) {
		t.Fatalf("%q: the cursor says %v, encoding/json that it is valid: %t", raw, err, json.Valid(raw))
	} else if err != nil {
		return
	}
	if got, want := string(value), strings.Trim(string(raw), " \t\r\n"); got != want {
		t.Errorf("%q: the value is %q, want %q", raw, got, want)
	}
	assertMembers(t, raw)
	assertEntries(t, raw)
	want := ""
	var number json.Number
	if json.Unmarshal(value, &want) != nil && json.Unmarshal(value, &number) == nil {
		want = number.String()
	}
	if got := text(value); got != want {
		t.Errorf("%q: the text is %q, want %q", raw, got, want)
	}
}

func assertMembers(t *testing.T, raw []byte) {
	t.Helper()
	want, isObject := object(raw)
	keys := slices.Collect(maps.Keys(want))
	got, wanted := make([][]byte, len(keys)), make([]member, len(keys))
	for k, key := range keys {
		wanted[k] = member{key, &got[k]}
	}
	if ok := members(raw, wanted...); ok != isObject {
		t.Errorf("%q: an object: %t, want %t", raw, ok, isObject)
	}
	for k, key := range keys {
		if string(got[k]) != string(want[key]) {
			t.Errorf("%q: %q is %q, want %q", raw, key, got[k], want[key])
		}
	}
}

func assertEntries(t *testing.T, raw []byte) {
	t.Helper()
	var want, got []json.RawMessage
	isList := json.Unmarshal(raw, &want) == nil && want != nil
	c := cursor{data: raw}
	ok := c.open('[')
	for ok && c.more(']') {
		got = append(got, c.value())
	}
	if ok != isList || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(want, got) {
		t.Errorf("%q: a list: %t, of %q; want %t, %q", raw, ok, got, isList, want)
	}
	if err := c.fault(); err != nil {
		t.Errorf("%q: after the list: %v", raw, err)
	}
}

// texts are JSON and almost JSON.
var texts = []string{
	`{"a": 1, "b" :[ ], "a":{"c":[1,{}]}}`, `[1, -0.5e+7, "x", true, false, null, {}, []]`, ` "a" `, `0`, `-0`, `1e5`, `0.0E-0`,
	`"\u00e9\ud83d\ude00\ud800 \"\\\/\b\f\n\r\t"`, "\"\x7f\xff\u2028\"", `{"\u0061": 1}`, `{"": 0}`,
	``, ` `, `nul`, `nulls`, `truE`, `+1`, `01`, `1.`, `.5`, `1e`, `1e+`, `-`, `- 1`, `0x1`, `NaN`, `"`, `"\`, `"\u12`, `"\u12g4"`, `"\x"`, "\"\n\"",
	"\"\x00\"", "\"\x1f\"", `'a'`, `[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`,
	`{a:1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":1]`, `1 1`, `{}{}`, `[] ,`, "\ufeff1", "\v1", "1\x00",
}

func TestTheCursorReadsWhatEncodingJSONReads(t *testing.T) {
	for _, raw := range texts {
		assertReadsAsEncodingJSON(t, []byte(raw))
		assertReadsAsEncodingJSON(t, []byte(`{"k":`+raw+`}`))
		assertReadsAsEncodingJSON(t, []byte(`[`+raw+`,`+raw+`]`))
	}
}

func TestNestingIsBoundedAsInEncodingJSON(t *testing.T) {
	for _, depth := range []int{maxNesting, maxNesting + 1, 1 << 20} {
		for _, raw := range []string{
			strings.Repeat("[", depth) + strings.Repeat("]", depth),
			strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth),
			strings.Repeat("[", depth),
		} {
			c := cursor{data: []byte(raw)}
			c.value()
			if err := c.fault(); (err == nil) != json.Valid([]byte(raw)) {
				t.Errorf("%.10s… %d deep: %v", raw, depth, err)
			}
		}
	}
}

func TestAFaultEndsEveryLoopAndTellsWhereItWas(t *testing.T) {
	c := cursor{data: []byte(`{"a": [1, 2}, "b": 3}`)}
	rounds := 0
	for ok := c.open('{'); ok && c.more('}'); {
		c.key()
		for ok := c.open('['); ok && c.more(']'); {
			c.value()
			rounds++
		}
		rounds++
	}
	if err := c.fault(); err == nil || !strings.Contains(err.Error(), "byte 11 ") || rounds != 3 {
		t.Errorf("%v after %d rounds", err, rounds)
	}
	if c.value() != nil || c.open('{') || c.more('}') || c.key() != nil {
		t.Error("something was read after the fault")
	}
}

// FuzzCursor: whatever the text, the cursor accepts and finds what encoding/json does.
func FuzzCursor(f *testing.F) {
	for _, raw := range texts {
		f.Add([]byte(raw))
	}
	f.Add(nodeFile(f, "worker"))
	f.Fuzz(assertReadsAsEncodingJSON)
}
