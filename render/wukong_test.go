package render_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

var lanChoice = render.Choice{HostNetwork: "lan", Bridge: "br-lan", NADName: "wukong-lan", CNIType: "bridge", Segment: ipam.Segment{Fabric: "lab"}}

// objects renders a Wukong all of whose networks lead to lanChoice.
func objects(t *testing.T, w *v1alpha1.Wukong, opts render.Options) render.Objects {
	t.Helper()
	request, errs := render.ParseWukong(w)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var choices []render.Choice
	for range request.Networks {
		choices = append(choices, lanChoice)
	}
	out, err := render.Wukong(request, choices, opts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// full is a Wukong that uses every field that a hash covers.
func full(w *v1alpha1.Wukong) {
	both(disk(v1alpha1.Disk{Name: "root", Size: "10Gi", StorageClassName: "fast", Boot: true, Image: "docker://x/y:1"}), func(w *v1alpha1.Wukong) {
		w.Spec.CPU, w.Spec.Memory, w.Spec.SSHKeySecret = 2, "2Gi", "keys"
		w.Spec.CloudInitUser = &v1alpha1.CloudInitUser{Name: "ops", PasswordHash: "$6$x"}
	}, route(v1alpha1.Route{To: "10.0.0.0/8", Via: "192.0.2.2"}))(w)
}

// TestHashesOfRequestsNeverChange pins them. A changed guest hash is another Secret, and so a restart of every machine that
// exists; a changed request hash has every machine written again. Fields are added with omitempty.
func TestHashesOfRequestsNeverChange(t *testing.T) {
	cases := map[string]struct {
		change          func(*v1alpha1.Wukong)
		request, secret string
	}{
		"the simplest request":   {nil, "o2hmbvasz4", "web-net-cpslpkgnya"},
		"a request with the lot": {full, "hvd6deihvg", "web-net-cekgje4vme"},
		"source routing":         {ip(sourceRouting), "pn5y7d2o7e", "web-net-4re2p5piof"},
		"DHCP":                   {network(func(n *v1alpha1.WukongNetwork) { n.IPConfig = nil }), "zuknft2u6d", "web-net-mjx7yiapb6"},
		"both families, several networks": {both(also("2001:db8::10/64", "fe80::1"), servers("192.0.2.53"), search("example.com"), more(v1alpha1.WukongNetwork{Name: "default"}),
			more(static("b", "198.51.100.10/24", "198.51.100.1")), network(func(n *v1alpha1.WukongNetwork) { n.MTU, n.Primary = number(1400), true })), "y22k3qh6us", "web-net-dekeodg6vg"},
		"somebody else's machine": {func(w *v1alpha1.Wukong) { w.Spec.VirtualMachineName = "db" }, "df6seedz36", "web-net"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out := objects(t, wukong(c.change), render.Options{})
			if out.RequestHash != c.request || out.Secret.Name != c.secret {
				t.Errorf("hashes changed: request %s, Secret %s", out.RequestHash, out.Secret.Name)
			}
		})
	}
}

func TestHashesFollowWhatIsDelivered(t *testing.T) {
	cases := map[string]struct {
		change                 func(*v1alpha1.Wukong)
		sameRequest, sameGuest bool
	}{
		"nothing":        {nil, true, true},
		"an address":     {address("192.0.2.11/24"), false, false},
		"source routing": {ip(sourceRouting), false, false},
		"a gateway":      {gateway("192.0.2.3"), false, false},
		"an MTU":         {network(func(n *v1alpha1.WukongNetwork) { n.MTU = number(1400) }), false, false},
		"a metric":       {ip(func(c *v1alpha1.IPConfig) { c.Routes[0].Metric = number(0) }), false, false},
		"a password":     {func(w *v1alpha1.Wukong) { w.Spec.CloudInitUser.PasswordHash = "$6$y" }, false, false},
		"a CPU":          {func(w *v1alpha1.Wukong) { w.Spec.CPU = 3 }, false, true},
		"a disk":         {disk(v1alpha1.Disk{Name: "d", Size: "1Gi"}), false, true},
		"a start":        {func(w *v1alpha1.Wukong) { w.Spec.StartStrategy = &v1alpha1.StartStrategy{RunStrategy: "Manual"} }, false, true},
		"a node selector": {func(w *v1alpha1.Wukong) {
			w.Spec.HighAvailability = &v1alpha1.HighAvailability{NodeSelector: map[string]string{"a": "b"}}
		}, false, true},
		"a size's spelling":  {func(w *v1alpha1.Wukong) { w.Spec.Memory = "2048Mi" }, true, true},
		"a way of selecting": {network(func(n *v1alpha1.WukongNetwork) { n.HostNetwork = "lan" }), true, true},
		"a reservation":      {ip(func(c *v1alpha1.IPConfig) { c.Reserved = true }), true, true},
	}
	before := objects(t, wukong(full), render.Options{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*v1alpha1.Wukong) {}
			}
			after := objects(t, wukong(both(full, change)), render.Options{})
			if same := after.RequestHash == before.RequestHash; same != c.sameRequest {
				t.Errorf("same request: %v", same)
			}
			if same := after.Secret.Name == before.Secret.Name; same != c.sameGuest {
				t.Errorf("same Secret: %v", same)
			}
			if same := cmp.Diff(before.Secret.StringData, after.Secret.StringData) == ""; same != c.sameGuest {
				t.Errorf("a Secret of another content has the same name, or the other way round: same content %v", same)
			}
		})
	}
}

