package cluster

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	for doing, want := range map[string]string{
		"list AddressLeases":      "wukong-network-address-reader",
		"list Nodes":              "wukong-network-host-reader",
		"list NodeNetworkStates":  "wukong-network-host-reader",
		"patch HostUplink worker": "wukong-network-host-operator",
		"get VirtualMachine web":  "kubevirt.io:view",
	} {
		if err := explain(doing, forbidden); !strings.HasSuffix(err.Error(), "; ask an administrator for the ClusterRole "+want) {
			t.Errorf("%s: %v", doing, err)
		}
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
