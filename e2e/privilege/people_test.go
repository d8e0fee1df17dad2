package privilege

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/cluster"
	"novasphere.dev/wukong-network/e2e/world"
)

// person is a column of the table: somebody with these roles.
type person struct {
	title string
	// local are ClusterRoles that are bound in the namespace of the team, global those that are bound everywhere.
	local, global []string
}

var people = []person{
	{title: "`view`", local: []string{"view"}},
	{title: "`edit`", local: []string{"edit"}},
	{title: "`admin`", local: []string{"admin"}},
	{title: "`address-reader`", global: []string{"wukong-network-address-reader"}},
	{title: "`host-reader`", global: []string{"wukong-network-host-reader"}},
	{title: "`host-operator`", global: []string{"wukong-network-host-operator"}},
	{title: "`importer`", global: []string{"wukong-network-importer"}},
	{title: "`platform`", global: []string{"wukong-network-platform"}},
	{title: "`support`", global: []string{"wukong-network-support"}},
}

const (
	team  = "team-a"
	other = "team-b"

	ours     = "vm.novasphere.dev"
	hostKind = "nmstate.io"
)

// access is one question of the API server's authorizer.
type access struct{ namespace, group, resource, verb string }

// each asks for each verb on each resource, in a namespace or, where that is empty, on cluster-scoped objects.
func each(namespace, group string, resources, verbs string) []access {
	var out []access
	for _, resource := range strings.Fields(resources) {
		for _, verb := range strings.Fields(verbs) {
			out = append(out, access{namespace, group, resource, verb})
		}
	}
	return out
}

// deed is a row of the table: all of it, or nothing, is allowed to a person. may has a letter for each person: y, n, or k where
// Kubernetes' own role allows it and none of ours does.
type deed struct {
	title string
	asks  []access
	may   string
}

const (
	read  = "get list watch"
	write = "create update patch delete"
)

// deeds has its columns in the order of people:
// view, edit, admin, address-reader, host-reader, host-operator, importer, platform, support.
var deeds = []deed{
	{"read Wukongs of the namespace", each(team, ours, "wukongs", "get list"), "yyyyynyyy"},
	{"create Wukongs of the namespace", each(team, ours, "wukongs", "create"), "nyynnnynn"},
	{"change and delete Wukongs of the namespace", each(team, ours, "wukongs", "update patch delete deletecollection"), "nyynnnnnn"},
	{"read Wukongs of other namespaces", each(other, ours, "wukongs", "get list"), "nnnyynyyy"},
	{"create Wukongs of other namespaces", each(other, ours, "wukongs", "create"), "nnnnnnynn"},
	{"change and delete Wukongs of other namespaces", each(other, ours, "wukongs", "update patch delete"), "nnnnnnnnn"},
	{"write the status of a Wukong, HostUplink, HostNetwork, pool or reservation", append(each(team, ours, "wukongs/status", "update patch"),
		each("", ours, "hostuplinks/status hostnetworks/status addresspools/status addressreservations/status", "update patch")...), "nnnnnnnnn"},
	{"read leases, which name the holders of all namespaces", each("", ours, "addressleases", "get list"), "nnnyynyyy"},
	{"free a lease", each("", ours, "addressleases", "patch"), "nnnnnnnyn"},
	{"create and delete leases", each("", ours, "addressleases", "create update delete"), "nnnnnnnnn"},
	{"read HostUplinks", each("", ours, "hostuplinks", "get list"), "nnnyyyyyy"},
	{"read HostNetworks and pools", each("", ours, "hostnetworks addresspools", "get list"), "nnnyynyyy"},
	{"steer rollouts (`patch` of HostUplinks)", each("", ours, "hostuplinks", "patch"), "nnnnnynyn"},
	{"declare HostUplinks, HostNetworks and pools", append(each("", ours, "hostnetworks addresspools", write), each("", ours, "hostuplinks", "create update delete")...), "nnnnnnnyn"},
	{"reserve addresses", each("", ours, "addressreservations", "create"), "nnnnnnyyn"},
	{"change and delete reservations", each("", ours, "addressreservations", "update patch delete"), "nnnnnnnyn"},
	{"read what nodes report", each("", hostKind, "nodenetworkstates", "get list"), "nnnyynnyy"},
	{"read policies and enactments", each("", hostKind, "nodenetworkconfigurationpolicies nodenetworkconfigurationenactments", "get list"), "nnnnynnyy"},
	{"read events of all namespaces", each(other, "events.k8s.io", "events", "get list"), "nnnyynnny"},
	{"read pods, Deployments and machines of other namespaces", slices.Concat(each(other, "", "pods", "get list"), each(other, "apps", "deployments", "get list"),
		each(other, "kubevirt.io", "virtualmachines", "get list")), "nnnnnnnny"},
	{"read logs of other namespaces", each(other, "", "pods/log", "get"), "nnnnnnnnn"},
	{"ask what others may", each("", "authorization.k8s.io", "subjectaccessreviews", "create"), "nnnnnnnny"},
	{"write policies", each("", hostKind, "nodenetworkconfigurationpolicies", write), "nnnnnnnnn"},
	{"change nodes, also by their labels", each("", "", "nodes nodes/status", "update patch delete"), "nnnnnnnnn"},
	{"read Secrets of the namespace", each(team, "", "secrets", "get list"), "nkknnnnnn"},
	{"read Secrets of other namespaces", each(other, "", "secrets", "get list"), "nnnnnnnnn"},
	{"run commands in pods of the namespace", each(team, "", "pods/exec", "create"), "nkknnnnnn"},
	{"write roles, or bind them, beyond the namespace", each("", "rbac.authorization.k8s.io", "clusterroles clusterrolebindings", "create update patch escalate bind"), "nnnnnnnnn"},
	{"act as others", each("", "", "users groups", "impersonate"), "nnnnnnnnn"},
}

