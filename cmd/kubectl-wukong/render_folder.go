package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"novasphere.dev/wukong-network/render"
)

// outputFolder begins the form of output that writes a file for each object.
const outputFolder = "dir="

// folderMark begins each file that render writes into a folder. What does not begin with it is somebody else's.
const folderMark = "# Rendered by kubectl wukong render. Edits are lost.\n"

// renderedFolder is a folder with what was rendered, a file for each object.
type renderedFolder string

// filesOf gives the texts of the files for a plan, by name.
func filesOf(plan render.Output) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, object := range plan.Objects() {
		text, err := render.Manifest(object)
		if err != nil {
			return nil, err
		}
		out[fileName(object.(identified))] = append([]byte(folderMark), text...)
	}
	return out, nil
}

// identified is an object of a plan.
type identified interface {
	metav1.Object
	GetObjectKind() schema.ObjectKind
}

// fileName is the name of an object's file: kind, namespace where there is one, and name. No namespace has a dot in its name.
func fileName(object identified) string {
	kind := strings.ToLower(object.GetObjectKind().GroupVersionKind().Kind)
	words := []string{kind, object.GetNamespace(), object.GetName(), "yaml"}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ".")
}

// former reads the files of an earlier rendering, by name, and those of other people that stand in the way of the files to come.
func (d renderedFolder) former(files map[string][]byte) (ours map[string][]byte, foreign []string, err error) {
	entries, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	ours = map[string][]byte{}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || filepath.Ext(entry.Name()) != ".yaml" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(string(d), entry.Name()))
		if err != nil {
			return nil, nil, err
		}
		if bytes.HasPrefix(text, []byte(folderMark)) {
			ours[entry.Name()] = text
		} else if _, wanted := files[entry.Name()]; wanted {
			foreign = append(foreign, filepath.Join(string(d), entry.Name()))
		}
	}
	return ours, foreign, nil
}

// write brings the folder up to the files, and takes away those of an earlier rendering that are not among them.
func (d renderedFolder) write(files map[string][]byte) error {
	former, foreign, err := d.former(files)
	if err != nil {
		return err
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%s: was not written by render, so nothing is written: move it away, or give another folder", strings.Join(foreign, ", "))
	}
	if err := os.MkdirAll(string(d), 0o777); err != nil {
		return err
	}
	for name, text := range files {
		if bytes.Equal(former[name], text) {
			continue
		}
		if err := os.WriteFile(filepath.Join(string(d), name), text, 0o666); err != nil { //nolint:gosec // the umask of whoever runs it decides
			return err
		}
	}
	for name := range former {
		if _, wanted := files[name]; !wanted {
			if err := os.Remove(filepath.Join(string(d), name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare gives what writing the files would change, as a unified diff: empty where nothing would.
func (d renderedFolder) compare(files map[string][]byte) ([]byte, error) {
	former, foreign, err := d.former(files)
	if err != nil {
		return nil, err
	}
	if len(foreign) > 0 {
		return nil, fmt.Errorf("%s: was not written by render: move it away, or give another folder", strings.Join(foreign, ", "))
	}
	names := map[string]bool{}
	for _, some := range []map[string][]byte{files, former} {
		for name := range some {
			names[name] = true
		}
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(names)) {
		path := filepath.ToSlash(filepath.Join(string(d), name))
		before, after := path, path
		if former[name] == nil {
			before = os.DevNull
		}
		if files[name] == nil {
			after = os.DevNull
		}
		out.Write(diff.Diff(before, former[name], after, files[name]))
	}
	return out.Bytes(), nil
}
