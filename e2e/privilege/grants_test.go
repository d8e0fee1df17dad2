package privilege

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/e2e/cluster"
)

func TestGrantsAndRequestsAreComparedInBothDirections(t *testing.T) {
	const home = "home"
	get := cluster.Request{Verb: "get", Resource: "pods", Namespace: "team", Name: "web", Code: 404}
	denied := cluster.Request{Verb: "get", Resource: "secrets", Namespace: "team", Name: "key", Code: 403, Denied: true}
	for name, tc := range map[string]struct {
		grants   []Grant
		requests []cluster.Request
		excuses  []Excuse
		want     []string
	}{
		"what is granted and needed is fine, whatever the answer": {
			grants: []Grant{{Verb: "get", Resource: "pods"}}, requests: []cluster.Request{get},
		},
		"a request that was denied is told": {
			requests: []cluster.Request{denied}, want: []string{"denied: get secrets team/key: 403"},
		},
		"a denied request is no use of a grant": {
			grants: []Grant{{Role: "R", Verb: "get", Resource: "secrets"}}, requests: []cluster.Request{denied},
			want: []string{"denied: get secrets team/key: 403", "granted by R and never needed: get secrets"},
		},
		"what admission refuses was allowed by permissions": {
			grants:   []Grant{{Verb: "create", Resource: "secrets"}},
			requests: []cluster.Request{{Verb: "create", Resource: "secrets", Namespace: "team", Code: 403}},
		},
		"another verb, group, subresource, namespace or name is no use": {
			grants: []Grant{{Role: "R", Verb: "list", Resource: "pods"}, {Role: "R", Verb: "get", Resource: "pods", Group: "g"},
				{Role: "R", Verb: "get", Resource: "pods/status"}, {Role: "R", Verb: "get", Resource: "pods", Namespace: home},
				{Role: "R", Verb: "get", Resource: "pods", Name: "db"}},
			requests: []cluster.Request{get},
			want: []string{"granted by R and never needed: get pods db", "granted by R and never needed: get pods in namespace home",
				"granted by R and never needed: get pods.g", "granted by R and never needed: get pods/status", "granted by R and never needed: list pods"},
		},
		"an applied object that was not there takes create": {
			grants:   []Grant{{Verb: "create", Resource: "secrets"}, {Verb: "patch", Resource: "secrets"}},
			requests: []cluster.Request{{Verb: "patch", Resource: "secrets", Namespace: "team", Name: "a", Code: 201}},
		},
		"a grant for all namespaces that is needed in one is too wide": {
			grants:   []Grant{{Role: "R", Verb: "update", Resource: "leases", Group: "g"}},
			requests: []cluster.Request{{Verb: "update", Resource: "leases", Group: "g", Namespace: home, Name: "x"}},
			want:     []string{"granted by R everywhere, and needed in namespace home alone: update leases.g"},
		},
		"a grant that is not needed can be excused": {
			grants:  []Grant{{Verb: "get", Resource: "pods"}},
			excuses: []Excuse{{Verb: "get", Resource: "pods", Reason: "by hand"}},
		},
		"an excuse for what is needed, or not granted, is told": {
			grants: []Grant{{Verb: "get", Resource: "pods"}}, requests: []cluster.Request{get},
			excuses: []Excuse{{Verb: "get", Resource: "pods"}, {Verb: "get", Resource: "nodes"}},
			want:    []string{"excused and not granted: get nodes", "excused as never needed, and needed: get pods"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Compare(tc.grants, tc.requests, tc.excuses, home)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
