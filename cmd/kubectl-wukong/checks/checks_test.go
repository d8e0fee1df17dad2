package checks

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// well are facts of a cluster in which everything is as it should be.
func well(t *testing.T) *Facts {
	t.Helper()
	f := &Facts{Now: now, Program: "v0.3.0", Server: Known("v1.37.2"), Rights: Known([]Right{{"create", "apps", "deployments", "", true}}),
		Permissions: Known([]Right{{"list", "", "nodes", "", true}, {"create", "coordination.k8s.io", "leases", "wukong-network", true}})}
	known, err := ourDefinitions()
	if err != nil || len(known) < 6 {
		t.Fatalf("%d definitions, %v", len(known), err)
	}
	var definitions []apiextensionsv1.CustomResourceDefinition
	for i := range known {
		definitions = append(definitions, *known[i].DeepCopy())
	}
	for _, foreign := range slices.Concat(nmstateDefinitions, kubeVirtKinds, multusKinds) {
		name, version, _ := strings.Cut(foreign, "@")
		definitions = append(definitions, apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:   apiextensionsv1.CustomResourceDefinitionSpec{Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: version, Served: true}}},
			Status: apiextensionsv1.CustomResourceDefinitionStatus{Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}}}})
	}
	f.Definitions = Known(definitions)
	f.Deployments = Known([]appsv1.Deployment{deployment("wukong-network", "wukong-network", "example.org/wukong-network:v0.3.1")})
	f.Leader = Known(&coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: new("pod-1"), LeaseDurationSeconds: new(int32(15)), RenewTime: &metav1.MicroTime{Time: now.Add(-2 * time.Second)}}})
	rules, err := ourRules()
	if err != nil || len(rules) < 5 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	f.Rules = Known(rules)
	var bindings []admissionv1.ValidatingAdmissionPolicyBinding
	for _, r := range rules {
		bindings = append(bindings, admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: r.Name},
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: r.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}}})
	}
	f.Bindings = Known(bindings)
	for _, name := range []string{"node-a", "node-b"} {
		f.Nodes.Value = append(f.Nodes.Value, corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"node": name}},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}})
		f.Handlers.Value = append(f.Handlers.Value, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "nmstate", Name: "handler-" + name}, Spec: corev1.PodSpec{NodeName: name},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}})
		f.NodeStates.Value = append(f.NodeStates.Value, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	f.Uplinks = Known([]v1alpha1.HostUplink{{ObjectMeta: metav1.ObjectMeta{Name: "workers", UID: "u-1", Generation: 2},
		Spec:   v1alpha1.HostUplinkSpec{NodeSelector: metav1.LabelSelector{MatchLabels: map[string]string{"node": "node-a"}}},
		Status: v1alpha1.HostUplinkStatus{ObservedGeneration: 2, Conditions: ready()}}})
	f.Policies = Known([]metav1.PartialObjectMetadata{
		{ObjectMeta: metav1.ObjectMeta{Name: "wukong-workers-abc", Labels: map[string]string{v1alpha1.UplinkLabel: "workers", v1alpha1.ManagedByLabel: v1alpha1.ManagedBy},
			Annotations: map[string]string{v1alpha1.OwnerUIDAnnotation: "u-1"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "storage"}},
	})
	f.HostNetworks = Known([]v1alpha1.HostNetwork{{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Status: v1alpha1.HostNetworkStatus{Conditions: ready()}}})
	f.Pools = Known([]v1alpha1.AddressPool{{ObjectMeta: metav1.ObjectMeta{Name: "office"}, Status: v1alpha1.AddressPoolStatus{Conditions: ready(), Total: "100", Free: "20"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "six"}, Status: v1alpha1.AddressPoolStatus{Conditions: ready(), Total: "2^64", Free: "2^64"}}})
	f.Leases = Known([]v1alpha1.AddressLease{{Spec: v1alpha1.AddressLeaseSpec{Address: "192.0.2.10", Segment: "lab", Phase: v1alpha1.LeaseAllocated, Holder: &v1alpha1.LeaseHolder{Namespace: "team-a", Name: "web", UID: "w-1"}}}})
	f.Wukongs = Known([]v1alpha1.Wukong{{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web", UID: "w-1"}, Status: v1alpha1.WukongStatus{Conditions: ready()}}})
	f.Attachments = Known([]nadv1.NetworkAttachmentDefinition{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "wukong-data", Labels: map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedBy}}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "other"}},
	})
	return f
}

