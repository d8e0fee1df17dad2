package function

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/render"
)

// reasonTag is the tag of a result that has the reason of a finding.
const reasonTag = "reason"

// result tells a finding.
func result(f render.Finding, items []item) *framework.Result {
	severity := map[render.Severity]framework.Severity{
		render.SeverityError: framework.Error, render.SeverityWarning: framework.Warning, render.SeverityNote: framework.Info,
	}[f.Severity]
	out := &framework.Result{Message: f.Message, Severity: severity, Tags: map[string]string{reasonTag: f.Reason},
		ResourceRef: &yaml.ResourceIdentifier{
			TypeMeta: yaml.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: f.Object.Kind},
			NameMeta: yaml.NameMeta{Name: f.Object.Name, Namespace: f.Object.Namespace},
		}}
	if f.Path != "" {
		out.Field = &framework.Field{Path: f.Path}
	}
	for _, i := range items {
		named := i.object()
		if f.Object.Namespace != "" {
			named.Namespace = cmp.Or(named.Namespace, corev1.NamespaceDefault)
		} else {
			named.Namespace = "" // kinds without one may be written with one
		}
		if named != f.Object {
			continue
		}
		out.ResourceRef.APIVersion = i.meta.APIVersion
		if i.path != "" {
			out.File = &framework.File{Path: i.path, Index: i.index}
		}
		break
	}
	return out
}

// failure tells why nothing could be rendered.
func failure(err error) *framework.Result {
	return &framework.Result{Message: err.Error(), Severity: framework.Error}
}

// Line gives a result as one line, as the command render writes findings.
func Line(r *framework.Result) string {
	var words []string
	if r.File != nil {
		words = append(words, r.File.Path)
	}
	severity := string(r.Severity)
	if r.Severity == framework.Info {
		severity = string(render.SeverityNote)
	}
	words = append(words, severity)
	if ref := r.ResourceRef; ref != nil {
		words = append(words, render.Object{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}.String())
	}
	if r.Field != nil {
		words = append(words, r.Field.Path)
	}
	line := strings.Join(append(words, r.Message), ": ")
	if reason := r.Tags[reasonTag]; reason != "" {
		line += " (" + reason + ")"
	}
	return answer.Printable(line)
}
