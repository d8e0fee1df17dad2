package checks

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/config/crd"
	"novasphere.dev/wukong-network/config/policies"
)

// ourDefinitions and ourRules are the kinds and the rules of admission that this program is built with, by the names of their
// files. They are read once, and not to be changed.
var (
	ourDefinitions = sync.OnceValues(func() ([]apiextensionsv1.CustomResourceDefinition, error) {
		return readAll[apiextensionsv1.CustomResourceDefinition](crd.Files, "CustomResourceDefinition")
	})
	ourRules = sync.OnceValues(func() ([]admissionv1.ValidatingAdmissionPolicy, error) {
		return readAll[admissionv1.ValidatingAdmissionPolicy](policies.Files, "ValidatingAdmissionPolicy")
	})
)

// readAll reads the objects of one kind of a folder.
func readAll[T any](folder fs.ReadDirFS, kind string) ([]T, error) {
	entries, err := folder.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var out []T
	for _, entry := range entries {
		text, err := fs.ReadFile(folder, entry.Name())
		if err != nil {
			return nil, err
		}
		for _, document := range strings.Split("\n"+string(text), "\n---") {
			var head struct {
				Kind string `json:"kind"`
			}
			if err := yaml.Unmarshal([]byte(document), &head); err != nil {
				return nil, fmt.Errorf("%s: %w", entry.Name(), err)
			}
			if head.Kind != kind {
				continue
			}
			var object T
			if err := yaml.Unmarshal([]byte(document), &object); err != nil {
				return nil, fmt.Errorf("%s: %w", entry.Name(), err)
			}
			out = append(out, object)
		}
	}
	return out, nil
}

func kinds(f *Facts) *answer {
	missing, other, a := f.compareKinds()
	switch {
	case a != nil:
		return a
	case len(missing) > 0:
		return tell(Failed, missing, "install wukong-network, or apply its definitions: kubectl apply --server-side -k config/crd",
			"%s not served", style.Count(len(missing), "kind of wukong-network is", "kinds of wukong-network are"))
	case len(other) > 0:
		return tell(Failed, other, "apply the definitions of the version that the controller has, and use kubectl wukong of the same version",
			"%s other than this program knows: fields may be refused or dropped", style.Count(len(other), "kind is", "kinds are"))
	}
	return pass("the kinds are those of this program")
}

// kindsBefore tells what an installation finds.
func kindsBefore(f *Facts) *answer {
	missing, other, a := f.compareKinds()
	switch {
	case a != nil:
		return a
	case len(other) > 0:
		return tell(Warning, other, "keep a copy before: kubectl get wukongs -A -o yaml > wukongs.yaml",
			"%s there already and would be replaced; objects stay", style.Count(len(other), "definition is", "definitions are"))
	case len(missing) == 0:
		return pass("the kinds are there already, as this program has them")
	}
	return pass("no kind of wukong-network is in the way")
}

// compareKinds holds the definitions of the cluster against those of this program.
func (f *Facts) compareKinds() (missing, other []string, a *answer) {
	if !f.Definitions.known() {
		return nil, nil, unknown("kinds of wukong-network", f.Definitions.Unread)
	}
	known, err := ourDefinitions()
	if err != nil {
		return nil, nil, unknown("kinds of wukong-network", err.Error())
	}
	for i := range known {
		want := &known[i]
		have := f.definition(want.Name)
		if have == nil {
			missing = append(missing, want.Name)
		} else if difference := versionsDiffer(want, have); difference != "" {
			other = append(other, want.Name+": "+difference)
		}
	}
	return missing, other, nil
}

// versionsDiffer says how the versions of a definition differ from those of another one, or nothing.
func versionsDiffer(want, have *apiextensionsv1.CustomResourceDefinition) string {
	for i := range want.Spec.Versions {
		w := &want.Spec.Versions[i]
		at := slices.IndexFunc(have.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == w.Name })
		if at < 0 {
			return "version " + w.Name + " is missing"
		}
		h := &have.Spec.Versions[at]
		switch {
		case !h.Served:
			return "version " + w.Name + " is not served"
		case !equality.Semantic.DeepEqual(w.Schema, h.Schema):
			return "version " + w.Name + " has another schema"
		case !equality.Semantic.DeepEqual(w.SelectableFields, h.SelectableFields):
			return "version " + w.Name + " has other selectable fields"
		case !equality.Semantic.DeepEqual(w.Subresources, h.Subresources):
			return "version " + w.Name + " has other subresources"
		}
	}
	return ""
}

// controller gives the one Deployment to look at, or nil where there is none, or an answer where that is not known.
func (f *Facts) controller() (*appsv1.Deployment, *answer) {
	if !f.Deployments.known() {
		return nil, unknown("the controller", f.Deployments.Unread)
	}
	all := f.Controllers()
	if len(all) == 0 {
		return nil, nil
	}
	return all[0], nil
}

