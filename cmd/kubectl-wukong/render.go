package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// renderFlags are the flags of the command render.
type renderFlags struct {
	files       []string
	recursive   bool
	uplink      string
	namespace   string
	clusterName string
	output      string
	only        []string
	compare     bool
	verbose     bool
}

func newRender(std streams) *cobra.Command {
	var flags renderFlags
	c := &cobra.Command{
		Use:   "render -f FILE|DIR|- [-f ...]",
		Short: "Print what the controller would write for manifests, without a cluster",
		Long: `Prints, without a cluster, what the controller would write for the manifests: NodeNetworkConfigurationPolicies,
NetworkAttachmentDefinitions, Secrets and VirtualMachines, in a stable order on standard output. Findings go to standard
error with file and line, object, field, reason and what to do. Whatever they do not affect is rendered all the same.

Read are Wukongs, HostUplinks, HostNetworks, AddressPools and AddressReservations, checked as the API server would;
Namespaces (their labels decide who may use a network), Nodes and NodeNetworkStates (which nodes would be left out, which
addresses are taken), and NetworkAttachmentDefinitions (Wukongs may name them). Other kinds are passed over.

-o dir=PATH writes a file for each object into a folder, and takes away files of an earlier rendering that are of no use any
more. With --check nothing is written: what would change is printed as a diff, and the exit code is 1. Where a finding is an
error the folder is left alone.

A policy selects the nodes that carry its revision's label. The controller sets that label node by node after checking
each; whoever applies a rendered policy by hand sets it, too.

--uplink NIC stands in for platform manifests: a HostUplink and a HostNetwork, both named stand-in, on interface NIC of all
nodes, untagged, default, open to every namespace.

Exit codes: 0 clean (notes about fields without effect are clean), 1 findings or a folder that is not up to date, 2 wrong usage or input that cannot be read.`,
		Example: `  kubectl wukong render -f web.yaml --uplink eth1
  kubectl wukong render -f platform/ -f team-a/
  kubectl wukong render -f platform/ --only external-policies -o dir=rendered
  kubectl wukong render -f platform/ --only external-policies -o dir=rendered --check
  kubectl get wukongs,hostuplinks,hostnetworks,nns -A -o yaml | kubectl wukong render -f - -o netplan`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return flags.run(c, std) },
	}
	f := c.Flags()
	f.StringArrayVarP(&flags.files, "filename", "f", nil, "file, folder (*.yaml, *.yml, *.json) or - for standard input; may be repeated")
	f.BoolVarP(&flags.recursive, "recursive", "R", false, "look into the folders of folders, too")
	f.StringVar(&flags.uplink, "uplink", "", "interface of the hosts that stands in for a HostUplink and a default HostNetwork")
	f.StringVarP(&flags.namespace, "namespace", "n", "default", "namespace of objects that name none")
	f.StringVar(&flags.clusterName, "cluster-name", "", "the controller's flag of this name: goes into derived MAC addresses")
	f.StringVarP(&flags.output, "output", "o", outputYAML, "what to print: "+strings.Join(outputs(), ", ")+" (a complete netplan file per machine), or dir=PATH to write files")
	f.StringSliceVar(&flags.only, "only", nil, "leave out everything but: "+strings.Join(choices(), ", "))
	f.BoolVar(&flags.compare, "check", false, "with -o dir=PATH: compare the folder with what would be written, and write nothing")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "name on standard error what is passed over")
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(choices(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("uplink", cobra.NoFileCompletions)
	return c
}

func (f *renderFlags) run(c *cobra.Command, std streams) error {
	if err := f.check(c); err != nil {
		return err
	}
	set, err := f.read(std)
	if err != nil {
		return err
	}
	std.progress().Say("rendering")
	defer std.progress().Done()
	plan, found := render.Plan(set.Input)
	plan = only(plan, f.only)
	if f.verbose {
		for _, text := range set.PassedOver {
			fmt.Fprintln(std.err, "passed over: "+answer.Printable(text))
		}
	}
	for i := range found {
		found[i] = set.Locate(found[i])
	}
	findings := slices.Concat(set.Findings, found)
	printFindings(std.err, findings)
	if folder, ok := strings.CutPrefix(f.output, outputFolder); ok {
		err = f.writeFolder(std, renderedFolder(folder), plan, findings)
	} else {
		err = f.write(std, plan)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(findings, counts) {
		return errFindings
	}
	return nil
}

// write prints what is rendered.
func (f *renderFlags) write(std streams, plan render.Output) error {
	printed, err := f.print(plan)
	if err != nil {
		return err
	}
	std.progress().Done()
	_, err = std.out.Write(printed)
	return err
}

// writeFolder brings a folder up to what is rendered, or prints how they differ.
func (f *renderFlags) writeFolder(std streams, folder renderedFolder, plan render.Output, findings []render.Finding) error {
	if slices.ContainsFunc(findings, func(f render.Finding) bool { return f.Severity == render.SeverityError }) {
		return found("%s: is left alone, since not everything could be rendered: correct the errors above first", folder)
	}
	files, err := filesOf(plan)
	if err != nil {
		return err
	}
	if !f.compare {
		return folder.write(files)
	}
	changes, err := folder.compare(files)
	if err != nil || len(changes) == 0 {
		return err
	}
	std.progress().Done()
	if _, err := std.out.Write(changes); err != nil {
		return err
	}
	return found("%s: is not what is rendered now: run the command without --check, and commit what it changes", folder)
}

// check refuses flags that cannot work, before anything is read.
func (f *renderFlags) check(c *cobra.Command) error {
	if len(f.files) == 0 {
		return usageError(c, "nothing to read: name files with -f, or -f - for standard input")
	}
	if err := f.checkOutput(c); err != nil {
		return err
	}
	if problems := validation.IsDNS1123Label(f.namespace); len(problems) > 0 {
		return usageError(c, "--namespace %q cannot be the name of a namespace: %s", f.namespace, problems[0])
	}
	if c.Flags().Changed("uplink") {
		uplink, _ := render.StandIn(f.uplink)
		if problems := manifests.Check("HostUplink", uplink); len(problems) > 0 {
			return usageError(c, "--uplink %q cannot be the name of a network interface: %s", f.uplink, problems[0])
		}
	}
	return nil
}

// checkOutput refuses flags about what is printed, and where to.
func (f *renderFlags) checkOutput(c *cobra.Command) error {
	folder, files := strings.CutPrefix(f.output, outputFolder)
	switch {
	case files && folder == "":
		return usageError(c, "--output %q names no folder: write dir=PATH", f.output)
	case !files && !slices.Contains(outputs(), f.output):
		return usageError(c, "--output %q is not known: use %s, dir=PATH", f.output, strings.Join(outputs(), ", "))
	case f.compare && !files:
		return usageError(c, "--check compares a folder: write -o dir=PATH, too")
	case len(f.only) > 0 && f.output == outputNetplan:
		return usageError(c, "--only chooses objects, which -o netplan does not print")
	}
	for _, part := range f.only {
		if !slices.Contains(choices(), part) {
			return usageError(c, "--only %q is not known: use %s", part, strings.Join(choices(), ", "))
		}
	}
	return nil
}

func (f *renderFlags) read(std streams) (*manifests.Set, error) {
	defer std.reading(f.files)()
	sources, err := manifests.Finder{Recursive: f.recursive, Stdin: std.in}.Find(f.files)
	if err != nil {
		return nil, err
	}
	reader := manifests.Reader{Namespace: f.namespace}
	set, err := reader.Read(sources)
	if err != nil {
		return nil, err
	}
	if set.Ours == 0 {
		return nil, fmt.Errorf("%s: nothing to render: there is no object of apiVersion vm.novasphere.dev/v1alpha1", strings.Join(f.files, ", "))
	}
	set.Input.ClusterName = f.clusterName
	if f.uplink != "" {
		uplink, networks := render.StandIn(f.uplink)
		set.Input.HostUplinks = append(set.Input.HostUplinks, uplink)
		set.Input.HostNetworks = append(set.Input.HostNetworks, networks...)
	}
	return set, nil
}
