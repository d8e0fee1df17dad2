package checks

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
)

func admission(f *Facts) *answer {
	const what = "rules of admission"
	d, a := f.controller()
	if d == nil && a == nil {
		return nil
	}
	switch {
	case f.Rules.Absent || f.Bindings.Absent:
		return tell(Warning, nil, "read docs/security.md", "the API server serves no ValidatingAdmissionPolicies, so nothing but the controller's own checks holds tenants")
	case !f.Rules.known():
		return unknown(what, f.Rules.Unread)
	case !f.Bindings.known():
		return unknown(what, f.Bindings.Unread)
	}
	known, err := ourRules()
	if err != nil {
		return unknown(what, err.Error())
	}
	account := defaultAccount
	if d != nil {
		account = strings.Replace(Account(d), "/", ":", 1)
	}
	var open, other []string
	for i := range known {
		r := about(&known[i], account)
		if trouble := f.ruleTrouble(r.Name); trouble != "" {
			open = append(open, r.Name+": "+trouble)
		} else if fields := differing(saying(r), saying(f.rule(r.Name))); len(fields) > 0 {
			other = append(other, r.Name+": says something else in "+strings.Join(fields, ", "))
		}
	}
	const fix = "kubectl apply -k config/policies, unless it is meant so"
	switch {
	case len(open) > 0:
		return tell(Warning, append(open, other...), fix, "%s not in force", style.Count(len(open), "rule of admission is", "rules of admission are"))
	case len(other) > 0:
		return tell(Warning, other, fix, "%s other than this program knows", style.Count(len(other), "rule of admission is", "rules of admission are"))
	}
	return pass("all %d rules of admission are in force", len(known))
}

// rule gives a rule of the cluster by its name, or nil.
func (f *Facts) rule(name string) *admissionv1.ValidatingAdmissionPolicy {
	at := slices.IndexFunc(f.Rules.Value, func(r admissionv1.ValidatingAdmissionPolicy) bool { return r.Name == name })
	if at < 0 {
		return nil
	}
	return &f.Rules.Value[at]
}

// ruleTrouble says why a rule is not in force, or nothing.
func (f *Facts) ruleTrouble(name string) string {
	if f.rule(name) == nil {
		return "does not exist"
	}
	trouble := "has no binding"
	for i := range f.Bindings.Value {
		b := &f.Bindings.Value[i]
		if b.Spec.PolicyName != name {
			continue
		}
		if slices.Contains(b.Spec.ValidationActions, admissionv1.Deny) {
			return ""
		}
		trouble = "binding " + b.Name + " does not deny"
	}
	return trouble
}

// defaultAccount is that of the controller in the rules that this program is built with, as NAMESPACE:NAME.
const defaultAccount = "wukong-network:wukong-network"

// about is a rule as it is for an account of the controller, which may be another one than the usual, as NAMESPACE:NAME.
func about(rule *admissionv1.ValidatingAdmissionPolicy, account string) *admissionv1.ValidatingAdmissionPolicy {
	out := rule.DeepCopy()
	for i := range out.Spec.MatchConditions {
		c := &out.Spec.MatchConditions[i]
		c.Expression = strings.ReplaceAll(c.Expression, "'system:serviceaccount:"+defaultAccount+"'", "'system:serviceaccount:"+account+"'")
	}
	return out
}

// saying is the spec of a rule by its fields, with what the API server fills in. Tools that rewrite YAML, such as kustomize, break lines
// of expressions elsewhere, so spaces do not count.
func saying(rule *admissionv1.ValidatingAdmissionPolicy) map[string]any {
	spec := rule.Spec.DeepCopy()
	if m := spec.MatchConstraints; m != nil {
		m.MatchPolicy = orDefault(m.MatchPolicy, admissionv1.Equivalent)
		m.NamespaceSelector = orDefault(m.NamespaceSelector, metav1.LabelSelector{})
		m.ObjectSelector = orDefault(m.ObjectSelector, metav1.LabelSelector{})
	}
	spec.FailurePolicy = orDefault(spec.FailurePolicy, admissionv1.Fail)
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil // what was read can be written
	}
	return spaced(out).(map[string]any)
}

// spaced has one space wherever a text of a value has some.
func spaced(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = spaced(v[key])
		}
	case []any:
		for i := range v {
			v[i] = spaced(v[i])
		}
	case string:
		return strings.Join(strings.Fields(v), " ")
	}
	return v
}

func orDefault[T any](value *T, usual T) *T {
	if value == nil {
		return &usual
	}
	return value
}

// differing names the fields of two specs that say something else, sorted.
func differing(a, b map[string]any) []string {
	names := maps.Clone(a)
	maps.Copy(names, b)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !reflect.DeepEqual(a[name], b[name]) {
			out = append(out, "spec."+name)
		}
	}
	return out
}
