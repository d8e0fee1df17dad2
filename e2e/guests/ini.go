package guests

import (
	"bufio"
	"slices"
	"strings"
)

// section is one part of a file such as networkd's; sections may have one name, and keys too.
type section struct {
	name string
	keys [][2]string
}

// sections reads a file of sections with keys and values. Lines before the first header are in a section without a name.
func sections(text string) []section {
	out := []section{{}}
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.ContainsAny(line[:1], "#;") {
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			out = append(out, section{name: line[1 : len(line)-1]})
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		last := &out[len(out)-1]
		last.keys = append(last.keys, [2]string{key, value})
	}
	return out
}

// all gives the values of a key in all sections of a name.
func all(in []section, name, key string) []string {
	var out []string
	for _, s := range in {
		if s.name != name {
			continue
		}
		for _, k := range s.keys {
			if k[0] == key {
				out = append(out, k[1])
			}
		}
	}
	return out
}

// value gives the last value of a key in the section, or nothing.
func (s section) value(key string) string {
	for _, k := range slices.Backward(s.keys) {
		if k[0] == key {
			return k[1]
		}
	}
	return ""
}

// last gives the last value of a key in all sections of a name, or nothing.
func last(in []section, name, key string) string {
	found := all(in, name, key)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// isNo tells whether a value means no.
func isNo(value string) bool {
	switch strings.ToLower(value) {
	case "no", "false", "off", "0":
		return true
	}
	return false
}