func ready() []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Fine"}}
}

func notReady(reason, message string, stalled bool) []metav1.Condition {
	out := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}}
	if stalled {
		out = append(out, metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: reason, Message: message})
	}
	return out
}

func deployment(namespace, name, image string) appsv1.Deployment {
	return appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{appLabel: name}},
		Spec: appsv1.DeploymentSpec{Replicas: new(int32(2)), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{ServiceAccountName: name,
			Containers: []corev1.Container{{Name: "manager", Image: image, Args: []string{"--leader-elect"}}}}}},
		Status: appsv1.DeploymentStatus{ReadyReplicas: 2, Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue}}}}
}

// trouble are changes of the facts, and what the check of the ID then says.
var trouble = map[string]struct {
	id     string
	pre    bool
	change func(*Facts)
	level  Level
	says   string
}{
	"a server without rules about addresses is too old": {id: "kubernetes-version", pre: true, level: Failed, says: "v1.30.4+k3s1 is too old: 1.31 or newer",
		change: func(f *Facts) { f.Server.Value = "v1.30.4+k3s1" }},
	"a version that is none is not judged": {id: "kubernetes-version", level: Unknown, says: "not found out", change: func(f *Facts) { f.Server.Value = "new" }},
	"rights that lack are named": {id: "install-rights", pre: true, level: Failed, says: "create clusterroles.rbac.authorization.k8s.io",
		change: func(f *Facts) {
			f.Rights.Value = append(f.Rights.Value, Right{"create", "rbac.authorization.k8s.io", "clusterroles", "", false})
		}},
	"a version of nmstate that is not served": {id: "nmstate-kinds", pre: true, level: Failed, says: "nodenetworkstates.nmstate.io, version v1beta1",
		change: func(f *Facts) { f.definition("nodenetworkstates.nmstate.io").Spec.Versions[0].Served = false }},
	"KubeVirt that is missing is worth a look": {id: "kubevirt", level: Warning, says: "virtualmachines.kubevirt.io",
		change: func(f *Facts) {
			f.definition("virtualmachines.kubevirt.io").DeletionTimestamp = &metav1.Time{Time: now}
		}},
	"Multus that is not established yet": {id: "multus", pre: true, level: Warning, says: "Multus is not there",
		change: func(f *Facts) {
			f.definition("network-attachment-definitions.k8s.cni.cncf.io").Status.Conditions = nil
		}},
	"a node without a handler that a HostUplink selects": {id: "nmstate-handler", level: Failed, says: "node node-a: no handler pod", change: func(f *Facts) { f.Handlers.Value = f.Handlers.Value[1:] }},
	"a node without a handler that nobody needs":         {id: "nmstate-handler", level: Warning, says: "node node-b: no handler pod", change: func(f *Facts) { f.Handlers.Value = f.Handlers.Value[:1] }},
	"a handler that is not ready":                        {id: "nmstate-handler", level: Warning, says: "handler pod nmstate/handler-node-b is not ready", change: func(f *Facts) { f.Handlers.Value[1].Status.Conditions = nil }},
	"no handler at all":                                  {id: "nmstate-handler", pre: true, level: Failed, says: "no handler of kubernetes-nmstate runs", change: func(f *Facts) { f.Handlers.Value = nil }},
	"a cluster without nodes":                            {id: "nmstate-handler", pre: true, level: Warning, says: "no nodes", change: func(f *Facts) { f.Nodes.Value = nil }},
	"another operator of Wukongs": {id: "foreign-operator", pre: true, level: Failed, says: "Deployment novasphere-system/controller-manager",
		change: func(f *Facts) {
			f.Deployments.Value = append(f.Deployments.Value, deployment("novasphere-system", "controller-manager", "controller:latest"))
		}},
	"two controllers": {id: "several-controllers", level: Failed, says: "2 controllers of wukong-network run",
		change: func(f *Facts) {
			d := deployment("other", "wukong-network", "x")
			f.Deployments.Value = append(f.Deployments.Value, d)
		}},
	"a controller before an installation": {id: "several-controllers", pre: true, level: Warning, says: "installed already", change: func(*Facts) {}},
	"a kind that is missing": {id: "kinds", level: Failed, says: "wukongs.vm.novasphere.dev",
		change: func(f *Facts) {
			f.Definitions.Value = slices.DeleteFunc(f.Definitions.Value, func(d apiextensionsv1.CustomResourceDefinition) bool { return d.Name == "wukongs.vm.novasphere.dev" })
		}},
	"a kind of another version": {id: "kinds", level: Failed, says: "wukongs.vm.novasphere.dev: version v1alpha1 has another schema",
		change: func(f *Facts) {
			f.definition("wukongs.vm.novasphere.dev").Spec.Versions[0].Schema.OpenAPIV3Schema.Description = "old"
		}},
	"selectable fields of another version": {id: "kinds", level: Failed, says: "has other selectable fields",
		change: func(f *Facts) {
			f.definition("addressleases.vm.novasphere.dev").Spec.Versions[0].SelectableFields = nil
		}},
	"a definition that an installation would replace": {id: "kinds-before", pre: true, level: Warning, says: "has another schema",
		change: func(f *Facts) {
			f.definition("wukongs.vm.novasphere.dev").Spec.Versions[0].Schema.OpenAPIV3Schema.Description = "old"
		}},
	"no controller":         {id: "controller", level: Failed, says: "the controller is not installed", change: func(f *Facts) { f.Deployments.Value = nil }},
	"a controller of scale": {id: "controller", level: Failed, says: "has no replicas", change: func(f *Facts) { f.Deployments.Value[0].Spec.Replicas = new(int32(0)) }},
	"a controller that is not available": {id: "controller", level: Failed, says: "MinimumReplicasUnavailable: Deployment does not have minimum availability.", change: func(f *Facts) {
		f.Deployments.Value[0].Status.Conditions[0] = appsv1.DeploymentCondition{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionFalse, Reason: "MinimumReplicasUnavailable", Message: "Deployment does not have minimum availability."}
	}},
	"a replica that is missing": {id: "controller", level: Warning, says: "1 of 2 replicas ready", change: func(f *Facts) { f.Deployments.Value[0].Status.ReadyReplicas = 1 }},
	"a controller of another minor version": {id: "version-skew", level: Warning, says: "the controller has version v0.2.9 and kubectl wukong v0.3.0",
		change: func(f *Facts) { f.Deployments.Value[0].Labels["app.kubernetes.io/version"] = "v0.2.9" }},
	"nobody leads":                 {id: "leader", level: Failed, says: "no replica leads", change: func(f *Facts) { f.Leader.Value = nil }},
	"a leader that gave the lease": {id: "leader", level: Failed, says: "no replica leads", change: func(f *Facts) { f.Leader.Value.Spec.HolderIdentity = new("") }},
	"a leader that is silent":      {id: "leader", level: Failed, says: "silent for 1m20s", change: func(f *Facts) { f.Leader.Value.Spec.RenewTime.Time = now.Add(-80 * time.Second) }},
	"a right that the controller lacks": {id: "permissions", level: Failed, says: "list nodes",
		change: func(f *Facts) { f.Permissions.Value[0].Allowed = false }},
	"a rule without binding": {id: "admission", level: Warning, says: "has no binding", change: func(f *Facts) { f.Bindings.Value = f.Bindings.Value[1:] }},
	"a rule that only warns": {id: "admission", level: Warning, says: "does not deny", change: func(f *Facts) {
		f.Bindings.Value[0].Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
	}},
	"a rule that says something else": {id: "admission", level: Warning, says: "says something else in spec.failurePolicy, spec.validations", change: func(f *Facts) {
		r := f.changeRule()
		r.Spec.FailurePolicy, r.Spec.Validations = new(admissionv1.Ignore), r.Spec.Validations[1:]
	}},
	"a rule that leaves namespaces out": {id: "admission", level: Warning, says: "says something else in spec.matchConstraints", change: func(f *Facts) {
		f.changeRule().Spec.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"held": "yes"}}
	}},
	"rules about the account of another controller": {id: "admission", level: Warning, says: "says something else in spec.matchConditions", change: func(f *Facts) {
		f.Deployments.Value[0].Namespace = "elsewhere"
	}},
	"a rule that does not exist":  {id: "admission", level: Warning, says: "does not exist", change: func(f *Facts) { f.Rules.Value = f.Rules.Value[1:] }},
	"a server without such rules": {id: "admission", level: Warning, says: "serves no ValidatingAdmissionPolicies", change: func(f *Facts) { f.Rules = Fact[[]admissionv1.ValidatingAdmissionPolicy]{Absent: true} }},
	"a node that reports nothing": {id: "node-states", level: Failed, says: "node node-a has no NodeNetworkState", change: func(f *Facts) { f.NodeStates.Value = f.NodeStates.Value[1:] }},
	"a report of a node that is not ready": {id: "node-states", level: Warning, says: "node node-a is not Ready, so its NodeNetworkState may be old",
		change: func(f *Facts) { f.Nodes.Value[0].Status.Conditions[0].Status = corev1.ConditionUnknown }},
	"a report that no handler keeps up to date": {id: "node-states", level: Warning, says: "node node-b has no working handler, so",
		change: func(f *Facts) { f.Handlers.Value[1].Status.Conditions = nil }},
	"a policy whose HostUplink is gone":  {id: "ownerless-policies", pre: true, level: Failed, says: "wukong-workers-abc (HostUplink workers)", change: func(f *Facts) { f.Uplinks.Value[0].UID = "u-2" }},
	"a HostUplink that nobody looked at": {id: "uplinks", level: Warning, says: "workers: the controller has not looked at it yet", change: func(f *Facts) { f.Uplinks.Value[0].Generation = 3 }},
	"a HostUplink with a node that gave up": {id: "uplinks", level: Failed, says: "workers: NodeNetworkDegraded: node-c: no eth9",
		change: func(f *Facts) {
			f.Uplinks.Value[0].Status.Conditions = notReady("NodeNetworkDegraded", "node-c: no eth9", true)
		}},
	"a HostNetwork that is being built": {id: "networks", level: Warning, says: "data: NodeNetworkProgressing: 1/3",
		change: func(f *Facts) {
			f.HostNetworks.Value[0].Status.Conditions = notReady("NodeNetworkProgressing", "1/3", false)
		}},
	"a pool that cannot work":            {id: "pools", level: Failed, says: "AddressPool office: PoolOverlap", change: func(f *Facts) { f.Pools.Value[0].Status.Conditions = notReady("PoolOverlap", "lab", true) }},
	"a pool that is nearly full":         {id: "pool-space", level: Warning, says: "AddressPool office: 15 of 100 free", change: func(f *Facts) { f.Pools.Value[0].Status.Free = "15" }},
	"a pool that is exhausted":           {id: "pool-space", level: Failed, says: "AddressPool office: 0 of 100 free", change: func(f *Facts) { f.Pools.Value[0].Status.Free = "0" }},
	"a pool that Wukongs wait for":       {id: "pool-space", level: Failed, says: "and Wukongs wait for 3", change: func(f *Facts) { f.Pools.Value[0].Status.Missing = 3 }},
	"an address that somebody else uses": {id: "collisions", level: Failed, says: "192.0.2.10 on lab: node node-a has it", change: func(f *Facts) { f.Leases.Value[0].Spec.Conflict = "node node-a has it" }},
	"a lease of nobody":                  {id: "ownerless-leases", level: Warning, says: "192.0.2.10 on lab, of Wukong team-a/web", change: func(f *Facts) { f.Wukongs.Value[0].UID = "w-2" }},
	"a name that the controller needs":   {id: "attachments", level: Failed, says: "team-a/wukong-data has the name", change: func(f *Facts) { f.Attachments.Value[0].Labels = nil }},
	"a Wukong that waits for a person": {id: "wukongs", level: Warning, says: "team-a/web: AddressInUse: 192.0.2.10 is leased",
		change: func(f *Facts) {
			f.Wukongs.Value[0].Status.Conditions = notReady("AddressInUse", "192.0.2.10 is leased", true)
		}},
}

