package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// tag is the version that a snapshot has.
const tag = "v1.2.3"

// snapshot copies the tree, with what is not committed yet, into a repository of its own with one commit that has a tag. Each
// snapshot of one tree is the same commit, in another folder.
func snapshot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := command(t, root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for _, name := range strings.Split(strings.TrimRight(files, "\x00"), "\x00") {
		from := filepath.Join(root, name)
		info, err := os.Stat(from)
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	const moment = "2026-11-19T08:12:00Z"
	identity := []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_AUTHOR_DATE=" + moment,
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com", "GIT_COMMITTER_DATE=" + moment}
	for _, args := range [][]string{{"init", "-q"}, {"add", "--all"}, {"commit", "-q", "-m", "snapshot"}, {"tag", tag}} {
		command(t, dir, identity, "git", args...)
	}
	return dir
}

// command runs a program in a folder and gives its standard output.
func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	stdout, stderr, err := try(t, dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s %q in %s: %v\n%s%s", name, args, dir, err, stdout, stderr)
	}
	return stdout
}

// try runs a program that may fail.
func try(t *testing.T, dir string, env []string, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	// What a make above this test was told is not meant for one below it.
	cmd.Env = append(cmd.Env, "MAKEFLAGS=", "MAKEOVERRIDES=", "MAKELEVEL=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}