func TestPeopleMayDoWhatTheTableSaysAndNothingElse(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	w, err := world.Prepare(t.Context(), c)
	must(t, err)
	root, err := world.Repository()
	must(t, err)
	must(t, c.ApplyKustomization(t.Context(), filepath.Join(root, "config", "rbac")))
	must(t, c.Apply(t.Context(), []byte("{apiVersion: v1, kind: Namespace, metadata: {name: "+team+"}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: "+other+"}}")))
	for i, p := range people {
		must(t, bind(t.Context(), w.Admin, user(i), p))
	}
	world.Eventually(t, patience, func() error { // the roles are put together by a controller, in a moment
		for i, want := range []string{"get", "create", "create"} {
			if ok, err := allowed(t.Context(), w.Admin, user(i), access{team, ours, "wukongs", want}); err != nil || !ok {
				return fmt.Errorf("%s does not give %s of Wukongs: %w", people[i].title, want, err)
			}
		}
		return nil
	})
	for _, d := range deeds {
		if len(d.may) != len(people) {
			t.Fatalf("%s: %d letters for %d people", d.title, len(d.may), len(people))
		}
		for i, p := range people {
			for _, a := range d.asks {
				ok, err := allowed(t.Context(), w.Admin, user(i), a)
				must(t, err)
				if want := d.may[i] != 'n'; ok != want {
					t.Errorf("%s, %s: %s %s.%s in %q is allowed: %v, want %v", p.title, d.title, a.verb, a.resource, a.group, a.namespace, ok, want)
				}
			}
		}
	}
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = time.Minute

func user(column int) string { return fmt.Sprintf("person-%d", column) }

// bind gives a user the roles of a person.
func bind(ctx context.Context, c client.Client, name string, p person) error {
	subject := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	for _, r := range p.local {
		b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: name + "-" + r}, Subjects: subject, RoleRef: role(r)}
		if err := c.Create(ctx, b); err != nil {
			return err
		}
	}
	for _, r := range p.global {
		b := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + r}, Subjects: subject, RoleRef: role(r)}
		if err := c.Create(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// allowed asks the API server whether a user may do something.
func allowed(ctx context.Context, c client.Client, name string, a access) (bool, error) {
	resource, sub, _ := strings.Cut(a.resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: name,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: a.namespace, Group: a.group, Resource: resource, Subresource: sub, Verb: a.verb}}}
	err := c.Create(ctx, review)
	return review.Status.Allowed, err
}