func find(r *Report, id string) *Result {
	for i := range r.Results {
		if r.Results[i].ID == id {
			return &r.Results[i]
		}
	}
	return nil
}

func TestNothingIsWrongWhereAllIsWell(t *testing.T) {
	r := Decide(well(t), "v1")
	if r.Passed != len(r.Results) || r.Findings() {
		t.Errorf("%+v", r.Results)
	}
	for _, c := range checks {
		if (find(r, c.id) != nil) != c.installed {
			t.Errorf("check %s: told %t, want %t", c.id, !c.installed, c.installed)
		}
	}
}

func TestNothingIsInTheWayOfAnInstallationIntoACleanCluster(t *testing.T) {
	f := well(t)
	f.Pre, f.Uplinks, f.Deployments, f.Policies.Value = true, Fact[[]v1alpha1.HostUplink]{Absent: true}, Known([]appsv1.Deployment(nil)), nil
	f.Definitions.Value = slices.DeleteFunc(f.Definitions.Value, func(d apiextensionsv1.CustomResourceDefinition) bool {
		return strings.HasSuffix(d.Name, "novasphere.dev")
	})
	r := Decide(f, "v1")
	if r.Passed != len(r.Results) || r.Phase != "Pre" {
		t.Errorf("%+v", r.Results)
	}
}

