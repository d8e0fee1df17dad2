package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// publicDatabase is the Go team's list of known vulnerabilities, which govulncheck asks unless told otherwise.
const publicDatabase = "https://vuln.go.dev"

// reachable is how long the database may take to answer the first question.
const reachable = 20 * time.Second

// vulncheck runs govulncheck on packages of the repository and fails if it knows of a vulnerability in code that they call.
// Where the database cannot be reached, it says so and does not fail: nothing is known then.
func vulncheck(ctx context.Context, out io.Writer, root, db string, packages []string) error {
	db = cmp.Or(db, publicDatabase)
	if err := reach(ctx, db); err != nil {
		fmt.Fprintf(out, "vulncheck did NOT run: the vulnerability database cannot be reached: %v\n", err)
		return nil
	}
	self, err := goCommand(filepath.Join(root, "e2e", "release"), "tool", "-n", "govulncheck")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, string(bytes.TrimSpace(self)), append([]string{"-db", db}, packages...)...)
	cmd.Dir = root
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	err = cmd.Run()
	// govulncheck's exit code for what it found.
	const vulnerable = 3
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == vulnerable {
		return errors.New("known vulnerabilities are called, see above: go get the fixed versions")
	}
	return err
}

// reach asks for the file that every database has.
func reach(ctx context.Context, db string) error {
	const file = "index/db.json"
	at, err := url.Parse(db)
	if err != nil {
		return err
	}
	if at.Scheme == "file" {
		_, err := os.Stat(filepath.Join(filepath.FromSlash(at.Path), file))
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reachable)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath(file).String(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", request.URL, response.Status)
	}
	return nil
}