// table gives what people may do as it is in docs/security.md.
func table() string {
	var out strings.Builder
	out.WriteString("| may |")
	for _, p := range people {
		out.WriteString(" " + p.title + " |")
	}
	out.WriteString("\n|---|" + strings.Repeat(":---:|", len(people)) + "\n")
	for _, d := range deeds {
		out.WriteString("| " + d.title + " |")
		for _, may := range d.may {
			out.WriteString(map[rune]string{'y': " yes |", 'n': " |", 'k': " Kubernetes |"}[may])
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestTheSecurityPageShowsTheTable(t *testing.T) {
	root, err := world.Repository()
	must(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	must(t, err)
	if !strings.Contains(string(page), table()) {
		t.Errorf("docs/security.md does not have this table:\n%s", table())
	}
}

// never are the rules that no role of ours may have, wherever it is bound.
var never = []struct {
	why      string
	resource string // group, dot, resource; a star is any
	verbs    string
}{
	{"nobody of ours reads Secrets", ".secrets", "get list watch deletecollection"},
	{"commands in pods are access to everything that they mount", ".pods/exec .pods/attach .pods/portforward .pods/ephemeralcontainers", "get create update patch"},
	{"a node's proxy is access to its pods", ".nodes/proxy", "get create update patch"},
	{"a token is the account", ".serviceaccounts/token", "create"},
	{"roles are for administrators", "rbac.authorization.k8s.io.roles rbac.authorization.k8s.io.clusterroles rbac.authorization.k8s.io.rolebindings rbac.authorization.k8s.io.clusterrolebindings",
		"create update patch delete escalate bind"},
	{"nobody of ours acts as others", "*", "impersonate escalate bind"},
	{"wildcards grant what does not exist yet", "*", "*"},
}

func TestNoRoleReadsSecretsOrReachesBeyondItsWork(t *testing.T) {
	roles := rolesInConfig(t)
	if len(roles) < 9 {
		t.Fatalf("%d roles were found in config: that cannot be all", len(roles))
	}
	for _, g := range roles {
		if wrong := overreach(g); wrong != "" {
			t.Errorf("%s: %s: %s", g.Role, g, wrong)
		}
	}
}

// TestEveryRoleIsInTheTable keeps the table whole when a role is added.
func TestEveryRoleIsInTheTable(t *testing.T) {
	told := []string{"wukong-network", "wukong-network-leader-election", // the controller's own
		"wukong-network-view", "wukong-network-edit"} // parts of Kubernetes' roles, which are in the table
	for _, p := range people {
		told = append(told, p.global...)
	}
	for _, g := range rolesInConfig(t) {
		if _, name, _ := strings.Cut(g.Role, " "); !slices.Contains(told, name) {
			t.Fatalf("%s is in config, and not among the people of people_test.go: say there, and in docs/security.md, what it is for", g.Role)
		}
	}
}

func TestOverreachIsSeen(t *testing.T) {
	for name, g := range map[string]Grant{
		"reading Secrets":    {Resource: "secrets", Verb: "watch"},
		"any verb":           {Resource: "pods", Verb: "*"},
		"any resource":       {Resource: "*", Verb: "get"},
		"any group":          {Group: "*", Resource: "pods", Verb: "get"},
		"any subresource":    {Resource: "pods/*", Verb: "get"},
		"commands in pods":   {Resource: "pods/exec", Verb: "create"},
		"binding of roles":   {Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Verb: "bind"},
		"acting as somebody": {Resource: "serviceaccounts", Verb: "impersonate"},
	} {
		if overreach(g) == "" {
			t.Errorf("%s is not seen", name)
		}
	}
	if wrong := overreach(Grant{Resource: "secrets", Verb: "create"}); wrong != "" {
		t.Errorf("creating Secrets is what the controller is there for: %s", wrong)
	}
}

// overreach says which rule a grant breaks.
func overreach(g Grant) string {
	for _, n := range never {
		if n.verbs == "*" && strings.Contains(g.Group+g.Resource+g.Verb, "*") {
			return n.why
		}
		named := n.resource == "*"
		for _, resource := range strings.Fields(n.resource) {
			named = named || resource == g.Group+"."+g.Resource
		}
		for _, verb := range strings.Fields(n.verbs) {
			if named && verb == g.Verb {
				return n.why
			}
		}
	}
	return ""
}