func TestEveryTroubleIsToldByItsCheck(t *testing.T) {
	told := map[string]bool{}
	for name, c := range trouble {
		told[c.id] = true
		t.Run(name, func(t *testing.T) {
			f := well(t)
			f.Pre = c.pre
			c.change(f)
			got := find(Decide(f, "v1"), c.id)
			if got == nil {
				t.Fatalf("check %s says nothing", c.id)
			}
			if text := strings.Join(append([]string{got.Summary}, got.Details...), "\n"); got.Level != c.level || !strings.Contains(text, c.says) {
				t.Errorf("%s: %s, want %s: %s", got.Level, text, c.level, c.says)
			}
			if got.Fix == "" || got.Docs != Page+"#"+c.id {
				t.Errorf("fix %q, docs %q", got.Fix, got.Docs)
			}
		})
	}
	for _, id := range IDs() {
		if !told[id] {
			t.Errorf("no trouble is played for check %s", id)
		}
	}
}

// changeRule gives a rule of admission to change. Those that the program is built with stay as they are.
func (f *Facts) changeRule() *admissionv1.ValidatingAdmissionPolicy {
	f.Rules.Value = slices.Clone(f.Rules.Value)
	f.Rules.Value[0] = *f.Rules.Value[0].DeepCopy()
	return &f.Rules.Value[0]
}

