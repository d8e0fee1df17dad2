package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Bounds of a bundle, in bytes before it is compressed.
const (
	// MaxFile is how large one file may be.
	MaxFile = 8 << 20
	// MaxTotal is how large all of them may be.
	MaxTotal = 64 << 20
)

// Manifest lists what is in a bundle. It is its last file.
type Manifest struct {
	// Program and Server are versions.
	Program string `json:"program"`
	Server  string `json:"server,omitempty"`
	// Created is when the bundle was made, in RFC 3339.
	Created string  `json:"created"`
	Files   []Entry `json:"files"`
	// NotRead says what is missing, and why.
	NotRead []NotRead `json:"notRead,omitempty"`
}

// Entry is one file.
type Entry struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	// Objects is the number of objects in it.
	Objects int `json:"objects,omitempty"`
	// Cut says what was left out; empty for a complete file.
	Cut string `json:"cut,omitempty"`
}

// NotRead is something that is missing.
type NotRead struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Bundle gathers files. The zero value is an empty one.
type Bundle struct {
	files   map[string]*file
	notRead []NotRead
	secrets map[string]bool
}

type file struct {
	text    []byte
	objects int
	cut     string
}

// Objects adds a file with objects, as YAML documents by namespace and name, without their secrets. No objects make no file.
func (b *Bundle) Objects(name string, objects []map[string]any) {
	if len(objects) == 0 {
		return
	}
	objects = slices.Clone(objects)
	slices.SortStableFunc(objects, func(a, c map[string]any) int {
		return cmp.Or(cmp.Compare(textAt(a, "metadata", "namespace"), textAt(c, "metadata", "namespace")), cmp.Compare(textAt(a, "metadata", "name"), textAt(c, "metadata", "name")))
	})
	f := &file{}
	for i, o := range objects {
		cleaned, secrets := Clean(o)
		b.remember(secrets)
		text, err := yaml.Marshal(cleaned)
		if err != nil {
			b.Missing(fmt.Sprintf("%s: %s", name, textAt(o, "metadata", "name")), err.Error())
			continue
		}
		if len(f.text)+len(text) > MaxFile {
			f.cut = fmt.Sprintf("%d of %d objects left out: the file would be larger than %d MiB", len(objects)-i, len(objects), MaxFile>>20)
			break
		}
		if i > 0 {
			f.text = append(f.text, "---\n"...)
		}
		f.text = append(f.text, text...)
		f.objects++
	}
	b.put(name, f)
}

// Text adds a file with a text, such as a log. Its end is what is kept of one that is too long.
func (b *Bundle) Text(name string, text []byte) {
	f := &file{text: []byte(Scrub(strings.ToValidUTF8(string(text), "\ufffd")))}
	// A secret that is cut in two would not be recognised, so this comes second.
	if more := len(f.text) - MaxFile; more > 0 {
		f.text = f.text[more:]
		f.cut = fmt.Sprintf("the first %d bytes left out: the file would be larger than %d MiB", more, MaxFile>>20)
	}
	b.put(name, f)
}

// Missing notes what could not be read, and why.
func (b *Bundle) Missing(what, why string) {
	b.notRead = append(b.notRead, NotRead{what, Scrub(why)})
}

// NotRead gives the number of things that could not be read.
func (b *Bundle) NotRead() int { return len(b.notRead) }

func (b *Bundle) put(name string, f *file) {
	if b.files == nil {
		b.files = map[string]*file{}
	}
	b.files[name] = f
}

// shortestSecret bounds, in bytes, what is looked for wherever it stands: shorter texts are words.
const shortestSecret = 6

// remember keeps what was hidden, so that it is hidden everywhere.
func (b *Bundle) remember(secrets []string) {
	if b.secrets == nil {
		b.secrets = map[string]bool{}
	}
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		if len(s) < shortestSecret || s == hidden {
			continue
		}
		b.secrets[s] = true
		b.secrets[base64.StdEncoding.EncodeToString([]byte(s))] = true
		if decoded, err := base64.StdEncoding.DecodeString(s); err == nil && len(decoded) >= shortestSecret {
			b.secrets[string(decoded)] = true
		}
	}
}

// redactor hides by value what was hidden anywhere, the longest first.
func (b *Bundle) redactor() *strings.Replacer {
	all := slices.SortedFunc(maps.Keys(b.secrets), func(x, y string) int {
		return cmp.Or(-cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	var pairs []string
	for _, s := range all {
		pairs = append(pairs, s, hidden)
	}
	return strings.NewReplacer(pairs...)
}

// Write writes the bundle as a compressed archive: files by name, the manifest last, all with the same times and owners. What exceeds
// MaxTotal is left out. cut is the number of files that are not complete, as the manifest says.
func (b *Bundle) Write(w io.Writer, m Manifest) (cut int, err error) {
	compressed := gzip.NewWriter(w)
	archive := tar.NewWriter(compressed)
	redact := b.redactor()
	m.Files = []Entry{}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		f := b.files[name]
		text := redact.Replace(string(f.text))
		entry := Entry{Name: name, Bytes: len(text), Objects: f.objects, Cut: f.cut}
		if total+len(text) > MaxTotal {
			entry = Entry{Name: name, Cut: fmt.Sprintf("left out: the bundle would be larger than %d MiB", MaxTotal>>20)}
		} else if err := add(archive, name, []byte(text)); err != nil {
			return cut, err
		}
		if entry.Cut != "" {
			cut++
		}
		total += entry.Bytes
		m.Files = append(m.Files, entry)
	}
	for _, n := range b.notRead {
		m.NotRead = append(m.NotRead, NotRead{redact.Replace(n.What), redact.Replace(n.Why)})
	}
	slices.SortFunc(m.NotRead, func(x, y NotRead) int { return cmp.Or(cmp.Compare(x.What, y.What), cmp.Compare(x.Why, y.Why)) })
	var list bytes.Buffer
	encoder := json.NewEncoder(&list)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(m); err != nil {
		return cut, err
	}
	if err := add(archive, "manifest.json", list.Bytes()); err != nil {
		return cut, err
	}
	if err := archive.Close(); err != nil {
		return cut, err
	}
	return cut, compressed.Close()
}

// folder is what an archive unpacks into.
const folder = "wukong-report/"

func add(archive *tar.Writer, name string, text []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: folder + name, Size: int64(len(text)), Mode: 0o644, ModTime: time.Unix(0, 0)}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(text)
	return err
}

// textAt gives a text of an object by the names of its fields, or "".
func textAt(o map[string]any, path ...string) string {
	var v any = o
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[key]
	}
	s, _ := v.(string)
	return s
}
