package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/render"
)

func testNode(labels, annotations map[string]string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-a", UID: "uid", ResourceVersion: "7", Labels: labels, Annotations: annotations}}
}

func TestNodeEditCarriesOnlyWhatDiffers(t *testing.T) {
	since := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for name, test := range map[string]struct {
		labels, annotations map[string]string
		after               render.Marks
		want                string
	}{
		"nothing is written where the marks are right": {
			labels:      map[string]string{"uplink.vm.novasphere.dev/up": "r1"},
			annotations: map[string]string{"applied.uplink.vm.novasphere.dev/up": "r1"},
			after:       render.Marks{Revision: "r1", Applied: "r1"},
		},
		"a move writes the label and drops the proof in one patch": {
			labels:      map[string]string{"uplink.vm.novasphere.dev/up": "r1", "other": "x"},
			annotations: map[string]string{"applied.uplink.vm.novasphere.dev/up": "r1"},
			after:       render.Marks{Revision: "r2", Since: since},
			want: `{"metadata":{"annotations":{"applied.uplink.vm.novasphere.dev/up":null,"since.uplink.vm.novasphere.dev/up":"2026-05-04T03:02:01Z"},` +
				`"labels":{"uplink.vm.novasphere.dev/up":"r2"},"resourceVersion":"7","uid":"uid"}}`,
		},
		"an empty annotation is removed, because nothing is not the same as empty": {
			annotations: map[string]string{"renew.uplink.vm.novasphere.dev/up": ""},
			want:        `{"metadata":{"annotations":{"renew.uplink.vm.novasphere.dev/up":null},"resourceVersion":"7","uid":"uid"}}`,
		},
		"another uplink's marks are left alone": {
			labels: map[string]string{"uplink.vm.novasphere.dev/other": "r9"},
			after:  render.Marks{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var edit nodeEdit
			edit.mark("up", test.after)
			if diff := cmp.Diff(test.want, string(edit.difference(testNode(test.labels, test.annotations)))); diff != "" {
				t.Errorf("patch (-want +got):\n%s", diff)
			}
		})
	}
}
