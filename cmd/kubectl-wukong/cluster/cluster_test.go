package cluster

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

func TestCauses(t *testing.T) {
	leases := schema.GroupResource{Group: "vm.novasphere.dev", Resource: "addressleases"}
	refused := &url.Error{Op: "Get", URL: "https://127.0.0.1:1", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	tests := map[string]struct {
		err  error
		want Cause
	}{
		"a missing right":                     {apierrors.NewForbidden(leases, "", errors.New("no")), Forbidden},
		"a token that is not valid":           {apierrors.NewUnauthorized("no"), Forbidden},
		"an object that does not exist":       {apierrors.NewNotFound(leases, "ip-192-0-2-10.lab"), NotFound},
		"a kind that does not exist":          {apierrors.NewGenericServerResponse(404, "GET", leases, "", "404 page not found", 0, true), NotInstalled},
		"a kind that does not exist, by name": {apierrors.NewGenericServerResponse(404, "GET", leases, "x", "404 page not found", 0, true), NotInstalled},
		"an object that changed":              {apierrors.NewConflict(leases, "x", errors.New("changed")), Changed},
		"an object that exists":               {apierrors.NewAlreadyExists(leases, "x"), Changed},
		"a server that nobody answers for":    {refused, Unreachable},
		"a server that has too much to do":    {apierrors.NewTooManyRequests("later", 1), Unreachable},
		"a server in trouble":                 {apierrors.NewInternalError(errors.New("etcd")), Unreachable},
		"a question that took too long":       {context.DeadlineExceeded, Unreachable},
		"an object that the server refuses":   {apierrors.NewBadRequest("spec"), Refused},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := CauseOf(explain("list AddressLeases", tc.err)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if err := explain("nothing", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func TestAnErrorNamesTheRoleOrTheComponentThatIsMissing(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "", errors.New("no"))
	unknown := apierrors.NewGenericServerResponse(404, "GET", schema.GroupResource{Resource: "x"}, "", "404 page not found", 0, true)
	for doing, want := range map[string]string{"list AddressLeases": " for the ClusterRole wukong-network-address-reader", "get the version of the API server": ""} {
		if err := explain(doing, forbidden); !strings.HasSuffix(err.Error(), "; ask an administrator"+want) {
			t.Errorf("%s: %v", doing, err)
		}
	}
	if err := explain("list Nodes", apierrors.NewUnauthorized("no")); CauseOf(err) != Forbidden || !strings.Contains(err.Error(), "log in again") {
		t.Errorf("nobody that the API server knows: %v", err)
	}
	for doing, want := range map[string]string{
		"list NodeNetworkStates": "kubernetes-nmstate", "list VirtualMachineInstances": "KubeVirt",
		"list NetworkAttachmentDefinitions": "Multus", "list HostUplinks": "wukong-network",
	} {
		if err := explain(doing, unknown); !strings.HasSuffix(err.Error(), ": is "+want+" installed in this cluster?") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

// TestTheRoleThatAnErrorNamesAllowsWhatWasTried holds the names against what config/rbac grants. Kubernetes' and KubeVirt's own roles
// are not there.
func TestTheRoleThatAnErrorNamesAllowsWhatWasTried(t *testing.T) {
	granted := grants(t)
	for doing, right := range map[string]string{
		"list AddressLeases":                                 "list addressleases.vm.novasphere.dev",
		"get AddressLease ip-192-0-2-10.lab":                 "get addressleases.vm.novasphere.dev",
		"annotate AddressLease ip-192-0-2-10.lab":            "patch addressleases.vm.novasphere.dev",
		"create AddressReservation printer":                  "create addressreservations.vm.novasphere.dev",
		"create Wukong team-a/web":                           "create wukongs.vm.novasphere.dev",
		"watch Wukongs":                                      "watch wukongs.vm.novasphere.dev",
		"patch HostUplink workers":                           "patch hostuplinks.vm.novasphere.dev",
		"list Nodes":                                         "list nodes.",
		"list Namespaces":                                    "list namespaces.",
		"list NodeNetworkStates":                             "list nodenetworkstates.nmstate.io",
		"get NodeNetworkConfigurationEnactment node-a.x":     "get nodenetworkconfigurationenactments.nmstate.io",
		"list NodeNetworkConfigurationPolicies":              "list nodenetworkconfigurationpolicies.nmstate.io",
		"list VirtualMachineInstances":                       "list virtualmachineinstances.kubevirt.io",
		"list NetworkAttachmentDefinitions":                  "list network-attachment-definitions.k8s.cni.cncf.io",
		"list Events":                                        "list events.events.k8s.io",
		"list Events about Wukongs":                          "list events.",
		"list Pods":                                          "list pods.",
		"list Deployments":                                   "list deployments.apps",
		"list CustomResourceDefinitions":                     "list customresourcedefinitions.apiextensions.k8s.io",
		"list ValidatingAdmissionPolicies":                   "list validatingadmissionpolicies.admissionregistration.k8s.io",
		"list ValidatingAdmissionPolicyBindings":             "list validatingadmissionpolicybindings.admissionregistration.k8s.io",
		"get Lease wukong-network.vm.novasphere.dev":         "get leases.coordination.k8s.io",
		"create SubjectAccessReview":                         "create subjectaccessreviews.authorization.k8s.io",
		"get VirtualMachine web":                             "kubevirt.io:view",
		"get VirtualMachineInstance web":                     "kubevirt.io:view",
		"list VirtualMachines":                               "kubevirt.io:view",
		"get log of Pod wukong-network/x, container manager": "view",
		"get Secret web-net-x":                               "edit",
	} {
		role := strings.TrimPrefix(roleFor(doing), " for the ClusterRole ")
		if role != right && !granted[role+": "+right] {
			t.Errorf("%s: the ClusterRole %q does not allow to %s", doing, role, right)
		}
	}
}

// grants are what the roles of config/rbac allow, as "ROLE: VERB RESOURCE.GROUP".
func grants(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../../config/rbac/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	out := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split("\n"+string(text), "\n---") {
			var role rbacv1.ClusterRole
			if err := yaml.Unmarshal([]byte(document), &role); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, rule := range role.Rules {
				for _, group := range rule.APIGroups {
					for _, resource := range rule.Resources {
						for _, verb := range rule.Verbs {
							out[role.Name+": "+verb+" "+resource+"."+group] = true
						}
					}
				}
			}
		}
	}
	return out
}

func TestWhatAnAnswerCanDoWithoutIsSaidOnce(t *testing.T) {
	var out bytes.Buffer
	c := &Cluster{options: Options{Diagnostics: &out}, skipping: map[string]bool{}}
	forbidden := &Error{Cause: Forbidden, Text: "list Wukongs: forbidden"}
	for range 2 {
		if err := c.Optional(forbidden, "nodes are not shown"); err != nil {
			t.Errorf("a missing right is no error here: %v", err)
		}
	}
	if want := "note: list Wukongs: forbidden: nodes are not shown\n"; out.String() != want {
		t.Errorf("said %q, want %q", out.String(), want)
	}
	if err := c.Optional(&Error{Cause: NotInstalled}, "machines are not shown"); err != nil || strings.Contains(out.String(), "machines") {
		t.Errorf("a kind that is not there is nothing to talk about: %v, %q", err, out.String())
	}
	if err := c.Optional(&Error{Cause: Unreachable}, ""); CauseOf(err) != Unreachable {
		t.Errorf("any other error stays one: %v", err)
	}
}

func TestProgressShowsOnlyWhatTakesLongAndLeavesNothing(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out)
	p.Say("reading AddressLeases")
	p.Done()
	if out.Len() > 0 {
		t.Errorf("shown at once: %q", out.String())
	}
	p.Say("reading AddressLeases")
	p.show() // the second is over
	p.Say("reading AddressLeases: %d", 500)
	p.Done()
	want := "\r\033[Kreading AddressLeases…\r\033[Kreading AddressLeases: 500…\r\033[K"
	if out.String() != want {
		t.Errorf("shown %q, want %q", out.String(), want)
	}
	p.show() // a timer that fires late
	if out.String() != want {
		t.Errorf("shown after the answer: %q", out.String())
	}
	var none *Progress
	none.Say("nothing")
	none.Done()
	none.Hold("nothing")
	none.Release()
}

func TestManyShortStepsShowOnceTheyHaveTakenLongTogether(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out)
	p.Say("reading Wukongs")
	p.Done()
	p.show() // the second is over
	p.Say("reading \x1bHostUplinks")
	p.Done()
	if want := "\r\033[Kreading \ufffdHostUplinks…\r\033[K"; out.String() != want {
		t.Errorf("shown %q, want %q", out.String(), want)
	}
}

func TestALineThatIsHeldStaysBelowWhatIsWritten(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out)
	p.Hold("waiting")
	p.show() // the second is over
	p.Say("reading Wukongs")
	p.Done()
	if _, err := p.Write([]byte("note: no rights\n")); err != nil {
		t.Fatal(err)
	}
	p.Release()
	if want := "\r\033[Kwaiting…\r\033[Knote: no rights\n\r\033[Kwaiting…\r\033[K"; out.String() != want {
		t.Errorf("shown %q, want %q", out.String(), want)
	}
}
