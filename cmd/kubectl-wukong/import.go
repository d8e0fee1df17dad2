package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/adoption"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// importFlags are the flags of the command import.
type importFlags struct {
	*asking
	all          bool
	selector     string
	from         []string
	as           string
	trust        bool
	segments     []string
	hostNetworks []string
	create       bool
	dryRun       string
}

func newImport(std streams) *cobra.Command {
	var flags importFlags
	c := &cobra.Command{
		Use:   "import [--from FILE] [--create | -o yaml]",
		Short: "Adopt the addresses that a cluster uses already",
		Long: `Finds the addresses that are in use without a lease, and plans what keeps them from being given to somebody else. Sources are
running VirtualMachineInstances, Wukongs (also with a status that NovaSphere's operator wrote), and with --from files: comma
separated values as kubectl wukong ip list -o csv prints them (or with columns address, name, namespace), or hosts files.

By default nothing is written: a table says what would be done with each address and why, and what nobody but a person can
decide. -o yaml prints the manifests, for Git. --create creates what is missing. Nothing is ever changed or deleted, and a
second run creates nothing.

What is made is intent. Leases are the controller's alone: it takes one when a Wukong asks for an address.

  Wukong              for a VirtualMachine that nothing serves (--adopt-as): it names the machine and asks for the addresses that the
                      machine has, so that the controller leases them. guestConfig is Manual: neither machine nor guest is
                      touched. It also makes the HostNetwork one in use, which hosts then get if they do not have it. Until the
                      lease is taken an AddressReservation keeps each address for it.
  AddressReservation  for all others: for the Wukong that has the address or is to have it, else out of use.

What sources contradict each other about is reported with both sides, and nothing is written for it. What a guest reports is
what its user wants: without --trust-guests it only counts together with another source. Addresses of the pod network, loopback
and link-local ones are passed over. Secrets are not read.

On which segment an address is follows from the bridge of the attachment and the HostNetworks, from a file's columns segment,
host_network or pool, or from pools that cover it. For what does not tell, --segment and --host-network say it.

It needs the rights of ClusterRole wukong-network-importer.

Exit codes: 0 nothing is left to do, or all of it was printed or done; 1 something is left to do or has to be decided; 2 wrong
usage or a file that cannot be read; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong import
  kubectl wukong import --from addresses.csv --segment lab -o yaml > reservations.yaml
  kubectl wukong import -n team-a --adopt-as wukongs --trust-guests --create
  kubectl wukong import --host-network team-a/old-lan=lab-100`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        noArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.asking = newAsking(c, std, outputTable, outputYAML)
	flags.withTables(c)
	f := c.Flags()
	f.BoolVarP(&flags.all, "all-namespaces", "A", false, "owners in every namespace, which is the default")
	f.StringVarP(&flags.selector, "selector", "l", "", "Wukongs and VirtualMachineInstances with these labels")
	f.StringArrayVar(&flags.from, "from", nil, "a file of addresses, - for standard input; may be repeated")
	f.StringVar(&flags.as, "adopt-as", string(adoption.AsAuto),
		"what VirtualMachines become: wukongs, reservations, or auto (a Wukong where one can be made, else reservations)")
	f.BoolVar(&flags.trust, "trust-guests", false, "take what guests report for true")
	f.StringArrayVar(&flags.segments, "segment", nil,
		"[[NAMESPACE/]ATTACHMENT=]SEGMENT: where an attachment leads, or whatever else does not tell; may be repeated")
	f.StringArrayVar(&flags.hostNetworks, "host-network", nil, "[[NAMESPACE/]ATTACHMENT=]NAME: the same, by a HostNetwork; may be repeated")
	f.BoolVar(&flags.create, "create", false, "create what is missing")
	f.StringVar(&flags.dryRun, "dry-run", string(cluster.DryRunClient), "client (nothing is sent), or server (checked there and not kept)")
	f.Lookup("dry-run").NoOptDefVal = string(cluster.DryRunClient)
	c.MarkFlagsMutuallyExclusive("create", "dry-run")
	_ = c.RegisterFlagCompletionFunc("adopt-as", cobra.FixedCompletions(ways(), cobra.ShellCompDirectiveNoFileComp))
	checks := []string{string(cluster.DryRunClient), string(cluster.DryRunServer)}
	_ = c.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions(checks, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("segment", flags.completing(suggestSegments))
	return c
}

func ways() []string {
	return []string{string(adoption.AsAuto), string(adoption.AsWukongs), string(adoption.AsReservations)}
}

func (f *importFlags) run(c *cobra.Command) error {
	rules, err := f.rules(c)
	if err != nil {
		return err
	}
	files, err := f.files(c)
	if err != nil {
		return err
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	facts, err := gather(c.Context(), from)
	if err != nil {
		return err
	}
	facts.Files = files
	if rules.Mappings, err = f.mappings(c, facts.Catalog); err != nil {
		return err
	}
	plan := adoption.NewPlan(*facts, rules)
	if err := f.print(plan); err != nil {
		return err
	}
	if f.mode() != cluster.DryRunClient {
		return f.write(c.Context(), from, plan)
	}
	return f.summary(plan)
}

func (f *importFlags) mode() cluster.DryRun {
	if f.create {
		return cluster.DryRunNone
	}
	return cluster.DryRun(f.dryRun)
}

// rules reads the flags that need no cluster.
func (f *importFlags) rules(c *cobra.Command) (adoption.Rules, error) {
	rules := adoption.Rules{As: adoption.As(f.as), TrustGuests: f.trust}
	if err := f.check(c); err != nil {
		return rules, err
	}
	if f.as != string(adoption.AsAuto) && f.as != string(adoption.AsWukongs) && f.as != string(adoption.AsReservations) {
		return rules, usageError(c, "--adopt-as %q is not known: use auto, wukongs or reservations", f.as)
	}
	if m := f.mode(); !f.create && m != cluster.DryRunClient && m != cluster.DryRunServer {
		return rules, usageError(c, "--dry-run %q is not known: use client or server, or write --create", f.dryRun)
	}
	if !f.all {
		rules.Namespace = *f.config.Namespace
	}
	if f.selector != "" {
		selector, err := labels.Parse(f.selector)
		if err != nil {
			return rules, usageError(c, "--selector: %w", err)
		}
		rules.Selector = selector
	}
	return rules, nil
}

// mappings reads the flags that say where attachments lead.
func (f *importFlags) mappings(c *cobra.Command, catalog *render.Catalog) ([]adoption.Mapping, error) {
	var out []adoption.Mapping
	seen := map[string]bool{}
	for _, flag := range []struct {
		name   string
		values []string
		read   func(*render.Catalog, string) (adoption.Mapping, error)
	}{{"host-network", f.hostNetworks, adoption.NewHostMapping}, {"segment", f.segments, adoption.NewMapping}} {
		for _, text := range flag.values {
			m, err := flag.read(catalog, text)
			if err != nil {
				return nil, usageError(c, "--%s: %w", flag.name, err)
			}
			if seen[m.Attachment] {
				return nil, usageError(c, "--%s %s: where that leads is said twice: remove one of them", flag.name, text)
			}
			seen[m.Attachment] = true
			out = append(out, m)
		}
	}
	return out, nil
}

// files reads the files of the flag --from.
func (f *importFlags) files(c *cobra.Command) ([]adoption.File, error) {
	var out []adoption.File
	for _, path := range f.from {
		text, name, err := f.read(path)
		if err != nil {
			return nil, usageError(c, "--from: %w", err)
		}
		file, err := adoption.ReadFile(name, text)
		if err != nil {
			return nil, usageError(c, "--from: %w", err)
		}
		out = append(out, file)
	}
	return out, nil
}

func (f *importFlags) read(path string) (text []byte, name string, err error) {
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(f.std.in, adoption.MaxFile+1))
		return text, "standard input", err
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	text, err = io.ReadAll(io.LimitReader(in, adoption.MaxFile+1))
	return text, filepath.Base(path), errors.Join(err, in.Close())
}

// print writes the answer: a table, or manifests, the findings then as notes.
func (f *importFlags) print(plan *adoption.Plan) error {
	if !f.structured() {
		if len(plan.Entries) == 0 {
			return nil
		}
		return plan.Table().Write(f.std.out, f.form())
	}
	for _, e := range plan.Entries {
		if e.Action == adoption.ActionConflict || e.Action == adoption.ActionUndecided {
			f.note("%s", e)
		}
	}
	var objects []any
	for _, r := range plan.Reservations {
		objects = append(objects, r)
	}
	for _, w := range plan.Wukongs {
		objects = append(objects, w)
	}
	for i, o := range objects {
		if i > 0 {
			if _, err := fmt.Fprintln(f.std.out, "---"); err != nil {
				return err
			}
		}
		if err := answer.Manifest(f.std.out, f.output, o); err != nil {
			return err
		}
	}
	return nil
}

// summary says what would be done, and ends the command.
func (f *importFlags) summary(plan *adoption.Plan) error {
	undecided, conflicting := plan.Count(adoption.ActionUndecided), plan.Count(adoption.ActionConflict)
	switch {
	case len(plan.Entries) == 0:
		f.note("nothing to do: no address was found")
	case !plan.Due() && !plan.Findings():
		f.note("nothing to do: every address that was found is leased, asked for or kept back")
	case !f.structured():
		f.note("%s to make, %s; %d in conflict, %d undecided, %d done already. Nothing is written: --create creates, -o yaml prints manifests",
			counted(len(plan.Reservations), "AddressReservation"), counted(len(plan.Wukongs), "Wukong"),
			conflicting, undecided, plan.Count(adoption.ActionNone))
	}
	if plan.Findings() || (plan.Due() && !f.structured()) {
		return errFindings
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
