package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
)

// oldestServer is the first release whose rules can speak of addresses (ip() and cidr() of CEL).
const oldestServer = "1.31"

func kubernetesVersion(f *Facts) *answer {
	if !f.Server.known() {
		return unknown("version of Kubernetes", f.Server.Unread)
	}
	v, err := version.ParseGeneric(f.Server.Value)
	if err != nil {
		return unknown("version of Kubernetes", err.Error())
	}
	if v.LessThan(version.MustParseGeneric(oldestServer)) {
		return tell(Failed, nil, "upgrade the cluster", "Kubernetes %s is too old: %s or newer is needed, whose rules know addresses", f.Server.Value, oldestServer)
	}
	return pass("Kubernetes %s", f.Server.Value)
}

func installRights(f *Facts) *answer {
	if !f.Rights.known() {
		return unknown("your rights to install", f.Rights.Unread)
	}
	if missing := denied(f.Rights.Value); len(missing) > 0 {
		return tell(Failed, missing, "ask an administrator of the cluster to install it", "you lack %s that an installation needs", style.Count(len(missing), "right", "rights"))
	}
	return pass("you have the rights to install")
}

func denied(rights []Right) []string {
	var out []string
	for _, r := range rights {
		if !r.Allowed {
			out = append(out, r.String())
		}
	}
	return out
}

// definition gives a definition by its name, or nil. One that is being deleted counts as none.
func (f *Facts) definition(name string) *apiextensionsv1.CustomResourceDefinition {
	for i := range f.Definitions.Value {
		if d := &f.Definitions.Value[i]; d.Name == name && d.DeletionTimestamp.IsZero() {
			return d
		}
	}
	return nil
}

// serves says whether the API server serves a version of a kind.
func (f *Facts) serves(name, version string) bool {
	d := f.definition(name)
	return d != nil && slices.ContainsFunc(d.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == version && v.Served
	}) && slices.ContainsFunc(d.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
}

// component asks for the kinds of other software. Each is NAME@VERSION.
func (f *Facts) component(name string, level Level, without, fix string, wanted ...string) *answer {
	if !f.Definitions.known() {
		return unknown("kinds of "+name, f.Definitions.Unread)
	}
	var missing []string
	for _, w := range wanted {
		if crd, version, _ := strings.Cut(w, "@"); !f.serves(crd, version) {
			missing = append(missing, crd+", version "+version)
		}
	}
	if len(missing) > 0 {
		return tell(level, missing, fix, "%s is not there: %s", name, without)
	}
	return pass("%s is there", name)
}

// The kinds by which the controller knows other software, each with the version that it reads.
var (
	nmstateDefinitions = []string{"nodenetworkconfigurationpolicies.nmstate.io@v1", "nodenetworkconfigurationenactments.nmstate.io@v1beta1", "nodenetworkstates.nmstate.io@v1beta1"}
	kubeVirtKinds      = []string{"virtualmachines.kubevirt.io@v1", "virtualmachineinstances.kubevirt.io@v1"}
	multusKinds        = []string{"network-attachment-definitions.k8s.cni.cncf.io@v1"}
)

func nmstateKinds(f *Facts) *answer {
	return f.component("kubernetes-nmstate", Failed, "without it no host gets a network", "install kubernetes-nmstate 0.86 or newer", nmstateDefinitions...)
}

func kubeVirt(f *Facts) *answer {
	return f.component("KubeVirt", Warning, "addresses can be leased and hosts prepared, and no machine is made", "install KubeVirt 1.2 or newer", kubeVirtKinds...)
}

func multus(f *Facts) *answer {
	return f.component("Multus", Warning, "machines cannot attach to networks", "install Multus", multusKinds...)
}

// foreignWords tell the operator whose kind Wukong was, by the names of its namespace, Deployment or image.
var foreignWords = []string{"novasphere", "vmoperator"}

func foreignOperator(f *Facts) *answer {
	if !f.Deployments.known() {
		return unknown("other operators of Wukongs", f.Deployments.Unread)
	}
	var found []string
	for i := range f.Deployments.Value {
		if d := &f.Deployments.Value[i]; !ours(d) && foreign(d) && replicas(d) > 0 {
			found = append(found, fmt.Sprintf("Deployment %s/%s, image %s", d.Namespace, d.Name, images(d)))
		}
	}
	if len(found) > 0 {
		d := found[0]
		return tell(Failed, found, "scale it to 0: kubectl -n NAMESPACE scale deployment NAME --replicas=0", "another operator of Wukongs runs, such as %s: both would write the same objects", strings.SplitN(d, ",", 2)[0])
	}
	return pass("no other operator of Wukongs runs")
}

