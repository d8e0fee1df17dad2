package commands_test

import (
	"path/filepath"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/controllers"
	"novasphere.dev/wukong-network/e2e/cluster"
)

// TestGuestScripts runs the commands about guests on an API server that has the objects of the scripts without a cluster, and no
// controller. Scripts begin as the editor, who may do in the namespace what the roles edit and kubevirt.io:view allow. as NAME goes
// on as the viewer, who may read neither Secrets nor pools, as wukongs, who reads Wukongs alone, or as nobody.
func TestGuestScripts(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{})
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: controllers.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	placeAll(t, admin, filepath.Join("guests", "cluster.yaml"))
	read := func(group string, resources ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: []string{"get", "list"}}
	}
	wukongs, machines := read("vm.novasphere.dev", "wukongs"), read("kubevirt.io", "virtualmachines", "virtualmachineinstances")
	secret := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}} // and not list
	for name, rules := range map[string][]rbacv1.PolicyRule{
		"editor": {wukongs, machines, secret}, "viewer": {wukongs, machines}, "wukongs": {wukongs}, "nobody": nil,
	} {
		account(t, c, admin, name, rules)
	}
	play{folder: "testdata/guest/script", begin: "editor", accounts: []string{"editor", "viewer", "wukongs", "nobody"}}.run(t, c)
}

// account makes a ServiceAccount of team-a that may do this much there, and nothing elsewhere.
func account(t *testing.T, c *cluster.Cluster, admin client.Client, name string, rules []rbacv1.PolicyRule) {
	t.Helper()
	if err := c.Account(t.Context(), "team-a", name); err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Namespace: "team-a", Name: name}
	for _, o := range []client.Object{
		&rbacv1.Role{ObjectMeta: *meta.DeepCopy(), Rules: rules},
		&rbacv1.RoleBinding{ObjectMeta: *meta.DeepCopy(), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "team-a", Name: name}}},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}
