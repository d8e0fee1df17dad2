package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// MaxSourceSize is the size in bytes from which on a source is refused, so that a device or an endless pipe ends in a
// message and not in a lack of memory.
const MaxSourceSize = 64 << 20

// StandardInput is the argument that means standard input, and what findings call it.
const (
	StandardInput     = "-"
	standardInputName = "<stdin>"
)

// Source is the text of one file or of standard input.
type Source struct {
	// Name is what findings call it.
	Name string
	Text []byte
	// Found: it was found in a folder, where files that are no manifests are usual, and not named by the user.
	Found bool
}

// Finder turns arguments into sources.
type Finder struct {
	// Recursive looks into the folders of folders, too. Links to folders are not followed.
	Recursive bool
	// Stdin is read for the argument "-".
	Stdin io.Reader
}

// Find reads files, the manifests of folders (*.yaml, *.yml and *.json) and standard input. Sources come in the order of
// their names, once each. The error has one line for each argument or file that cannot be read.
func (f Finder) Find(args []string) ([]Source, error) {
	var out []Source
	var errs []error
	seen := map[string]bool{}
	for _, arg := range args {
		files, err := f.files(arg)
		errs = append(errs, err)
		for _, file := range files {
			if file.Name = filepath.Clean(file.Name); seen[file.Name] {
				continue
			}
			seen[file.Name] = true
			file.Text, err = f.read(file.Name)
			errs = append(errs, err)
			out = append(out, file)
		}
	}
	for i := range out {
		if out[i].Name == StandardInput {
			out[i].Name = standardInputName
		}
	}
	slices.SortFunc(out, func(a, b Source) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return out, errors.Join(errs...)
}

// files gives the files that an argument stands for, without their texts.
func (f Finder) files(arg string) ([]Source, error) {
	if arg == StandardInput {
		return []Source{{Name: arg}}, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, readable(err)
	}
	if !info.IsDir() {
		return []Source{{Name: arg}}, nil
	}
	names, err := f.folder(arg)
	if err == nil && len(names) == 0 {
		return nil, fmt.Errorf("%s: holds no file named *.yaml, *.yml or *.json%s", arg, f.hint())
	}
	out := make([]Source, 0, len(names))
	for _, name := range names {
		out = append(out, Source{Name: name, Found: true})
	}
	return out, err
}

func (f Finder) hint() string {
	if f.Recursive {
		return ""
	}
	return "; -R looks into its folders, too"
}

// folder gives the manifests of a folder by name. Links to files count, as mounted ConfigMaps are made of them.
func (f Finder) folder(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, readable(err)
	}
	var out []string
	var errs []error
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			if f.Recursive {
				below, err := f.folder(path)
				out, errs = append(out, below...), append(errs, err)
			}
			continue
		}
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			continue
		}
		if info, err := os.Stat(path); err != nil {
			errs = append(errs, readable(err))
		} else if info.Mode().IsRegular() {
			out = append(out, path)
		}
	}
	return out, errors.Join(errs...)
}

func (f Finder) read(name string) ([]byte, error) {
	in := f.Stdin
	if name != StandardInput {
		file, err := os.Open(name)
		if err != nil {
			return nil, readable(err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, MaxSourceSize+1))
	switch {
	case err != nil:
		return nil, readable(err)
	case len(text) > MaxSourceSize:
		return nil, fmt.Errorf("%s: is larger than %d MiB: split it", name, MaxSourceSize>>20)
	}
	return text, nil
}

// readable gives an error of the file system with the name first, as findings have it.
func readable(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Path, at.Err)
	}
	return err
}
