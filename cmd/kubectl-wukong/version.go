package main

import (
	"io"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"

	"novasphere.dev/wukong-network/cmd/version"
	"novasphere.dev/wukong-network/query/answer"
)

func newVersion(std streams) *cobra.Command {
	var ask *asking
	var clientOnly bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program, and of the controller in the cluster",
		Long: `Prints which build this program is, by tag or commit, and the image of each controller in the cluster: the Deployments with the
label app.kubernetes.io/name=wukong-network. To read these needs the right to list Deployments in all namespaces.

Exit codes: 0 done; 1 there is no controller in the cluster; 2 wrong usage; 3 the cluster cannot be reached, or refuses the
rights. What is known of this program is printed in any case but 2.`,
		Example: `  kubectl wukong version
  kubectl wukong version --client -o json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return ask.versions(c, clientOnly) },
	}
	ask = newAsking(c, std, outputText, outputJSON, outputYAML)
	c.Flags().BoolVar(&clientOnly, "client", false, "print the version of this program alone: no cluster is asked")
	return c
}

func (a *asking) versions(c *cobra.Command, clientOnly bool) error {
	if err := a.check(c); err != nil {
		return err
	}
	var deployments []appsv1.Deployment
	var unanswered error
	if !clientOnly {
		if deployments, unanswered = a.controllers(c); unanswered == nil && len(deployments) == 0 {
			unanswered = found("there is no controller of wukong-network in this cluster")
		}
	}
	versions := answer.NewVersions(version.Read(), deployments)
	print := versions.Write
	if a.structured() {
		print = func(w io.Writer) error { return answer.Structured(w, a.output, versions) }
	}
	if err := print(a.std.out); err != nil {
		return err
	}
	return unanswered
}

func (a *asking) controllers(c *cobra.Command) ([]appsv1.Deployment, error) {
	from, err := a.open()
	if err != nil {
		return nil, err
	}
	return from.Controllers(c.Context())
}
