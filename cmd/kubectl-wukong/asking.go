package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/version"
	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
)

// Forms of output beside JSON and YAML.
const (
	outputTable = "table"
	outputWide  = "wide"
	outputName  = "name"
	outputCSV   = "csv"
	outputHosts = "hosts"
)

// asking is what a command has that asks a cluster: kubectl's flags for it, and the form of the answer.
type asking struct {
	std     streams
	config  *genericclioptions.ConfigFlags
	output  string
	formats []string
	// noHeaders leaves the heads of tables out.
	noHeaders bool
	// manager is where a manager answers instead; its URL is empty where the command reads the cluster itself.
	manager cluster.QueryServer
}

// newAsking adds the flags to a command. formats are those of its answer, the first one the usual one.
func newAsking(c *cobra.Command, std streams, formats ...string) *asking {
	a := &asking{std: std, config: genericclioptions.NewConfigFlags(true), formats: formats}
	if !namespaced(c) {
		a.config.Namespace = nil
	}
	// Nothing is kept in a cache: no discovery precedes a question.
	a.config.CacheDir = nil
	a.config.AddFlags(c.Flags())
	a.completeConfig(c)
	if len(formats) > 0 {
		c.Flags().StringVarP(&a.output, "output", "o", formats[0], "form of the answer: "+strings.Join(formats, ", "))
		_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	}
	return a
}

// withTables adds the flag about tables, to a command whose answer has some.
func (a *asking) withTables(c *cobra.Command) {
	c.Flags().BoolVar(&a.noHeaders, "no-headers", false, "leave the heads of tables out")
}

// form is how tables are written.
func (a *asking) form() answer.Form {
	return answer.Form{Wide: a.output == outputWide, NoHeaders: a.noHeaders}
}

// viaManager adds the flags by which a manager answers, to a command whose answer it has.
func (a *asking) viaManager(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.manager.URL, "query-server", "", "have the manager that serves queries at this URL answer from its caches, such as https://localhost:8444, instead of reading the cluster")
	f.StringVar(&a.manager.CAFile, "query-certificate-authority", "", "file with the certificate authority of --query-server; that of the API server when empty")
	f.StringVar(&a.manager.ServerName, "query-tls-server-name", "", "name that the certificate of --query-server has; that of the URL when empty")
	_ = c.MarkFlagFilename("query-certificate-authority")
}

// namespaceFlag marks, as an annotation, the commands that have kubectl's flag --namespace.
const namespaceFlag = "namespace"

func namespaced(c *cobra.Command) bool { return c.Annotations[namespaceFlag] != "" }

// check refuses a form of output that the command does not have. One without forms has no flag either.
func (a *asking) check(c *cobra.Command) error {
	if len(a.formats) > 0 && !slices.Contains(a.formats, a.output) {
		return usageError(c, "--output %q is not known: use %s", a.output, strings.Join(a.formats, ", "))
	}
	return nil
}

// structured says whether the answer is for programs.
func (a *asking) structured() bool { return a.output == outputJSON || a.output == outputYAML }

// open connects. Nothing is sent yet.
func (a *asking) open() (*cluster.Cluster, error) { return cluster.Connect(a.config, a.options()) }

func (a *asking) options() cluster.Options {
	return cluster.Options{Diagnostics: a.std.err, Agent: "kubectl-wukong/" + version.Read().Version, Progress: a.std.progress()}
}

// answering gives who answers. withoutNodes says that nobody would see on which nodes machines run.
func (a *asking) answering(withoutNodes bool) (answering, error) {
	if a.manager.URL != "" {
		return cluster.ConnectRemote(a.config, a.manager, a.options())
	}
	if a.manager != (cluster.QueryServer{}) {
		return nil, errors.New("--query-certificate-authority and --query-tls-server-name are about --query-server: give that, too")
	}
	from, err := a.open()
	if err != nil {
		return nil, err
	}
	return &query.Answerer{From: reading{from}, WithoutNodes: withoutNodes}, nil
}

// note says something about the answer that is no part of it.
func (a *asking) note(format string, args ...any) {
	fmt.Fprintf(a.std.err, "note: "+format+"\n", args...)
}

// isTerminal says whether people are at the other end.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// oneArg refuses any other number of arguments. what is what the argument is, such as "an address".
func oneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usageError(c, "write one argument, %s; there are %d", what, len(args))
	}
}

// Completion asks for little and does not wait for long: a person sits in front of it.
const (
	suggestions       = 500
	completionTimeout = 3 * time.Second
)

// completing makes a completion of a function that asks the cluster.
func (a *asking) completing(suggest func(ctx context.Context, c *cluster.Cluster) ([]string, error)) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
		defer cancel()
		known, err := a.open()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		texts, err := suggest(ctx, known)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		slices.Sort(texts)
		return slices.Compact(texts), cobra.ShellCompDirectiveNoFileComp
	}
}

// first completes the first argument alone.
func first(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, args, typed)
	}
}

func suggestPools(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	pools, err := c.Pools(ctx)
	var names []string
	for _, p := range pools {
		names = append(names, p.Name)
	}
	return names, err
}

func suggestAddresses(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	leases, err := c.SomeLeases(ctx, suggestions)
	var texts []string
	for _, l := range leases {
		texts = append(texts, l.Spec.Address)
	}
	return texts, err
}

func suggestSegments(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	leases, err := c.SomeLeases(ctx, suggestions)
	var texts []string
	for _, l := range leases {
		texts = append(texts, l.Spec.Segment)
	}
	return texts, err
}

// suggestHolders gives addresses and NAMESPACE/NAME of who has them.
func suggestHolders(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	leases, err := c.SomeLeases(ctx, suggestions)
	var texts []string
	for _, l := range leases {
		texts = append(texts, l.Spec.Address)
		if h := l.Spec.Holder; h != nil {
			texts = append(texts, h.Namespace+"/"+h.Name)
		}
	}
	return texts, err
}