func controllerRuns(f *Facts) *answer {
	d, a := f.controller()
	if a != nil {
		return a
	}
	if d == nil {
		return tell(Failed, nil, "kubectl apply -k config/default", "no Deployment has the label %s=%s: the controller is not installed", appLabel, appName)
	}
	name := d.Namespace + "/" + d.Name
	describe := fmt.Sprintf("kubectl -n %s describe deployment %s", d.Namespace, d.Name)
	if replicas(d) == 0 {
		return tell(Failed, nil, fmt.Sprintf("kubectl -n %s scale deployment %s --replicas=2", d.Namespace, d.Name), "Deployment %s has no replicas: nothing is acted on", name)
	}
	var details []string
	available := false
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue:
			available = true
		case c.Status == corev1.ConditionFalse && c.Type != appsv1.DeploymentReplicaFailure, c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			details = append(details, fmt.Sprintf("%s: %s", c.Reason, c.Message))
		}
	}
	ready := fmt.Sprintf("%d of %d replicas ready", d.Status.ReadyReplicas, replicas(d))
	switch {
	case !available:
		return tell(Failed, details, describe, "Deployment %s is not available: %s", name, ready)
	case d.Status.ReadyReplicas < replicas(d):
		return tell(Warning, details, describe, "Deployment %s: %s", name, ready)
	}
	return pass("controller %s: %s", name, ready)
}

// versionOf reads the version of a Deployment: of its label, or of the tag of its image.
func versionOf(d *appsv1.Deployment) string {
	if v := d.Labels["app.kubernetes.io/version"]; v != "" {
		return v
	}
	for _, c := range d.Spec.Template.Spec.Containers {
		name, _, _ := strings.Cut(c.Image, "@")
		if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
			return name[at+1:]
		}
	}
	return ""
}

func versionSkew(f *Facts) *answer {
	d, _ := f.controller()
	if d == nil {
		return nil
	}
	theirs := versionOf(d)
	t, errT := version.ParseSemantic(theirs)
	p, errP := version.ParseSemantic(f.Program)
	if errT != nil || errP != nil || unreleased(t) || unreleased(p) {
		return pass("versions are not compared: the controller has %s, kubectl wukong %s", orNone(theirs), orNone(f.Program))
	}
	if t.Major() != p.Major() || t.Minor() != p.Minor() {
		return tell(Warning, nil, "use kubectl wukong of the version that the controller has", "the controller has version %s and kubectl wukong %s: answers may lack what the other knows", theirs, f.Program)
	}
	return pass("controller %s, kubectl wukong %s", theirs, f.Program)
}

// unreleased says whether Go derived a version from a commit that no tag precedes.
func unreleased(v *version.Version) bool { return v.Major() == 0 && v.Minor() == 0 }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// leaderSlack is how much longer than it promises a leader may be silent: clocks differ.
const leaderSlack = time.Minute

func leader(f *Facts) *answer {
	d, _ := f.controller()
	if d == nil || replicas(d) == 0 || slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool { return slices.Contains(c.Args, "--leader-elect=false") }) {
		return nil
	}
	logs := fmt.Sprintf("kubectl -n %s logs deployment/%s --all-pods", d.Namespace, d.Name)
	if !f.Leader.known() {
		return unknown("the leader among the replicas", f.Leader.Unread)
	}
	l := f.Leader.Value
	if l == nil || l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" || l.Spec.RenewTime == nil {
		return tell(Failed, nil, logs, "no replica leads, so nothing is acted on")
	}
	promised := 15 * time.Second
	if s := l.Spec.LeaseDurationSeconds; s != nil {
		promised = time.Duration(*s) * time.Second
	}
	if silent := f.Now.Sub(l.Spec.RenewTime.Time); silent > promised+leaderSlack {
		return tell(Failed, []string{"holder " + *l.Spec.HolderIdentity}, logs, "the leader has been silent for %s, and no other replica took over", silent.Round(time.Second))
	}
	return pass("replica %s leads", *l.Spec.HolderIdentity)
}

func permissions(f *Facts) *answer {
	d, _ := f.controller()
	if d == nil {
		return nil
	}
	if !f.Permissions.known() {
		return unknown("permissions of the controller", f.Permissions.Unread)
	}
	if missing := denied(f.Permissions.Value); len(missing) > 0 {
		return tell(Failed, missing, "kubectl apply -k config/rbac, and look at the ClusterRoleBinding wukong-network",
			"ServiceAccount %s lacks %s", Account(d), style.Count(len(missing), "right", "rights"))
	}
	return pass("ServiceAccount %s has all %d rights that it needs", Account(d), len(f.Permissions.Value))
}

// Account gives the ServiceAccount of a controller, as NAMESPACE/NAME.
func Account(d *appsv1.Deployment) string {
	name := d.Spec.Template.Spec.ServiceAccountName
	if name == "" {
		name = "default"
	}
	return d.Namespace + "/" + name
}
