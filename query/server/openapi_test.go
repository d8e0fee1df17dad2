package server

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/query/answer"
	"novasphere.dev/wukong-network/query/hosts"
)

func description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryPathIsDescribedWithItsParametersAndEveryDescribedPathIsThere(t *testing.T) {
	described, served := map[string][]string{}, map[string][]string{"/healthz": {}, "/openapi.yaml": {}, "/openapi.json": {}}
	for path, item := range description(t).Paths.Map() {
		if methods := item.Operations(); len(methods) != 1 || methods[http.MethodGet] == nil {
			t.Errorf("%s: a question is a GET", path)
		}
		described[path] = []string{}
		for _, p := range item.Get.Parameters {
			described[path] = append(described[path], p.Value.In+" "+p.Value.Name)
		}
	}
	for _, r := range routes() {
		path := Base + r.path
		served[path] = []string{}
		for _, part := range strings.Split(r.path, "/") {
			if strings.HasPrefix(part, "{") {
				served[path] = append(served[path], "path "+strings.Trim(part, "{}"))
			}
		}
		for _, name := range r.parameters {
			served[path] = append(served[path], "query "+name)
		}
	}
	for _, all := range []map[string][]string{described, served} {
		for path := range all {
			slices.Sort(all[path])
		}
	}
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("(-served +described):\n%s", diff)
	}
}

func TestEveryFieldOfAnAnswerIsDescribedAndEveryDescribedFieldIsThere(t *testing.T) {
	schemas := description(t).Components.Schemas
	types := map[string]any{
		"AddressList": answer.List{}, "Page": answer.Page{}, "Lease": answer.Lease{}, "Holding": answer.Holding{}, "AddressOwners": answer.Owners{}, "Note": answer.Note{},
		"AddressHistory": answer.History{}, "PoolList": answer.PoolList{}, "PoolSummary": answer.PoolSummary{}, "AddressPoolReport": answer.PoolReport{},
		"Map": answer.Map{}, "MapRow": answer.MapRow{}, "NextAddresses": answer.NextAddresses{}, "SegmentList": answer.SegmentList{},
		"SegmentSummary": answer.SegmentSummary{}, "HostStatus": hosts.Status{}, "Condition": hosts.Condition{}, "NetworkStatus": hosts.NetworkStatus{},
		"UplinkStatus": hosts.UplinkStatus{}, "Standing": hosts.Standing{}, "Machine": hosts.Machine{},
	}
	for name, schema := range schemas {
		if _, known := types[name]; !known && name != "Status" && schema.Value.Type.Is("object") {
			t.Errorf("schema %s is of no answer", name)
		}
	}
	for name, value := range types {
		schema := schemas[name]
		if schema == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		all, required := fieldsOf(reflect.TypeOf(value))
		var described []string
		for property := range schema.Value.Properties {
			described = append(described, property)
		}
		slices.Sort(described)
		if diff := cmp.Diff(all, described); diff != "" {
			t.Errorf("%s: fields (-answer +described):\n%s", name, diff)
		}
		says := slices.Clone(schema.Value.Required)
		slices.Sort(says)
		if diff := cmp.Diff(required, says); diff != "" {
			t.Errorf("%s: fields that are always there (-answer +described):\n%s", name, diff)
		}
	}
}

// fieldsOf gives the fields of a type in JSON, and those that are always there.
func fieldsOf(t reflect.Type) (all, required []string) {
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if options == "inline" {
			all, required = append(all, "apiVersion", "kind"), append(required, "apiVersion", "kind")
			continue
		}
		all = append(all, name)
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}
