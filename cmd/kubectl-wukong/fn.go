package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/function"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/manifests"
	"novasphere.dev/wukong-network/query/answer"
)

func newFn(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "fn",
		Short: "Render as a step of kustomize or kpt: a KRM function",
		Long: `Reads a ResourceList from standard input and writes it to standard output, as KRM functions do. The items stay as they are. Added
are the policies that a pipeline has to apply: those of HostUplinks with management: External. An item of the same name is
replaced. Findings become results, and go to standard error as well.

The functionConfig may say in spec.policies, or in data.policies of a ConfigMap, which policies are added:

  External  (default) those of HostUplinks with management: External
  All       those of all HostUplinks, to look at: the controller writes the others itself, so do not apply them

kustomize runs it from a file under transformers:, with --enable-alpha-plugins --enable-exec. Without --enable-exec kustomize leaves
it out and does not say so.

Exit codes: 0 done, also with warnings; 1 a finding is an error; 2 the input is no ResourceList.`,
		Example: `  kustomize build --enable-alpha-plugins --enable-exec networks/`,
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return runFn(std) },
	}
}

func runFn(std streams) error {
	var results framework.Results
	process := func(list *framework.ResourceList) error {
		std.progress().Say("rendering")
		function.Process(list)
		results = list.Results
		return nil
	}
	defer std.reading([]string{manifests.StandardInput})()
	var out bytes.Buffer
	rw := &kio.ByteReadWriter{Reader: std.in, Writer: &out, KeepReaderAnnotations: true}
	if err := framework.Execute(framework.ResourceListProcessorFunc(process), rw); err != nil {
		return fmt.Errorf("standard input: is no ResourceList: %s", answer.Printable(err.Error()))
	}
	if rw.WrappingKind != kio.ResourceListKind {
		return errors.New("standard input: is no ResourceList: have kustomize or kpt run the function, or use render")
	}
	std.progress().Done()
	if _, err := std.out.Write(out.Bytes()); err != nil {
		return err
	}
	for _, result := range results {
		fmt.Fprintln(std.err, function.Line(result))
	}
	if results.ExitCode() != 0 {
		return errFindings
	}
	return nil
}