func foreign(d *appsv1.Deployment) bool {
	text := strings.ToLower(d.Namespace + " " + d.Name + " " + images(d))
	return slices.ContainsFunc(foreignWords, func(w string) bool { return strings.Contains(text, w) })
}

func images(d *appsv1.Deployment) string {
	var out []string
	for _, c := range d.Spec.Template.Spec.Containers {
		out = append(out, c.Image)
	}
	return strings.Join(out, ", ")
}

func replicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// appLabel is on the Deployment of the controller, however it was installed.
const appLabel, appName = "app.kubernetes.io/name", "wukong-network"

func ours(d *appsv1.Deployment) bool { return d.Labels[appLabel] == appName }

// Controllers gives the Deployments of the controller, sorted: those with replicas first.
func (f *Facts) Controllers() []*appsv1.Deployment {
	var out []*appsv1.Deployment
	for i := range f.Deployments.Value {
		if d := &f.Deployments.Value[i]; ours(d) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *appsv1.Deployment) int {
		return cmp.Or(-cmp.Compare(min(replicas(a), 1), min(replicas(b), 1)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func severalControllers(f *Facts) *answer {
	if !f.Deployments.known() {
		return unknown("further controllers", f.Deployments.Unread)
	}
	var running []string
	for _, d := range f.Controllers() {
		if replicas(d) > 0 {
			running = append(running, fmt.Sprintf("Deployment %s/%s", d.Namespace, d.Name))
		}
	}
	switch {
	case f.Pre && len(running) > 0:
		return tell(Warning, running, "upgrade it in its namespace, or uninstall it first", "wukong-network is installed already")
	case f.Pre:
		return pass("no controller of wukong-network runs yet")
	case len(running) > 1:
		return tell(Failed, running, "keep one of them: uninstall the others, or scale them to 0", "%d controllers of wukong-network run, each with a leader of its own", len(running))
	}
	return pass("one controller of wukong-network at most")
}

// HandlerLabel selects the pods of kubernetes-nmstate's handler.
const HandlerLabel = "component=kubernetes-nmstate-handler"

func nmstateHandler(f *Facts) *answer {
	const what = "handlers of kubernetes-nmstate"
	if !f.Nodes.known() {
		return unknown(what, f.Nodes.Unread)
	}
	if !f.Handlers.known() {
		return unknown(what, f.Handlers.Unread)
	}
	const fix = "kubectl get pods -A -l " + HandlerLabel + " -o wide"
	if len(f.Nodes.Value) == 0 {
		return tell(Warning, nil, "add nodes", "the cluster has no nodes")
	}
	if len(f.Handlers.Value) == 0 {
		return tell(Failed, nil, "create the object NMState, which makes kubernetes-nmstate run its handlers", "no handler of kubernetes-nmstate runs: no node carries out or reports anything")
	}
	var bad []string
	level := Warning
	for i := range f.Nodes.Value {
		n := &f.Nodes.Value[i]
		if trouble := f.handlerTrouble(n.Name); trouble != "" {
			bad = append(bad, "node "+n.Name+": "+trouble)
			if f.needed(n) {
				level = Failed
			}
		}
	}
	if len(bad) > 0 {
		return tell(level, bad, fix, "%s of %d without a working handler of kubernetes-nmstate", style.Count(len(bad), "node", "nodes"), len(f.Nodes.Value))
	}
	return pass("kubernetes-nmstate works on %s", style.Count(len(f.Nodes.Value), "node", "nodes"))
}

// handlerTrouble says what is wrong with the handler of a node, or nothing.
func (f *Facts) handlerTrouble(node string) string {
	trouble := "no handler pod"
	for i := range f.Handlers.Value {
		p := &f.Handlers.Value[i]
		if p.Spec.NodeName != node || !p.DeletionTimestamp.IsZero() {
			continue
		}
		if podReady(p) {
			return ""
		}
		trouble = "handler pod " + p.Namespace + "/" + p.Name + " is not ready"
	}
	return trouble
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func nodeReady(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
