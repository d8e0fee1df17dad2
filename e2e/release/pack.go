package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// pack writes files into an archive, by its name a zip or a compressed tar. Neither times nor owners go in, so the same files
// give the same bytes. The last file is a program, the others are texts.
func pack(archive string, files ...string) error {
	var out bytes.Buffer
	add, end := packTar(&out)
	if strings.HasSuffix(archive, ".zip") {
		add, end = packZip(&out)
	}
	for i, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if i == len(files)-1 {
			mode = 0o755
		}
		if err := add(filepath.Base(path), mode, text); err != nil {
			return err
		}
	}
	if err := end(); err != nil {
		return err
	}
	return os.WriteFile(archive, out.Bytes(), 0o644)
}

// adding puts one file into an archive.
type adding func(name string, mode os.FileMode, text []byte) error

func packTar(out io.Writer) (adding, func() error) {
	compressed := gzip.NewWriter(out)
	w := tar.NewWriter(compressed)
	add := func(name string, mode os.FileMode, text []byte) error {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: int64(len(text)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	}
	return add, func() error { return errors.Join(w.Close(), compressed.Close()) }
}

func packZip(out io.Writer) (adding, func() error) {
	w := zip.NewWriter(out)
	add := func(name string, mode os.FileMode, text []byte) error {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = file.Write(text)
		return err
	}
	return add, w.Close
}
