package privilege

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/cluster"
)

// Grant is one thing that an account may do.
type Grant struct {
	// Role is where it is written.
	Role string
	// Group and Resource say to what; a subresource follows the resource after a slash.
	Group, Resource string
	Verb            string
	// Namespace is where; empty is everywhere.
	Namespace string
	// Name is the only object; empty is any.
	Name string
}

// String gives the grant in one line.
func (g Grant) String() string {
	text := g.Verb + " " + g.Resource
	if g.Group != "" {
		text += "." + g.Group
	}
	if g.Name != "" {
		text += " " + g.Name
	}
	if g.Namespace != "" {
		text += " in namespace " + g.Namespace
	}
	return text
}

// covers says whether a request needs the grant. To apply an object that is not there takes create beside patch.
func (g Grant) covers(r cluster.Request) bool {
	verb := g.Verb == r.Verb || (g.Verb == "create" && r.Verb == "patch" && r.Code == 201)
	return verb && g.Group == r.Group && g.Resource == strings.TrimSuffix(r.Resource+"/"+r.Subresource, "/") &&
		(g.Namespace == "" || g.Namespace == r.Namespace) && (g.Name == "" || g.Name == r.Name)
}

// Excuse is a grant that the stories do not need, with the reason why it is given all the same.
type Excuse struct {
	Verb, Resource, Group string
	Reason                string
}

func (e Excuse) fits(g Grant) bool {
	return e.Verb == g.Verb && e.Resource == g.Resource && e.Group == g.Group
}

// Compare holds what an account may do against what it did, and gives what is wrong in words: requests that were denied, grants
// that nothing needed, grants for all namespaces that were needed in home alone, and excuses without a grant or with one that is
// needed.
func Compare(grants []Grant, requests []cluster.Request, excuses []Excuse, home string) []string {
	var wrong []string
	for _, r := range requests {
		if r.Denied {
			wrong = append(wrong, "denied: "+r.String())
		}
	}
	used := func(g Grant) (needed, abroad bool) {
		for _, r := range requests {
			if !r.Denied && g.covers(r) {
				needed, abroad = true, abroad || r.Namespace != home
			}
		}
		return needed, abroad
	}
	for _, g := range grants {
		excused := slices.ContainsFunc(excuses, func(e Excuse) bool { return e.fits(g) })
		switch needed, abroad := used(g); {
		case !needed && !excused:
			wrong = append(wrong, fmt.Sprintf("granted by %s and never needed: %s", g.Role, g))
		case needed && excused:
			wrong = append(wrong, fmt.Sprintf("excused as never needed, and needed: %s", g))
		case needed && !abroad && g.Namespace == "":
			wrong = append(wrong, fmt.Sprintf("granted by %s everywhere, and needed in namespace %s alone: %s", g.Role, home, g))
		}
	}
	for _, e := range excuses {
		if !slices.ContainsFunc(grants, e.fits) {
			wrong = append(wrong, fmt.Sprintf("excused and not granted: %s", Grant{Verb: e.Verb, Resource: e.Resource, Group: e.Group}))
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// GrantsTo reads from a cluster what roles allow a service account by its name.
func GrantsTo(ctx context.Context, c client.Reader, namespace, name string) ([]Grant, error) {
	its := func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == namespace && s.Name == name
	}
	everywhere, somewhere := &rbacv1.ClusterRoleBindingList{}, &rbacv1.RoleBindingList{}
	if err := c.List(ctx, everywhere); err != nil {
		return nil, err
	}
	if err := c.List(ctx, somewhere); err != nil {
		return nil, err
	}
	var out []Grant
	read := func(ref rbacv1.RoleRef, namespace string) error {
		rules, err := rulesOf(ctx, c, ref, namespace)
		for _, rule := range rules {
			out = append(out, expand(ref.Kind+" "+ref.Name, namespace, rule)...)
		}
		return err
	}
	for _, b := range everywhere.Items {
		if slices.ContainsFunc(b.Subjects, its) {
			if err := read(b.RoleRef, ""); err != nil {
				return nil, err
			}
		}
	}
	for _, b := range somewhere.Items {
		if slices.ContainsFunc(b.Subjects, its) {
			if err := read(b.RoleRef, b.Namespace); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b Grant) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.String(), b.String())) })
	return out, nil
}

func rulesOf(ctx context.Context, c client.Reader, ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	if ref.Kind == "ClusterRole" {
		role := &rbacv1.ClusterRole{}
		err := c.Get(ctx, client.ObjectKey{Name: ref.Name}, role)
		return role.Rules, err
	}
	role := &rbacv1.Role{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, role)
	return role.Rules, err
}

// expand gives each thing that a rule allows by itself. Paths that are no resources are no grants.
func expand(role, namespace string, rule rbacv1.PolicyRule) []Grant {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var out []Grant
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				for _, name := range names {
					out = append(out, Grant{Role: role, Group: group, Resource: resource, Verb: verb, Namespace: namespace, Name: name})
				}
			}
		}
	}
	return out
}
