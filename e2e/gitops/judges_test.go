package gitops

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	fluxkstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

// folder is where the files for GitOps tools are.
const folder = "../../config/gitops"

// judges are the tools, with the configuration that we ship for them.
type judges struct {
	// scripts are Argo CD's, by the key of argocd-cm that each stands under.
	scripts map[string]string
	// expressions are Flux's, for kinds of which kstatus does not know enough.
	expressions engine.StatusReader
}

// judgement is what the tools say about an object.
type judgement struct {
	argocd  Health
	message string
	kstatus status.Status
	// flux is kstatus, unless there are expressions for the kind.
	flux status.Status
}

func newJudges(t *testing.T) *judges {
	t.Helper()
	out := &judges{scripts: configMap(t, read(t, configMapPath)).Data}
	reader, err := cel.NewStatusReader(fluxKustomization(t).Spec.HealthCheckExprs)
	if err != nil {
		t.Fatal(err)
	}
	out.expressions = reader(nil)
	return out
}

// judge asks all of them.
func (j *judges) judge(ctx context.Context, object *unstructured.Unstructured) (judgement, error) {
	gvk := object.GroupVersionKind()
	script, found := j.scripts[healthKey(gvk.Group, gvk.Kind)]
	if !found {
		return judgement{}, fmt.Errorf("there is no script for %s", gvk)
	}
	var out judgement
	var err error
	if out.argocd, out.message, err = argoHealth(script, object.Object); err != nil {
		return out, err
	}
	result, err := status.Compute(object)
	if err != nil {
		return out, err
	}
	out.kstatus, out.flux = result.Status, result.Status
	ofFlux, err := fluxkstatus.Compute(object)
	if err != nil {
		return out, err
	}
	if string(ofFlux.Status) != string(out.kstatus) {
		return out, fmt.Errorf("kstatus says %s, and Flux's copy of it %s", out.kstatus, ofFlux.Status)
	}
	if j.expressions.Supports(gvk.GroupKind()) {
		seen, err := j.expressions.ReadStatusForObject(ctx, nil, object)
		if err != nil {
			return out, err
		}
		out.flux = status.Status(seen.Status)
	}
	return out, nil
}

// fluxKustomization reads the example for Flux as its API server would.
func fluxKustomization(t *testing.T) *kustomizev1.Kustomization {
	t.Helper()
	out := &kustomizev1.Kustomization{}
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(folder, "flux", "kustomization.yaml")), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
