package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/changes"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/nmstatectl"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/hosts"
	"novasphere.dev/wukong-network/render"
)

// diffFlags are the flags of the command diff.
type diffFlags struct {
	*showing
	files, kustomize  []string
	recursive         bool
	prune, serverSide bool
	clusterName       string
}

func newDiff(std streams) *cobra.Command {
	flags := &diffFlags{}
	c := &cobra.Command{
		Use:   "diff (-f FILE|DIR|- | -k DIR) [...]",
		Short: "Show what would change in the cluster if manifests were applied, and who would feel it",
		Long: `Lays manifests over what the cluster has, renders both as the controller does, and shows the difference: the objects of our kinds
that are new or other, a unified diff of what the controller would write for them (policies, attachments, Secrets without their
secrets, machines), which nodes would change and in which order, which running machines hang on what changes, which would have it
only after a restart, which addresses would be gained and lost, and what would be refused and why. Nothing is changed.

Read are Wukongs, HostUplinks, HostNetworks, AddressPools, AddressReservations, and Namespaces for their labels. Others are passed over.
The API server is asked, too, whether it would accept each object that is new or other; --server-side=false leaves that out, and so
does a missing right.

What a node would see is worked out by the real nmstatectl where there is one: see kubectl wukong host plan --help.

--prune takes the files for all objects there are of each kind that they have any of, and for all Wukongs of the namespaces that
they have Wukongs in, as a pipeline that prunes does. A kind of which the files have no object stays as it is.

To read needs the rights of ClusterRole wukong-network-host-reader. What else may not be read is told and left out.

Exit codes, as diff has them: 0 nothing would change; 1 something would; 2 trouble: wrong usage, manifests that cannot be read, or
that would be refused. 3 the cluster cannot be reached, does not have the kinds, or refuses the rights.`,
		Example: `  kubectl wukong diff -f platform/ -f team-a/
  kubectl wukong diff -k overlays/production --prune
  git show HEAD:web.yaml | kubectl wukong diff -f - -n team-a -o json`,
		Annotations: map[string]string{namespaceFlag: "true"},
		Args:        noArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.showing = newShowing(c, std, outputText, outputJSON, outputYAML, outputName)
	f := c.Flags()
	f.StringArrayVarP(&flags.files, "filename", "f", nil, "file, folder (*.yaml, *.yml, *.json) or - for standard input; may be repeated")
	f.BoolVarP(&flags.recursive, "recursive", "R", false, "look into the folders of folders, too")
	f.StringArrayVarP(&flags.kustomize, "kustomize", "k", nil, "folder with a kustomization; may be repeated")
	f.BoolVar(&flags.prune, "prune", false, "what the files lack would be deleted")
	f.BoolVar(&flags.serverSide, "server-side", true, "ask the API server whether it would accept the objects")
	f.StringVar(&flags.clusterName, "cluster-name", "", "the controller's flag of this name: goes into derived MAC addresses")
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = c.MarkFlagDirname("kustomize")
	return c
}

func (f *diffFlags) run(c *cobra.Command) error {
	if err := f.check(c); err != nil {
		return err
	}
	if len(f.files)+len(f.kustomize) == 0 {
		return usageError(c, "nothing to compare: name files with -f, -f - for standard input, or a folder with -k")
	}
	set, err := f.read()
	if err != nil {
		return err
	}
	from, err := f.open()
	if err != nil {
		return err
	}
	differences, err := f.compare(c.Context(), from, set)
	if err != nil {
		return err
	}
	refused, err := f.try(c.Context(), from, set, differences)
	if err != nil {
		return err
	}
	findings := slices.Concat(set.Findings, refused)
	trouble := 0
	for _, finding := range findings {
		if finding.Severity == render.SeverityError {
			trouble++
		}
	}
	for _, finding := range differences.Findings {
		findings = append(findings, set.Locate(finding.Rendered()))
	}
	differences.Findings = nil
	for _, finding := range findings {
		differences.Findings = append(differences.Findings, changes.NewFinding(finding))
	}
	printFindings(f.std.err, findings)
	if err := f.print(differences); err != nil {
		return err
	}
	switch {
	case trouble > 0:
		return fmt.Errorf("%s about manifests that would be refused: nothing of these objects would change", style.Count(trouble, "finding", "findings"))
	case differences.Any():
		return errFindings
	}
	return nil
}

// read reads the manifests.
func (f *diffFlags) read() (*manifests.Set, error) {
	namespace, _, err := f.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	defer f.std.reading(slices.Concat(f.files, f.kustomize))()
	sources, err := manifests.Finder{Recursive: f.recursive, Stdin: f.std.in}.Find(f.files)
	if err != nil {
		return nil, err
	}
	for _, dir := range f.kustomize {
		source, err := manifests.Kustomize(dir)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	reader := manifests.Reader{Namespace: namespace}
	set, err := reader.Read(sources)
	if err != nil {
		return nil, err
	}
	if set.Ours == 0 {
		return nil, fmt.Errorf("%s: nothing to compare: there is no object of apiVersion vm.novasphere.dev/v1alpha1", strings.Join(slices.Concat(f.files, f.kustomize), ", "))
	}
	return set, nil
}

// compare says what would change.
func (f *diffFlags) compare(ctx context.Context, from *cluster.Cluster, set *manifests.Set) (*changes.Changes, error) {
	world, nodesKnown, err := diffWorld(ctx, from)
	if err != nil {
		return nil, err
	}
	world.ClusterName = f.clusterName
	in := changes.Input{Before: world, After: world.Overlay(hosts.World{Input: set.Input}, f.prune), NodesKnown: nodesKnown}
	if nodesKnown {
		judge, err := nmstatectl.Find(ctx)
		if err != nil {
			return nil, err
		}
		if judge != nil {
			in.Judge = &tellingJudge{Judge: judge, progress: f.std.progress()}
		}
	}
	f.std.progress().Say("comparing")
	defer f.std.progress().Done()
	return changes.Compare(in)
}

// try has the API server say whether it would accept what is new or other.
func (f *diffFlags) try(ctx context.Context, from *cluster.Cluster, set *manifests.Set, differences *changes.Changes) ([]render.Finding, error) {
	if !f.serverSide {
		return nil, nil
	}
	objects := changes.Given(&set.Input)
	var out []render.Finding
	for _, d := range differences.Declared {
		named := render.Object{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name}
		object, given := objects[named]
		if !given || d.Operation == changes.Delete {
			continue
		}
		err := from.TryApply(ctx, d.Kind, object.(client.Object))
		switch cluster.CauseOf(err) {
		case cluster.Forbidden:
			f.note("%v: whether the API server would accept the manifests is not known", err)
			return out, nil
		case cluster.Refused:
			out = append(out, set.Locate(render.Finding{Object: named, Severity: render.SeverityError, Message: err.Error()}))
		case cluster.NotFound:
			if !set.HasNamespace(d.Namespace) {
				out = append(out, set.Locate(render.Finding{Object: named, Path: "metadata.namespace", Severity: render.SeverityError,
					Message: fmt.Sprintf("namespace %q does not exist: create it, or add it to the manifests", d.Namespace)}))
			}
		default:
			if err != nil {
				return out, err
			}
		}
	}
	return out, nil
}
