package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected output of the scripts anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kubectl-wukong": main})
}

// TestScripts runs the command as a user does. Each script of testdata/script tells one story.
func TestScripts(t *testing.T) {
	samples, err := filepath.Abs(samplesDir)
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := filepath.Abs("testdata/hosts")
	if err != nil {
		t.Fatal(err)
	}
	guests, err := filepath.Abs("testdata/guests")
	if err != nil {
		t.Fatal(err)
	}
	inspect, err := filepath.Abs("testdata/inspect")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			// The folder of the samples has the same name on every machine.
			if err := os.Symlink(samples, filepath.Join(e.WorkDir, "samples")); err != nil {
				return err
			}
			if err := os.Symlink(guests, filepath.Join(e.WorkDir, "guests")); err != nil {
				return err
			}
			if err := os.Symlink(inspect, filepath.Join(e.WorkDir, "inspect")); err != nil {
				return err
			}
			return os.Symlink(hosts, filepath.Join(e.WorkDir, "hosts"))
		},
	})
}
