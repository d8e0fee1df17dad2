package render_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"novasphere.dev/wukong-network/render"
)

const hash = "abcdefghij"

func TestNamesFitWhereTheyAreUsed(t *testing.T) {
	uplink, network, wukong := strings.Repeat("u", 40), strings.Repeat("n", 40), strings.Repeat("w", 60)
	labels := map[string]string{
		"a policy":        render.PolicyName(uplink, hash),
		"an attachment":   render.NADName(network),
		"a machine":       render.VMName(wukong),
		"a Secret":        render.SecretName(wukong, hash),
		"a stable Secret": render.StableSecretName(strings.Repeat("w", 253)),
	}
	for what, name := range labels {
		t.Run(what, func(t *testing.T) {
			if problems := validation.IsValidLabelValue(name); len(problems) > 0 {
				t.Errorf("%q: %v", name, problems)
			}
			if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
				t.Errorf("%q: %v", name, problems)
			}
		})
	}
	for _, iface := range []string{"e", "eth1", "enp129s0f0np0", "abcdefghijklmno"} {
		for _, vlan := range []int{1, 100, 4094} {
			if name := render.VLANInterfaceName(iface, vlan); len(name) > render.MaxInterfaceName {
				t.Errorf("VLAN %d of %s is named %q, which the kernel refuses", vlan, iface, name)
			}
		}
	}
	for i := range 64 {
		if name := render.GuestInterfaceName(i); len(name) > render.MaxInterfaceName {
			t.Errorf("%q is too long", name)
		}
	}
}

func TestShortVLANNamesAreTheUsualOnes(t *testing.T) {
	if got := render.VLANInterfaceName("eth1", 100); got != "eth1.100" {
		t.Errorf("got %q", got)
	}
}

// TestNamesOfSecretsNeverCollide tries Wukong names that are made to collide: prefixes of each other, and names that already
// look like a Secret's.
func TestNamesOfSecretsNeverCollide(t *testing.T) {
	long := strings.Repeat("w", 70)
	wukongs := []string{"a", "a-net", "a-net-" + hash, "a-netx", long, long + "x", long[:60], "a-net-abcdefghik"}
	wukongs = append(wukongs, strings.TrimSuffix(render.SecretName(long, hash), "-netx-"+hash), strings.TrimSuffix(render.StableSecretName(long), "-netx"))
	seen := map[string]string{}
	for _, w := range wukongs {
		for _, h := range []string{hash, "abcdefghik"} {
			check(t, seen, render.SecretName(w, h), w+" "+h)
		}
		check(t, seen, render.StableSecretName(w), w+" stable")
	}
}

func check(t *testing.T, seen map[string]string, name, of string) {
	t.Helper()
	if other, found := seen[name]; found && other != of {
		t.Errorf("%q is the name of both %q and %q", name, other, of)
	}
	seen[name] = of
}

func TestMACAddressesAndUUIDsTellEverythingApart(t *testing.T) {
	macs, uuids := map[string]string{}, map[string]string{}
	parts := []string{"", "a", "b", "ab", "a/b", "-", "a-b"}
	for _, seed := range parts {
		for _, ns := range parts {
			for _, name := range parts {
				check(t, uuids, render.FirmwareUUID(seed, ns, name), fmt.Sprintf("%q %q %q", seed, ns, name))
				for _, network := range parts {
					mac := render.MAC(seed, ns, name, network)
					check(t, macs, mac, fmt.Sprintf("%q %q %q %q", seed, ns, name, network))
					if hw, err := net.ParseMAC(mac); err != nil || hw[0] != 2 || len(hw) != 6 {
						t.Fatalf("%q is not a locally administered unicast address", mac)
					}
				}
			}
		}
	}
}

// TestDerivedIdentitiesNeverChange pins them: a changed MAC or UUID would change running machines at their next start.
func TestDerivedIdentitiesNeverChange(t *testing.T) {
	if got := render.MAC("", "team-a", "web", "lan"); got != "02:23:d9:2f:d8:0a" {
		t.Errorf("MAC changed to %s", got)
	}
	if got := render.FirmwareUUID("", "team-a", "web"); got != "a940ef56-7047-5ade-a05e-b03c13aebb6d" {
		t.Errorf("UUID changed to %s", got)
	}
}
