package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnObjectBecomesATemplateOfTheReleasesNamespace(t *testing.T) {
	for name, c := range map[string]struct{ kind, object, text, want string }{
		"a role is there always, in the namespace of the release": {"Role", "a",
			"kind: Role\nmetadata:\n  name: a\n  namespace: wukong-network\n",
			"---\nkind: Role\nmetadata:\n  name: a\n  namespace: {{ .Release.Namespace }}\n"},
		"a policy can be left out, and means the ServiceAccount of the release": {"ValidatingAdmissionPolicy", "wukong-network-a",
			"expression: user == 'system:serviceaccount:wukong-network:wukong-network'\n",
			"{{- if not (has \"a\" .Values.policies.skip) }}\n---\nexpression: user == 'system:serviceaccount:{{ .Release.Namespace }}:wukong-network'\n{{- end }}\n"},
		"the policy about Secrets is there always": {"ValidatingAdmissionPolicyBinding", "wukong-network-controller-secrets",
			"policyName: wukong-network-controller-secrets\n", "---\npolicyName: wukong-network-controller-secrets\n"},
		"braces in it are no template": {"PrometheusRule", "a",
			"description: '{{ $labels.pool }}'\n",
			"{{- if .Values.monitoring.rules }}\n---\ndescription: '{{ \"{{\" }} $labels.pool }}'\n{{- end }}\n"},
		"where runbooks are is up to the user": {"PrometheusRule", "a",
			"runbook_url: docs/runbooks/A.md\n",
			"{{- if .Values.monitoring.rules }}\n---\nrunbook_url: {{ trimSuffix \"/\" .Values.monitoring.runbooks }}/A.md\n{{- end }}\n"},
		"a definition can be kept, and left out": {"CustomResourceDefinition", "a",
			"metadata:\n  annotations:\n    b: c\n",
			"{{- if .Values.crds.install }}\n---\nmetadata:\n  annotations:\n    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n    {{- end }}\n    b: c\n{{- end }}\n"},
	} {
		got, err := template(c.kind, c.object, c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAKindThatIsMissingIsAnError(t *testing.T) {
	_, err := templates([]byte("kind: Role\nmetadata: {name: a}\n"))
	if err == nil || !strings.Contains(err.Error(), "nothing for") {
		t.Errorf("got %v", err)
	}
}
