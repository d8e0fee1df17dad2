package controllers

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func TestTheStatusTellsWhatSomeGuestsCannotFollow(t *testing.T) {
	routing := render.NIC{Network: render.Network{Path: "spec.networks[0]", SourceRouting: true,
		Addresses: []render.Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Gateway: netip.MustParseAddr("192.0.2.1")}}}}
	many := render.Network{Path: "spec.networks[0]"}
	for range mostNotices + 1 {
		many.Routes = append(many.Routes, render.Route{OnLink: true})
	}
	before := []v1alpha1.FieldNotice{{Field: "spec", Message: "as it was"}}
	cases := map[string]struct {
		objects *render.Objects
		done    bool
		want    int
		first   string
	}{
		"nothing new is delivered yet":            {nil, false, 1, "spec"},
		"the guest is configured by hand":         {&render.Objects{Delivered: []render.NIC{routing}}, true, 0, ""},
		"source routing is delivered":             {&render.Objects{Secret: &corev1.Secret{}, Delivered: []render.NIC{routing}}, true, 1, "spec.networks[0].ipConfig.sourceRouting"},
		"there is more to tell than a status has": {&render.Objects{Secret: &corev1.Secret{}, Delivered: []render.NIC{{Network: many}}}, true, mostNotices, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := &wukongScope{wukong: &v1alpha1.Wukong{}, before: &v1alpha1.Wukong{}, request: &render.Request{}, objects: c.objects}
			s.delivered.done, s.wukong.Status.GuestDependent = c.done, before
			conclude(s)
			got := s.wukong.Status.GuestDependent
			if len(got) != c.want || (c.first != "" && got[0].Field != c.first) {
				t.Errorf("want %d, first %s, got %v", c.want, c.first, got)
			}
		})
	}
}
