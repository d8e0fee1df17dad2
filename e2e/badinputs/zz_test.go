package badinputs_test

import "testing"

func TestZZ(t *testing.T) {
	s := onStage(t)
	o := object(t, "Wukong", badSpace, "nodeaddr", static("198.51.100.10/24"))
	if err := s.Admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return s.reports(o, "AddressConflict") })
}
