package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/checks"
	"novasphere.dev/wukong-network/cmd/kubectl-wukong/cluster"
	"novasphere.dev/wukong-network/cmd/version"
	"novasphere.dev/wukong-network/config/rbac"
)

// leaderLease is the name of the Lease by which replicas of the controller elect their leader.
const leaderLease = "wukong-network.vm.novasphere.dev"

// gatherChecks reads what checks decide from. What may not be read, or is not served, is a fact, too.
func gatherChecks(ctx context.Context, from *cluster.Cluster, pre bool) (*checks.Facts, error) {
	f := &checks.Facts{Pre: pre, Program: version.Read().Version}
	g := gathering{ctx: ctx}
	f.Server = fact(&g, func(context.Context) (string, error) { return from.ServerVersion() })
	f.Definitions = fact(&g, from.Definitions)
	f.Deployments = fact(&g, from.Deployments)
	f.Nodes = fact(&g, from.Nodes)
	f.Handlers = fact(&g, func(ctx context.Context) ([]corev1.Pod, error) { return from.Pods(ctx, "", checks.HandlerLabel) })
	f.NodeStates = fact(&g, from.NodeStateNames)
	f.Policies = fact(&g, from.PolicyNames)
	f.Uplinks = fact(&g, from.Uplinks)
	if pre {
		f.Rights = fact(&g, func(ctx context.Context) ([]checks.Right, error) { return askRights(ctx, from, "", installRights()) })
		return f, g.err
	}
	f.Rules = fact(&g, from.AdmissionRules)
	f.Bindings = fact(&g, from.AdmissionBindings)
	f.HostNetworks = fact(&g, from.HostNetworks)
	f.Pools = fact(&g, from.Pools)
	f.Reservations = fact(&g, from.Reservations)
	f.Leases = fact(&g, func(ctx context.Context) ([]v1alpha1.AddressLease, error) { return from.Leases(ctx) })
	f.Wukongs = fact(&g, func(ctx context.Context) ([]v1alpha1.Wukong, error) { return from.Wukongs(ctx, "") })
	f.Attachments = fact(&g, from.Attachments)
	gatherController(&g, from, f)
	f.Now = time.Now()
	return f, g.err
}

// gatherController reads what concerns the one controller that there is.
func gatherController(g *gathering, from *cluster.Cluster, f *checks.Facts) {
	all := f.Controllers()
	if len(all) == 0 {
		return
	}
	d := all[0]
	f.Leader = fact(g, func(ctx context.Context) (*coordinationv1.Lease, error) {
		return from.LeaderLease(ctx, d.Namespace, leaderLease)
	})
	f.Permissions = fact(g, func(ctx context.Context) ([]checks.Right, error) {
		needed, err := controllerRights(d.Namespace)
		if err != nil {
			return nil, err
		}
		return askRights(ctx, from, checks.Account(d), needed)
	})
}

// fact reads one.
func fact[T any](g *gathering, read func(context.Context) (T, error)) checks.Fact[T] {
	value, missing := attempt(g, read)
	switch {
	case cluster.CauseOf(missing) == cluster.NotInstalled:
		return checks.Fact[T]{Absent: true}
	case missing != nil:
		return checks.Fact[T]{Unread: missing.Error()}
	}
	return checks.Known(value)
}

func askRights(ctx context.Context, from *cluster.Cluster, account string, wanted []authorizationv1.ResourceAttributes) ([]checks.Right, error) {
	allowed, err := from.Ask(ctx, account, wanted)
	if err != nil {
		return nil, err
	}
	out := make([]checks.Right, len(wanted))
	for i, w := range wanted {
		resource := w.Resource
		if w.Subresource != "" {
			resource += "/" + w.Subresource
		}
		out[i] = checks.Right{Verb: w.Verb, Group: w.Group, Resource: resource, Namespace: w.Namespace, Allowed: allowed[i]}
	}
	return out, nil
}

// installed are the resources that an installation makes, by group.
var installed = map[string][]string{
	"":                             {"namespaces", "serviceaccounts", "services"},
	"admissionregistration.k8s.io": {"validatingadmissionpolicies", "validatingadmissionpolicybindings"},
	"apiextensions.k8s.io":         {"customresourcedefinitions"},
	"apps":                         {"deployments"},
	"networking.k8s.io":            {"networkpolicies"},
	"policy":                       {"poddisruptionbudgets"},
	"rbac.authorization.k8s.io":    {"clusterroles", "clusterrolebindings", "roles", "rolebindings"},
}

// installRights are the rights by which somebody can install: to make, and to change what is there.
func installRights() []authorizationv1.ResourceAttributes {
	var out []authorizationv1.ResourceAttributes
	for _, group := range slices.Sorted(maps.Keys(installed)) {
		for _, resource := range installed[group] {
			for _, verb := range []string{"create", "patch"} {
				out = append(out, authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource})
			}
		}
	}
	return out
}

// controllerRights are those of config/rbac, each alone.
func controllerRights(namespace string) ([]authorizationv1.ResourceAttributes, error) {
	var out []authorizationv1.ResourceAttributes
	for _, file := range []string{"role.yaml", "role_binding.yaml"} {
		text, err := rbac.Files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, document := range strings.Split("\n"+string(text), "\n---") {
			var role rbacv1.ClusterRole
			if err := yaml.Unmarshal([]byte(document), &role); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			in := ""
			if role.Kind == "Role" {
				in = namespace
			}
			for _, rule := range role.Rules {
				out = append(out, rightsOf(rule, in)...)
			}
		}
	}
	return out, nil
}

func rightsOf(rule rbacv1.PolicyRule, namespace string) []authorizationv1.ResourceAttributes {
	var out []authorizationv1.ResourceAttributes
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			resource, subresource, _ := strings.Cut(resource, "/")
			for _, verb := range rule.Verbs {
				for _, name := range append(rule.ResourceNames, "")[:max(1, len(rule.ResourceNames))] {
					out = append(out, authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name})
				}
			}
		}
	}
	return out
}
