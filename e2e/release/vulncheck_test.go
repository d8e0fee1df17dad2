package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The package calls debug.ReadBuildInfo, which the databases of these tests say something about.
const checked = "./cmd/version"

func TestAKnownVulnerabilityThatIsCalledFailsTheCheck(t *testing.T) {
	var out bytes.Buffer
	err := vulncheck(t.Context(), &out, repository(t), "file://"+database(t, "ReadBuildInfo"), []string{checked})
	if err == nil || !strings.Contains(err.Error(), "known vulnerabilities are called") {
		t.Errorf("%v", err)
	}
	if text := out.String(); !strings.Contains(text, "GO-2026-9999") || !strings.Contains(text, "version.Read calls debug.ReadBuildInfo") {
		t.Errorf("%s", text)
	}
}

func TestAVulnerabilityThatIsNotCalledPasses(t *testing.T) {
	served := httptest.NewServer(http.FileServer(http.Dir(database(t, "WriteHeapDump"))))
	defer served.Close()
	var out bytes.Buffer
	if err := vulncheck(t.Context(), &out, repository(t), served.URL, []string{checked}); err != nil {
		t.Error(err)
	}
	if text := out.String(); !strings.Contains(text, "No vulnerabilities found") {
		t.Errorf("%s", text)
	}
}

func TestACheckWithoutDatabaseSaysThatItDidNotRun(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, db := range []string{gone.URL, closed.URL, "file:///nowhere"} {
		out, stderr, err := try(t, root, nil, "make", "vulncheck", "DB="+db)
		if err != nil {
			t.Errorf("%s: %v\n%s", db, err, stderr)
		}
		if !strings.HasPrefix(out, "vulncheck did NOT run: the vulnerability database cannot be reached: ") || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: %q", db, out)
		}
	}
}

// database writes a vulnerability database with one entry: a function of package runtime/debug, in every version of Go.
func database(t *testing.T, function string) string {
	t.Helper()
	const id, modified = "GO-2026-9999", "2026-11-19T08:12:00Z"
	type object = map[string]any
	files := map[string]any{
		"index/db.json":      object{"modified": modified},
		"index/modules.json": []any{object{"path": "stdlib", "vulns": []any{object{"id": id, "modified": modified}}}},
		"index/vulns.json":   []any{object{"id": id, "modified": modified}},
		"ID/" + id + ".json": object{
			"schema_version": "1.3.1", "id": id, "modified": modified, "published": modified, "summary": "made up",
			"database_specific": object{"url": "https://vulnerabilities.example/" + id},
			"affected": []any{object{
				"package":            object{"name": "stdlib", "ecosystem": "Go"},
				"ranges":             []any{object{"type": "SEMVER", "events": []any{object{"introduced": "0"}}}},
				"ecosystem_specific": object{"imports": []any{object{"path": "runtime/debug", "symbols": []any{function}}}},
			}},
		},
	}
	dir := t.TempDir()
	for name, content := range files {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		// A file is read as it is, what is served is compressed.
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), os.WriteFile(path, text, 0o644), os.WriteFile(path+".gz", compressed.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// repository is the absolute path of the repository.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