// TestRulesAreThoseOfTheProgramHoweverTheyWereApplied has them as kustomize and the API server give them, for a controller in another
// namespace.
func TestRulesAreThoseOfTheProgramHoweverTheyWereApplied(t *testing.T) {
	f := well(t)
	f.Deployments.Value[0].Namespace = "elsewhere"
	f.Rules.Value = slices.Clone(f.Rules.Value)
	for i := range f.Rules.Value {
		r := about(&f.Rules.Value[i], "elsewhere:wukong-network")
		r.Spec.MatchConstraints.MatchPolicy = new(admissionv1.Equivalent)
		r.Spec.MatchConstraints.NamespaceSelector, r.Spec.MatchConstraints.ObjectSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
		r.Spec.Validations[0].Expression = strings.ReplaceAll(r.Spec.Validations[0].Expression, " ", "\n\n") + "\n"
		f.Rules.Value[i] = *r
	}
	if got := find(Decide(f, "v1"), "admission"); got.Level != Passed {
		t.Errorf("%+v", got)
	}
}

// TestWhatMayNotBeReadIsNotPassed takes every fact away, and what is not served.
func TestWhatMayNotBeReadIsNotPassed(t *testing.T) {
	const why = "list things: forbidden"
	f := &Facts{Now: now}
	for _, unread := range []*string{&f.Server.Unread, &f.Rights.Unread, &f.Definitions.Unread, &f.Deployments.Unread, &f.Rules.Unread, &f.Bindings.Unread, &f.Nodes.Unread,
		&f.Handlers.Unread, &f.NodeStates.Unread, &f.Policies.Unread, &f.Uplinks.Unread, &f.HostNetworks.Unread, &f.Pools.Unread, &f.Reservations.Unread,
		&f.Leases.Unread, &f.Wukongs.Unread, &f.Attachments.Unread} {
		*unread = why
	}
	for _, pre := range []bool{true, false} {
		f.Pre = pre
		r := Decide(f, "v1")
		if r.Unknown != len(r.Results) || len(r.Results) < 8 || !r.Findings() {
			t.Errorf("%+v", r.Results)
		}
		for _, result := range r.Results {
			if !slices.Contains(result.Details, why) {
				t.Errorf("%s does not say why: %v", result.ID, result.Details)
			}
		}
	}
}

