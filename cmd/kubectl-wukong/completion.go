package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
)

// kubectlCompletion is the program that kubectl asks for completions of its plugin: it must be on the PATH by the name
// kubectl_complete-wukong.
const kubectlCompletion = `#!/bin/sh
exec kubectl wukong __complete "$@"
`

// addCompletion completes the command that cobra has for shells by one for kubectl.
func addCompletion(root *cobra.Command, std streams) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Args = noArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		c.Short = "Print what makes a shell, or kubectl, complete commands and names"
		c.Long = `Prints the script by which a shell completes kubectl-wukong: bash, zsh, fish, powershell. Names of Wukongs, HostUplinks, HostNetworks,
AddressPools, namespaces and addresses are asked of the cluster, for at most three seconds.

For kubectl wukong, as kubectl's plugin, it is kubectl that completes: it runs the program kubectl_complete-wukong on the PATH, which
kubectl prints.

Exit codes: 0 done; 2 wrong usage.`
		c.AddCommand(&cobra.Command{
			Use:   "kubectl",
			Short: "Print the program kubectl_complete-wukong, by which kubectl completes its plugin",
			Long: `Prints a program of two lines. Put it on the PATH by the name kubectl_complete-wukong and make it executable. kubectl 1.26 or newer,
whose own completion is loaded, then completes kubectl wukong, too. On Windows the name is kubectl_complete-wukong.cmd, and its text
"@kubectl wukong __complete %*".

Exit codes: 0 done; 2 wrong usage.`,
			Example: `  kubectl wukong completion kubectl > kubectl_complete-wukong
  sudo install kubectl_complete-wukong /usr/local/bin/`,
			Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := fmt.Fprint(std.out, kubectlCompletion)
				return err
			},
		})
	}
}

// completeConfig completes the flags of kubectl whose values are names.
func (a *asking) completeConfig(c *cobra.Command) {
	if a.config.Namespace != nil {
		_ = c.RegisterFlagCompletionFunc("namespace", a.completing(suggestNamespaces))
	}
	for flag, names := range map[string]func() ([]string, error){"context": a.contexts, "cluster": a.clusters, "user": a.users} {
		_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			out, err := names()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		})
	}
}

func (a *asking) contexts() ([]string, error) {
	config, err := a.config.ToRawKubeConfigLoader().RawConfig()
	return slices.Sorted(maps.Keys(config.Contexts)), err
}

func (a *asking) clusters() ([]string, error) {
	config, err := a.config.ToRawKubeConfigLoader().RawConfig()
	return slices.Sorted(maps.Keys(config.Clusters)), err
}

func (a *asking) users() ([]string, error) {
	config, err := a.config.ToRawKubeConfigLoader().RawConfig()
	return slices.Sorted(maps.Keys(config.AuthInfos)), err
}

// suggestNamespaces gives all namespaces, or, to whom may not list them, those of Wukongs.
func suggestNamespaces(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	var out []string
	namespaces, err := c.Namespaces(ctx)
	if err == nil {
		for i := range namespaces {
			out = append(out, namespaces[i].Name)
		}
		return out, nil
	}
	wukongs, err := c.Wukongs(ctx, "")
	for i := range wukongs {
		out = append(out, wukongs[i].Namespace)
	}
	return out, err
}