func TestNothingIsDeliveredBeforeEveryNetworkIsKnown(t *testing.T) {
	request, errs := render.ParseWukong(wukong(nil))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for name, choices := range map[string][]render.Choice{"no choices": nil, "a network without one": {{}}} {
		if _, err := render.Wukong(request, choices, render.Options{}); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
	fromPool, errs := render.ParseWukong(wukong(ip(func(c *v1alpha1.IPConfig) { c.Address, c.Gateway, c.IPPool = nil, nil, "web" })))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	const want = `spec.networks[0].ipConfig.ipPool: no address was taken from AddressPool "web" yet`
	if _, err := render.Wukong(fromPool, []render.Choice{{HostNetwork: "lab"}}, render.Options{}); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("an address that is not taken yet: %v", err)
	}
	nics := []render.NIC{{Network: fromPool.Networks[0]}}
	for name, delivered := range map[string]func([]render.NIC) (string, error){"network data": render.NetworkData, "netplan": render.Netplan} {
		if text, err := delivered(nics); err == nil || err.Error() != want || text != "" {
			t.Errorf("%s of an address that is not taken yet: %q, %v", name, text, err)
		}
	}
}

func TestOwnershipFollowsTheUID(t *testing.T) {
	out := objects(t, wukong(both(full, func(w *v1alpha1.Wukong) { w.UID = "uid-1" })), render.Options{})
	for _, refs := range [][]string{{out.Secret.Name, string(out.Secret.OwnerReferences[0].UID)}, {out.VirtualMachine.Name, string(out.VirtualMachine.OwnerReferences[0].UID)}} {
		if refs[1] != "uid-1" {
			t.Errorf("%s is owned by %s", refs[0], refs[1])
		}
	}
	if len(out.NADs[0].OwnerReferences) != 0 {
		t.Error("an attachment serves a namespace and is owned by no Wukong")
	}
	if !*out.Secret.Immutable {
		t.Error("a Secret named by its content is immutable")
	}
}

func TestSomebodyElsesMachineKeepsItsMACAddresses(t *testing.T) {
	foreign := func(w *v1alpha1.Wukong) { w.Spec.VirtualMachineName = "db" }
	opts := render.Options{MACs: map[string]string{"lan": "52:54:00:AA:BB:CC"}}
	out := objects(t, wukong(foreign), opts)
	if out.VirtualMachine != nil || out.Secret.Immutable != nil || out.Secret.Name != "web-net" {
		t.Errorf("it gets a Secret of a stable name and nothing else: %v, %v", out.VirtualMachine, out.Secret)
	}
	if got := out.Delivered[0].Address; got != "52:54:00:aa:bb:cc" {
		t.Errorf("MAC %s", got)
	}
	if got := objects(t, wukong(nil), opts).Delivered[0].Address; got == "52:54:00:aa:bb:cc" {
		t.Error("a machine of ours takes nobody else's MAC address")
	}
}

func TestClustersThatShareAFabricHaveOtherMACAddresses(t *testing.T) {
	a, b := objects(t, wukong(nil), render.Options{ClusterName: "a"}), objects(t, wukong(nil), render.Options{ClusterName: "b"})
	if a.Delivered[0].Address == b.Delivered[0].Address {
		t.Error("the same MAC address in two clusters")
	}
}