func TestAReportIsReadFromTopToBottom(t *testing.T) {
	f := well(t)
	f.Server.Unread, f.Pools.Value[0].Status.Free, f.Leases.Value[0].Spec.Conflict = "forbidden", "10", "node node-a has it"
	for level, s := range map[string]style.Style{"marks": {}, "words": {ASCII: true}, "colours": {Color: true}} {
		var out strings.Builder
		if err := Decide(f, "v1").Write(&out, s); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/report-"+level+".txt", out.String())
	}
}

var update = flag.Bool("update", false, "write the expected output anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}

func TestLongListsAreCutAndSaySo(t *testing.T) {
	f := well(t)
	for i := range 20 {
		f.Wukongs.Value = append(f.Wukongs.Value, v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Name: "w", UID: types.UID(rune('a' + i)), Generation: 1}})
	}
	got := find(Decide(f, "v1"), "wukongs")
	if len(got.Details)+got.More != 20 || len(got.Details) != maxDetails-1 {
		t.Errorf("%d details and %d more", len(got.Details), got.More)
	}
	var out strings.Builder
	if err := Decide(f, "v1").Write(&out, style.Style{}); err != nil || !strings.Contains(out.String(), "    and 13 more\n") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

func TestWhatFailedIsSaidInALine(t *testing.T) {
	f := well(t)
	f.Deployments.Value[0].Spec.Replicas, f.Pools.Value[0].Status.Free, f.Leader.Value = new(int32(0)), "10", nil
	if got, want := Decide(f, "v1").Failures(), "Deployment wukong-network/wukong-network has no replicas: nothing is acted on"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestALeaderIsNotLookedForWhereNoneIsElected(t *testing.T) {
	f := well(t)
	f.Deployments.Value[0].Spec.Template.Spec.Containers[0].Args = []string{"--leader-elect=false"}
	f.Leader.Value = nil
	if got := find(Decide(f, "v1"), "leader"); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestVersionsThatAreNoneAreNotCompared(t *testing.T) {
	for image, want := range map[string]string{"registry.example.org:5000/wukong-network": "none", "wukong-network:latest": "latest", "x/wukong-network:v0.3.7@sha256:00": "v0.3.7"} {
		f := well(t)
		f.Deployments.Value[0].Spec.Template.Spec.Containers[0].Image = image
		if got := find(Decide(f, "v1"), "version-skew"); got.Level != Passed || !strings.Contains(got.Summary, want) {
			t.Errorf("%s: %+v", image, got)
		}
	}
}
