package v1alpha1_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

// who refuses a text.
type who int

const (
	nobody who = iota
	// goOnly: the text is an address to CEL and can never be one of a machine; it becomes a condition. The schema leaves it to
	// Go, which says what is wrong and what to write instead.
	goOnly
	both
)

// texts of one field, and who refuses them. There is no case that the schema alone refuses: the command line checks manifests
// by the same Go code that the controller has, and must not promise what an API server refuses.
var parity = []struct {
	field string
	// make gives a Wukong's spec around the text.
	spec  func(text string) map[string]any
	texts map[string]who
}{
	{"address", func(text string) map[string]any { return ipConfig("address", text) }, map[string]who{
		"192.0.2.10/24": nobody, "10.0.0.0/31": nobody, "10.0.0.1/31": nobody, "10.0.0.5/32": nobody, "2001:db8::5/64": nobody,
		"2001:DB8::5/64": nobody, "2001:db8:0:0::5/64": nobody, "2001:db8::1/127": nobody, "2001:db8::/127": nobody, "2001:db8::/128": nobody, "2001:db8::5/128": nobody, "10.0.0.1/1": nobody,
		// No spelling of an address with a prefix length.
		"10.0.0.5": both, "10.0.0.5/": both, "/24": both, "10.0.0.5/33": both, "2001:db8::5/129": both, "10.0.0.5/-1": both, "10.0.0.5/+8": both,
		"10.0.0.5/024": both, "10.0.0.5/ 24": both, " 10.0.0.5/24": both, "10.0.0.5/24 ": both, "10.0.0.5/24\n": both, "010.0.0.5/24": both,
		"10.0.0.05/24": both, "0x0a.0.0.5/24": both, "10.0.5/24": both, "167772165/24": both, "10.0.0.256/24": both, "10.0.0.5/255.255.255.0": both,
		"2001:db8:::5/64": both, "2001:db8::5::1/64": both, "12345::1/64": both, "fe80::1%eth0/64": both, "::ffff:10.0.0.5/120": both,
		"2001:db8::10.0.0.5/64": nobody, "[2001:db8::5]/64": both, "１０.0.0.5/24": both, "10.0.0.5\u200b/24": both, "10.0.0.5/24\u202e": both,
		"10.0.0.5/24,10.0.0.6/24": both, "10.0.0.5-10.0.0.9": both, "dhcp": both, "${ip}/24": both, strings.Repeat("1", 200): both, "\x00": both,
		"10.0.0.5/24\n      routes:\n        - to: 0.0.0.0/0": both,
		// Addresses of no machine.
		"10.0.0.0/24": goOnly, "10.0.0.255/24": goOnly, "2001:db8::/64": goOnly, "10.0.0.5/0": goOnly, "2001:db8::5/0": goOnly, "0.0.0.0/0": goOnly,
		"127.0.0.1/8": goOnly, "::1/128": goOnly, "169.254.1.1/16": goOnly, "fe80::1/64": goOnly, "224.0.0.1/4": goOnly, "ff02::1/64": goOnly,
		"255.255.255.255/32": goOnly, "0.0.0.1/8": goOnly, "240.0.0.1/4": goOnly, "::/64": goOnly, "::5/64": goOnly,
	}},
	{"gateway", func(text string) map[string]any {
		c := ipConfig("address", "192.0.2.10/24")
		c["gateway"] = text
		return c
	}, map[string]who{
		"192.0.2.1": nobody, "": nobody,
		"192.0.2.1/24": both, "192.0.2.01": both, "router": both, "192.0.2.1\n": both, "192.0.2.1 ": both, "::ffff:192.0.2.1": both, "fe80::1%eth0": both,
		"2001:db8::1": goOnly, "198.51.100.1": goOnly, "192.0.2.10": goOnly, "192.0.2.0": goOnly, "192.0.2.255": goOnly, "0.0.0.0": goOnly, "224.0.0.1": goOnly,
	}},
	{"dnsServers", func(text string) map[string]any {
		return map[string]any{"mode": "dhcp", "dnsServers": []any{text}}
	}, map[string]who{
		"8.8.8.8": nobody, "2001:4860:4860::8888": nobody, "127.0.0.53": nobody, "fe80::53": nobody, "": nobody,
		"8.8.8.8]\n, x: {y": both, "*alias": both, "&a x": both, "!!python/object": both, "---": both, "8.8.8.8:53": both, "dns.example": both,
		"8.8.8.8/32": both, "fe80::53%eth0": both, "8.8.8": both,
		"0.0.0.0": goOnly, "::": goOnly, "255.255.255.255": goOnly, "224.0.0.251": goOnly, "ff02::fb": goOnly,
	}},
	{"searchDomains", func(text string) map[string]any {
		return map[string]any{"mode": "dhcp", "searchDomains": []any{text}}
	}, map[string]who{
		"example.com": nobody, "EXAMPLE.com": nobody, "a": nobody, "xn--bcher-kva.example": nobody,
		"": both, "example.com.": both, ".": both, "a b": both, "a\nb": both, "-a": both, "a..b": both, "a_b": both, "bücher.example": both,
		strings.Repeat("a.", 130) + "a": both,
		// The length of one label is beyond what a readable pattern says.
		strings.Repeat("a", 64): goOnly,
	}},
	{"to", func(text string) map[string]any {
		c := ipConfig("address", "192.0.2.10/24")
		c["routes"] = []any{map[string]any{"to": text, "via": "192.0.2.1"}}
		return c
	}, map[string]who{
		"10.0.0.0/8": nobody, "0.0.0.0/0": nobody, "10.0.0.1/32": nobody,
		"": both, "default": both, "10.0.0.1/8": both, "10.0.0.0": both, "::ffff:10.0.0.0/104": both, "10.0.0.0/08": both,
	}},
	{"via", func(text string) map[string]any {
		c := ipConfig("address", "192.0.2.10/24")
		c["routes"] = []any{map[string]any{"to": "10.0.0.0/8", "via": text}}
		return c
	}, map[string]who{
		"192.0.2.1": nobody,
		"":          both, "192.0.2.1/24": both, "x": both,
		"198.51.100.1": goOnly, "192.0.2.10": goOnly, "2001:db8::1": goOnly,
	}},
}