// TestMetrics states when default routes are ranked. The judge behind TestNetplanAcceptsEveryRenderedDocument warns where
// they are not.
func TestMetrics(t *testing.T) {
	dhcp := v1alpha1.WukongNetwork{Name: "d"}
	v4 := func(name string) v1alpha1.WukongNetwork {
		return static(name, v1alpha1.CIDR("192.0.2.1"+name+"/24"), "192.0.2.1")
	}
	v6 := func(name string) v1alpha1.WukongNetwork {
		return static(name, v1alpha1.CIDR("2001:db8::1"+name+"/64"), "2001:db8::1")
	}
	primary := func(n v1alpha1.WukongNetwork) v1alpha1.WukongNetwork { n.Primary = true; return n }
	cases := map[string]struct {
		networks []v1alpha1.WukongNetwork
		want     []render.Metrics
	}{
		"one default needs no metric":                    {[]v1alpha1.WukongNetwork{v4("1")}, []render.Metrics{{}}},
		"one default of each family needs none":          {[]v1alpha1.WukongNetwork{v4("1"), v6("2")}, []render.Metrics{{}, {}}},
		"two are ranked in order":                        {[]v1alpha1.WukongNetwork{v4("1"), v4("2")}, []render.Metrics{{IPv4: 100}, {IPv4: 200}}},
		"a primary network comes first":                  {[]v1alpha1.WukongNetwork{v4("1"), primary(v4("2"))}, []render.Metrics{{IPv4: 200}, {IPv4: 100}}},
		"DHCP may bring a default":                       {[]v1alpha1.WukongNetwork{dhcp, v4("1"), v6("2")}, []render.Metrics{{IPv4: 100}, {IPv4: 200}, {}}},
		"two of IPv6 are ranked too":                     {[]v1alpha1.WukongNetwork{v6("1"), v6("2")}, []render.Metrics{{IPv6: 100}, {IPv6: 200}}},
		"an interface without a default is not ranked":   {[]v1alpha1.WukongNetwork{v4("1"), static("x", "10.0.0.1/8", ""), v4("2")}, []render.Metrics{{IPv4: 100}, {}, {IPv4: 200}}},
		"the pod network has a default like any by DHCP": {[]v1alpha1.WukongNetwork{{Name: "default"}, v4("1")}, []render.Metrics{{IPv4: 100}, {IPv4: 200}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []render.Metrics
			for _, n := range objects(t, wukong(func(w *v1alpha1.Wukong) { w.Spec.Networks = c.networks }), render.Options{}).Delivered {
				got = append(got, n.Metrics)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUserDataSurvivesAnyText(t *testing.T) {
	evil := "x: [y]\n- {z}\r\t#'\"\\ &a *b !!c %d |e >f \u202e \x00"
	text, err := render.UserData(&render.User{Name: evil, Password: evil, Sudo: evil, Shell: evil, Groups: []string{evil}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Errorf("cloud-init does not know it: %.40s", text)
	}
	var back struct {
		User struct {
			Name, Sudo, Shell string
			Password          string `json:"plain_text_passwd"`
			Groups            []string
		}
		Updates struct{ Network struct{ When []string } }
	}
	parse(t, text, &back)
	got := append([]string{back.User.Name, back.User.Sudo, back.User.Shell, back.User.Password}, back.User.Groups...)
	if diff := cmp.Diff([]string{evil, evil, evil, evil, evil}, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"boot"}, back.Updates.Network.When); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
}

func TestPasswordsAreLockedUnlessThereIsOne(t *testing.T) {
	no, yes := false, true
	cases := map[string]struct {
		user render.User
		want string
	}{
		"no password":                 {render.User{Name: "a"}, "lock_passwd: true"},
		"a password":                  {render.User{Name: "a", Password: "p"}, "lock_passwd: false"},
		"a hash":                      {render.User{Name: "a", PasswordHash: "p"}, "lock_passwd: false"},
		"a password, and locked":      {render.User{Name: "a", Password: "p", LockPassword: &yes}, "lock_passwd: true"},
		"no password, and not locked": {render.User{Name: "a", LockPassword: &no}, "lock_passwd: false"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text, err := render.UserData(&c.user)
			if err != nil || !strings.Contains(text, c.want) {
				t.Errorf("want %s, got %v:\n%s", c.want, err, text)
			}
			if strings.Contains(text, "ssh_pwauth: true") == strings.Contains(text, "lock_passwd: true") {
				t.Errorf("passwords by SSH and the lock contradict each other:\n%s", text)
			}
		})
	}
}

func TestTwoInterfacesNeverHaveOneMACAddress(t *testing.T) {
	derived := v1alpha1.MACAddress(render.MAC("", "team-a", "web", "b"))
	request, errs := render.ParseWukong(wukong(both(network(func(n *v1alpha1.WukongNetwork) { n.MACAddress = &derived }), more(v1alpha1.WukongNetwork{Name: "b"}))))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	_, err := render.Wukong(request, []render.Choice{lanChoice, lanChoice}, render.Options{})
	if !errors.Is(err, render.ErrSameMAC) || !strings.HasPrefix(err.Error(), "spec.networks[0] and spec.networks[1]: ") {
		t.Errorf("want both networks named, got %v", err)
	}
}
