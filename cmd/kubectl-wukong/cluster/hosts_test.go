package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// crowded has a HostUplink that somebody else changes before each of the first patches.
type crowded struct {
	client.WithWatch
	uplink  *v1alpha1.HostUplink
	others  []func(*v1alpha1.HostUplink)
	patched map[string]string
}

func (c *crowded) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	c.uplink.DeepCopyInto(o.(*v1alpha1.HostUplink))
	return nil
}

func (c *crowded) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	if len(c.others) > 0 {
		c.others[0](c.uplink)
		version, _ := strconv.Atoi(c.uplink.ResourceVersion)
		c.others, c.uplink.ResourceVersion = c.others[1:], strconv.Itoa(version+1)
	}
	raw, err := p.Data(o)
	if err != nil {
		return err
	}
	var patch struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(raw, &patch); err != nil {
		return err
	}
	if patch.Metadata.ResourceVersion != c.uplink.ResourceVersion {
		return apierrors.NewConflict(schema.GroupResource{Resource: "hostuplinks"}, o.GetName(), errors.New("the object has been modified"))
	}
	c.patched = patch.Metadata.Annotations
	return nil
}

func TestAnAnnotationIsSetWhileNodesProgressAndNotOnSomethingElse(t *testing.T) {
	counts := func(u *v1alpha1.HostUplink) { u.Status.Nodes.Applied++ }
	for name, c := range map[string]struct {
		others []func(*v1alpha1.HostUplink)
		want   Cause
	}{
		"nobody else is there":         {nil, ""},
		"the status counts nodes":      {[]func(*v1alpha1.HostUplink){counts, counts, counts}, ""},
		"something else is declared":   {[]func(*v1alpha1.HostUplink){counts, func(u *v1alpha1.HostUplink) { u.Generation++ }}, Changed},
		"another revision is on trial": {[]func(*v1alpha1.HostUplink){func(u *v1alpha1.HostUplink) { u.Status.Revision = "other" }}, Changed},
		"somebody else asks for something": {[]func(*v1alpha1.HostUplink){func(u *v1alpha1.HostUplink) {
			u.Annotations = map[string]string{v1alpha1.RetryAnnotation: "node-a"}
		}}, Changed},
	} {
		t.Run(name, func(t *testing.T) {
			stored := &v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "workers", UID: "u", Generation: 2, ResourceVersion: "7"}}
			busy := &crowded{uplink: stored, others: c.others}
			cluster := &Cluster{client: busy}
			err := cluster.AnnotateUplink(t.Context(), stored.DeepCopy(), v1alpha1.RollbackAnnotation, "x", DryRunNone)
			if CauseOf(err) != c.want || (err == nil) != (c.want == "") {
				t.Fatalf("%v", err)
			}
			if set := busy.patched[v1alpha1.RollbackAnnotation] == "x"; set != (err == nil) {
				t.Errorf("set: %v", set)
			}
		})
	}
}
