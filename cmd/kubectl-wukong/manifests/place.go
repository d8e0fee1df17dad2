package manifests

import (
	"fmt"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"

	"novasphere.dev/wukong-network/render"
)

// place is where an object was read.
type place struct {
	document *document
	// path leads to the object within the document, such as items[2]. It is empty for an object of its own.
	path string
}

// String gives the source and the line that the object, or the list with it, begins with.
func (p place) String() string {
	out := fmt.Sprintf("%s:%d", p.document.source.Name, p.document.line)
	if p.path != "" {
		out += ":" + p.path
	}
	return out
}

// line gives the line of a field, or of the part of its path that exists. It is 0 where that cannot be told.
func (p place) line(path string) int {
	root := p.document.root()
	if len(root.Content) == 0 {
		return 0
	}
	at := &line{node: root.Content[0], number: root.Content[0].Line}
	for _, step := range append(steps(p.path), steps(path)...) {
		if !at.follow(step) {
			break
		}
	}
	return at.number + p.document.first - 1
}

// root gives the nodes of a document. There are none where this parser does not read what the other one has read.
func (d *document) root() *yamlv3.Node {
	if d.nodes == nil {
		var nodes yamlv3.Node
		if yamlv3.Unmarshal(d.text, &nodes) != nil {
			nodes = yamlv3.Node{}
		}
		d.nodes = &nodes
	}
	return d.nodes
}

// line is a node of a document, and the line that a reader looks for: that of the key where there is one.
type line struct {
	node   *yamlv3.Node
	number int
}

// follow moves to a key, or to an item by its number in brackets.
func (l *line) follow(step string) bool {
	if l.node.Kind == yamlv3.AliasNode {
		l.node = l.node.Alias
	}
	if number, found := strings.CutPrefix(step, "["); found {
		i, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
		if err != nil || i < 0 || l.node.Kind != yamlv3.SequenceNode || i >= len(l.node.Content) {
			return false
		}
		l.node, l.number = l.node.Content[i], l.node.Content[i].Line
		return true
	}
	if l.node.Kind != yamlv3.MappingNode {
		return false
	}
	for i := 0; i+1 < len(l.node.Content); i += 2 {
		if key := l.node.Content[i]; key.Value == step {
			l.node, l.number = l.node.Content[i+1], key.Line
			return true
		}
	}
	return false
}

// steps cuts spec.networks[0].name into its keys and numbers in brackets.
func steps(path string) []string {
	var out []string
	for _, key := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		name, rest, _ := strings.Cut(key, "[")
		if name != "" {
			out = append(out, name)
		}
		for rest != "" {
			var index string
			index, rest, _ = strings.Cut(rest, "]")
			out = append(out, "["+index+"]")
			rest = strings.TrimPrefix(rest, "[")
		}
	}
	return out
}

// Locate gives a finding with the line of its field as its source.
func (s *Set) Locate(f render.Finding) render.Finding {
	where, found := s.places[f.Object]
	if !found {
		return f
	}
	return locate(f, where)
}

func locate(f render.Finding, where place) render.Finding {
	f.Source = where.String()
	if number := where.line(f.Path); number > 0 {
		f.Source = fmt.Sprintf("%s:%d", where.document.source.Name, number)
	}
	return f
}
