package guests

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

func TestDocumentsSayWhatToKnowAboutThem(t *testing.T) {
	edit := func(f *Facts, old, new string) {
		secret := f.Secrets[f.DeliveredSecret()]
		secret.Data[render.NetworkDataKey] = []byte(strings.Replace(string(secret.Data[render.NetworkDataKey]), old, new, 1))
	}
	tests := map[string]struct {
		before func(*Facts)
		after  func(*Facts)
		origin Origin
		says   []string
	}{
		"nothing where what was delivered is what is rendered": {origin: Delivered},
		"what may not be read is rendered": {
			after: func(f *Facts) { f.Secrets = nil }, origin: Rendered},
		"another version rendered it differently": {
			after: func(f *Facts) { edit(f, "accept-ra: false", "accept-ra: true") }, origin: Delivered,
			says: []string{`another version of the controller rendered it, and the guest keeps it until the request changes; this one would render it differently: line 3 has "accept-ra: true", and "accept-ra: false" would be there`}},
		"something else is asked for by now": {
			after: func(f *Facts) {
				f.Wukong.Spec.Networks[0].IPConfig.DNSServers = []v1alpha1.Address{"192.0.2.53"}
			},
			origin: Delivered,
			says:   []string{`the Wukong asks for something else by now, which is not delivered yet: the controller has not looked at the Wukong yet: line 11 has "routes:", and "nameservers:" would be there`}},
		"an address is asked for that is not leased": {
			after: func(f *Facts) {
				other := v1alpha1.CIDR("2001:db8::11/64")
				f.Wukong.Spec.Networks[0].IPConfig.AdditionalAddresses[0].Address = &other
			},
			origin: Delivered,
			says:   []string{"what would be rendered now is not known: spec.networks[0].ipConfig.additionalAddresses[0].address has no address yet: the controller has not looked at the Wukong yet"}},
		"the pool may not be read": {
			after: func(f *Facts) { f.Pools = nil }, origin: Delivered,
			says: []string{`what would be rendered now is not known: AddressPool "lab" is not known here, and gateway, DNS servers, search domains and routes may come from it`}},
		"the Secret is gone": {
			after: func(f *Facts) { f.AddSecret(f.DeliveredSecret(), nil) }, origin: Rendered,
			says: []string{"does not exist, and a machine that refers to it does not start: this is what is rendered now"}},
		"the running guest has an older one": {
			after: func(f *Facts) {
				start(f, "web-net-older")
				f.Wukong.Status.PendingRestart = []string{"network lan: MTU none -> 1400"}
			},
			origin: Delivered,
			says:   []string{"the running guest was started with Secret web-net-older: it gets this at the next restart of the machine", "waits for a restart: network lan: MTU none -> 1400"}},
		"KubeVirt adds keys": {
			before: func(f *Facts) { f.Wukong.Spec.SSHKeySecret = "ops-keys" }, origin: Delivered,
			says: []string{"KubeVirt adds the SSH keys of Secret ops-keys"}},
		"somebody's hand was in the Secret of somebody else's machine": {
			before: foreign, after: func(f *Facts) { edit(f, "192.0.2.10", "192.0.2.9") }, origin: Delivered,
			says: []string{"the Secret has something else than is rendered now, by another version of the controller or by somebody's hand: line 5"}},
		"somebody else's machine refers to no Secret": {
			before: foreign, after: func(f *Facts) { start(f, "") }, origin: Delivered,
			says: []string{"the running machine refers to no Secret with network data, so its guest is not told any: add a cloudInitNoCloud volume with networkDataSecretRef web-net"}},
		"nothing is delivered by hand": {
			before: func(f *Facts) { f.Wukong.Spec.GuestConfig = v1alpha1.GuestConfigManual }, origin: Rendered,
			says: []string{"nothing is delivered (guestConfig: Manual): write this into the guest by hand"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var before []func(*Facts)
			if tc.before != nil {
				before = append(before, tc.before)
			}
			f := scene(t, before...)
			if tc.after != nil {
				tc.after(&f)
			}
			got, err := f.Documents()
			if err != nil {
				t.Fatal(err)
			}
			if got.Origin != tc.origin || got.NetworkData == "" || !strings.HasPrefix(got.Netplan, "network:\n") {
				t.Errorf("%s: %+v", got.Origin, got)
			}
			if len(got.Notes) != len(tc.says) {
				t.Fatalf("notes %q, want %q", got.Notes, tc.says)
			}
			for i, want := range tc.says {
				if !strings.Contains(got.Notes[i], want) {
					t.Errorf("note %q, want %q", got.Notes[i], want)
				}
			}
		})
	}
}

func TestWithoutTheMACAddressOfSomebodyElsesMachineThereIsNoDocument(t *testing.T) {
	f := scene(t, foreign)
	f.Secrets, f.Wukong.Status.Networks[0].MACAddress = nil, ""
	if got, err := f.Documents(); err == nil || !strings.Contains(err.Error(), "the MAC address that VirtualMachine erp has there is not known") {
		t.Errorf("got %+v, %v: a MAC address that nobody has must not be shown", got, err)
	}
}

func TestWithoutSecretAndPoolThereIsNoDocument(t *testing.T) {
	f := scene(t)
	f.Secrets, f.Pools = nil, nil
	if got, err := f.Documents(); err == nil || !strings.Contains(err.Error(), `AddressPool "lab" is not known here`) {
		t.Errorf("got %+v, %v: what a pool adds must not be left out silently", got, err)
	}
}

// The document that the status stands for has the name and the text of the one that was rendered from whole choices.
func TestTheStatusIsEnoughToRenderWhatTheControllerRenders(t *testing.T) {
	f := scene(t)
	now, err := f.render()
	if err != nil {
		t.Fatal(err)
	}
	whole := render.Choice{HostNetwork: "lab", UID: "u-1", Type: v1alpha1.NetworkBridge, Bridge: "br-lab", NADName: "wukong-lab", CNIType: "bridge", MTU: 1500}
	whole.Segment.Fabric = "lab"
	objects, err := render.Wukong(now.request, []render.Choice{whole}, render.Options{ClusterName: "other"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := render.NetworkData(now.nics)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(objects.Secret.StringData[render.NetworkDataKey], text); diff != "" || objects.Secret.Name != now.secret {
		t.Errorf("Secret %s, by the status %s; text (-whole +status):\n%s", objects.Secret.Name, now.secret, diff)
	}
}
