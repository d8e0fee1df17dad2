package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/bundle"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/cmd/version"
)

// reportFlags are the flags of the command report.
type reportFlags struct {
	*asking
	file string
}

// reportName is the file where nobody names one.
const reportName = "wukong-report.tgz"

func newReport(std streams) *cobra.Command {
	flags := &reportFlags{}
	c := &cobra.Command{
		Use:   "report",
		Short: "Gather what a bug report needs into an archive, without secrets",
		Long: `Writes an archive with what somebody needs who looks into a bug: our objects, policies, enactments and node states of the nodes
that they concern, machines, attachments, events, the controller with its logs, versions, and the answer of kubectl wukong check.
manifest.json in it lists what is there, what was cut, and what could not be read, and why. Nothing is written to the cluster.
The ClusterRole wukong-network-support, and view in the namespace of the controller for its logs, let you read all of it.

Secrets are taken out: no Secret is read; passwords, hashes, keys, tokens, user data, values of variables, and annotations are hidden.
Names, labels, addresses, MAC addresses and the reasons of reservations stay. Look through the archive before you give it away.

With --namespace, Wukongs, machines, attachments and their events are those of that namespace alone.

Exit codes: 0 everything is in it; 1 something could not be read, or was cut; 2 wrong usage, or the file cannot be written; 3 the
cluster cannot be reached.`,
		Example: `  kubectl wukong report
  kubectl wukong report -n team-a -o team-a.tgz
  kubectl wukong report -o - | tar tz`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        noArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.asking = newAsking(c, std)
	c.Flags().StringVarP(&flags.file, "output", "o", reportName, "file to write; - is standard output")
	_ = c.MarkFlagFilename("output", "tgz", "tar.gz")
	return c
}

func (f *reportFlags) run(c *cobra.Command) error {
	if err := f.check(c); err != nil {
		return err
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	g := &reportGathering{ctx: c.Context(), from: from, namespace: *f.config.Namespace}
	if err := g.gather(); err != nil {
		return err
	}
	var out bytes.Buffer
	manifest := bundle.Manifest{Program: version.Read().String(), Server: g.server, Created: time.Now().UTC().Format(time.RFC3339)}
	cut, err := g.Write(&out, manifest)
	if err != nil {
		return err
	}
	if err := f.write(out.Bytes()); err != nil {
		return err
	}
	if missing := g.NotRead(); missing+cut > 0 {
		f.note("%s could not be read and %d cut: manifest.json in the archive says which", style.Count(missing, "thing", "things"), cut)
		return errFindings
	}
	return nil
}

// check refuses, before minutes of reading, a file that cannot be written. Elsewhere -o names a form of output, so those are refused,
// too.
func (f *reportFlags) check(c *cobra.Command) error {
	switch {
	case f.file == manifests.StandardInput && isTerminal(f.std.out):
		return usageError(c, "--output -: an archive is nothing for a terminal: name a file, or pipe it into tar tz")
	case f.file == manifests.StandardInput:
		return nil
	case f.file == "", slices.Contains([]string{outputJSON, outputYAML, outputText, outputTable, outputWide, outputName}, f.file):
		return usageError(c, "--output %q: write the name of a file, such as %s: a report is an archive, and has no other form", f.file, reportName)
	}
	if info, err := os.Stat(f.file); err == nil && info.IsDir() {
		return usageError(c, "--output %s: is a folder: write the name of a file, such as %s", f.file, filepath.Join(f.file, reportName))
	}
	if info, err := os.Stat(filepath.Dir(f.file)); err != nil || !info.IsDir() {
		return usageError(c, "--output %s: there is no folder %s: create it, or name another file", f.file, filepath.Dir(f.file))
	}
	return nil
}

func (f *reportFlags) write(archive []byte) error {
	if f.file == manifests.StandardInput {
		_, err := f.std.out.Write(archive)
		return err
	}
	if err := os.WriteFile(f.file, archive, 0o600); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	_, err := fmt.Fprintln(f.std.out, f.file)
	return err
}