func ipConfig(field, text string) map[string]any {
	return map[string]any{"mode": "static", field: text}
}

func TestWhatTheSchemaRefusesGoRefusesToo(t *testing.T) {
	c := admin(t)
	for _, p := range parity {
		for text, want := range p.texts {
			t.Run(p.field+" "+text, func(t *testing.T) {
				o := objectOf(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, metadata: {name: parity, namespace: default}}`)
				o.Object["spec"] = map[string]any{"networks": []any{map[string]any{"name": "lan", "ipConfig": p.spec(text)}}}
				_, schemaErr := dryRun(t, c, o)
				problems := parse(t, o)
				if got := schemaErr != nil; got != (want == both) {
					t.Errorf("the schema refuses it: %t, want %t (%v)", got, want == both, schemaErr)
				}
				if got := len(problems) > 0; got != (want != nobody) {
					t.Errorf("Go refuses it: %t, want %t (%s)", got, want != nobody, problems)
				}
				for _, problem := range problems {
					if !strings.Contains(problem, "spec.networks[0].ipConfig."+path(p.field)) {
						t.Errorf("the message of Go has another path: %s", problem)
					}
				}
				if schemaErr != nil && !strings.Contains(schemaErr.Error(), p.field) {
					t.Errorf("the message of the schema does not name the field: %v", schemaErr)
				}
			})
		}
	}
}

// path is where in ipConfig a field is.
func path(field string) string {
	switch field {
	case "to", "via":
		return "routes[0]." + field
	case "dnsServers", "searchDomains":
		return field + "[0]"
	}
	return field
}

func parse(t *testing.T, o *unstructured.Unstructured) []string {
	t.Helper()
	w := &v1alpha1.Wukong{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, w); err != nil {
		t.Fatal(err)
	}
	var out []string
	_, errs := render.ParseWukong(w)
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}
