package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER <MANIFESTS")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(manifests io.Reader, folder string) error {
	data, err := io.ReadAll(manifests)
	if err != nil {
		return err
	}
	files, err := templates(data)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fileOf says which template holds a kind. What it does not list is written by hand.
var fileOf = map[string]string{
	"CustomResourceDefinition":         "crds.yaml",
	"ServiceAccount":                   "rbac.yaml",
	"ClusterRole":                      "rbac.yaml",
	"ClusterRoleBinding":               "rbac.yaml",
	"Role":                             "rbac.yaml",
	"RoleBinding":                      "rbac.yaml",
	"ValidatingAdmissionPolicy":        "policies.yaml",
	"ValidatingAdmissionPolicyBinding": "policies.yaml",
	"ServiceMonitor":                   "monitoring.yaml",
	"PrometheusRule":                   "monitoring.yaml",
	"ConfigMap":                        "monitoring.yaml",
}

// monitoringValue is the value that a kind of monitoring waits for.
var monitoringValue = map[string]string{"ServiceMonitor": "serviceMonitor", "PrometheusRule": "rules", "ConfigMap": "dashboard"}

const header = "{{- /* Generated from config by make generate. Change that, never this file. */ -}}\n"

// templates returns the text of each generated file by its name.
func templates(manifests []byte) (map[string][]byte, error) {
	out := map[string][]byte{}
	for text := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal(text, &object); err != nil {
			return nil, err
		}
		file, generated := fileOf[object.Kind]
		if !generated {
			continue
		}
		template, err := template(object.Kind, object.Metadata.Name, strings.TrimSpace(string(text))+"\n")
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.Kind, object.Metadata.Name, err)
		}
		if out[file] == nil {
			out[file] = []byte(header)
		}
		out[file] = append(out[file], template...)
	}
	for _, file := range fileOf {
		if out[file] == nil {
			return nil, errors.New("nothing for " + file)
		}
	}
	return out, nil
}

// alwaysOn is the policy that is not up to the user: without it the right to patch Secrets is one to read all of them.
const alwaysOn = "controller-secrets"

// kubectl matches the namespace in a command, also where the line is broken.
var kubectl = regexp.MustCompile(`(\bkubectl -n\s+)wukong-network\b`)

// template turns one object into a template: the namespace is the release's; some objects, and where runbooks are, are up to the user.
func template(kind, name, text string) (string, error) {
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	text = strings.ReplaceAll(text, "namespace: wukong-network\n", "namespace: {{ .Release.Namespace }}\n")
	text = kubectl.ReplaceAllString(text, "${1}{{ .Release.Namespace }}")
	text = strings.ReplaceAll(text, "runbook_url: docs/runbooks/", `runbook_url: {{ trimSuffix "/" .Values.monitoring.runbooks }}/`)
	text = strings.ReplaceAll(text, "system:serviceaccount:wukong-network:", "system:serviceaccount:{{ .Release.Namespace }}:")
	switch fileOf[kind] {
	case "crds.yaml":
		const annotations = "\n  annotations:\n"
		if !strings.Contains(text, annotations) {
			return "", errors.New("it has no annotations to add one to")
		}
		text = strings.Replace(text, annotations, annotations+
			"    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n    {{- end }}\n", 1)
		return "{{- if .Values.crds.install }}\n---\n" + text + "{{- end }}\n", nil
	case "monitoring.yaml":
		return fmt.Sprintf("{{- if .Values.monitoring.%s }}\n---\n%s{{- end }}\n", monitoringValue[kind], text), nil
	case "policies.yaml":
		short := strings.TrimPrefix(name, "wukong-network-")
		if short == alwaysOn {
			break
		}
		return fmt.Sprintf("{{- if not (has %q .Values.policies.skip) }}\n---\n%s{{- end }}\n", short, text), nil
	}
	return "---\n" + text, nil
}
