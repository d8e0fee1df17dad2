package policies

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/render"
)

func hostNetwork(name string, allowed *v1alpha1.AllowedNamespaces, change ...func(*v1alpha1.HostNetwork)) v1alpha1.HostNetwork {
	n := v1alpha1.HostNetwork{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.HostNetworkSpec{PhysicalNetwork: "gate", Type: v1alpha1.NetworkBridge, AllowedNamespaces: allowed}}
	for _, c := range change {
		c(&n)
	}
	return n
}

func vlan(id v1alpha1.VLANID) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.Spec.VLAN = &id }
}

func called(bridges ...string) func(*v1alpha1.HostNetwork) {
	return func(n *v1alpha1.HostNetwork) { n.Spec.Aliases = &v1alpha1.Aliases{BridgeNames: bridges} }
}

func shares(n *v1alpha1.HostNetwork) {
	n.Labels = map[string]string{v1alpha1.SharedAliasesLabel: ""}
}

func named(namespaces ...string) *v1alpha1.AllowedNamespaces {
	return &v1alpha1.AllowedNamespaces{Names: namespaces}
}

func wukong(namespace string, networks ...v1alpha1.WukongNetwork) *v1alpha1.Wukong {
	return &v1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}, Spec: v1alpha1.WukongSpec{Networks: networks}}
}

const gate = "tenant-networks"

// known waits until the API server holds Wukongs against each HostNetwork, by a namespace that none is open to.
func known(t *testing.T, w *world.World, networks []v1alpha1.HostNetwork) {
	t.Helper()
	outsider := namespaceWith(t, w, nil)
	for i := range networks {
		eventually(t, func() error {
			return refused(try(t, w.Admin, wukong(outsider, v1alpha1.WukongNetwork{Name: "lan", HostNetwork: networks[i].Name})), gate)
		})
	}
}

func TestTheGateOfAdmissionAndTheOneOfTheControllerAgree(t *testing.T) {
	w := theWorld(t)
	friend, stranger := namespaceWith(t, w, nil), namespaceWith(t, w, nil)
	networks := []v1alpha1.HostNetwork{
		hostNetwork("gate-open", named(friend), vlan(10)),
		hostNetwork("gate-closed", nil, vlan(11)),
		hostNetwork("gate-named", named("somebody", stranger), vlan(12), func(n *v1alpha1.HostNetwork) { n.Spec.Bridge = &v1alpha1.Bridge{Name: "br-own"} }),
		hostNetwork("gate-alias", named(stranger), vlan(13), called("br0", "br-elsewhere")),
		hostNetwork("gate-a", named(friend), vlan(14), called("shared"), shares),
		hostNetwork("gate-b", named(stranger), vlan(15), called("shared"), shares),
	}
	for i := range networks {
		store(t, w, &networks[i])
	}
	known(t, w, networks)
	uplink := v1alpha1.HostUplink{ObjectMeta: metav1.ObjectMeta{Name: "gate"}, Spec: v1alpha1.HostUplinkSpec{PhysicalNetwork: "gate", Interface: "eth1"}}
	catalog := render.NewCatalog([]v1alpha1.HostUplink{uplink}, networks)
	type network = v1alpha1.WukongNetwork
	vid := func(id int32) *int32 { return &id }
	cases := map[string]struct {
		network network
		// want is the HostNetwork, or the reason of the refusal.
		want string
		// left says that only the controller can see it.
		left bool
	}{
		"an open network by name":                            {network: network{HostNetwork: "gate-open"}, want: "gate-open"},
		"a closed network by name":                           {network: network{HostNetwork: "gate-closed"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"a network of others by name":                        {network: network{HostNetwork: "gate-named"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"an open network by its bridge":                      {network: network{BridgeName: "br-gate-open"}, want: "gate-open"},
		"a closed network by its bridge":                     {network: network{BridgeName: "br-gate-closed"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"a network of others by the bridge it was given":     {network: network{BridgeName: "br-own"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"a network of others by an alias":                    {network: network{BridgeName: "br0"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"a network of others by an alias and its VLAN":       {network: network{BridgeName: "br0", VLANID: vid(13)}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"an alias with another VLAN selects nothing":         {network: network{BridgeName: "br0", VLANID: vid(10)}, want: v1alpha1.ReasonHostNetworkAmbiguous},
		"an alias that an open and a closed network share":   {network: network{BridgeName: "shared"}, want: "gate-a"},
		"a shared alias with the name of the closed network": {network: network{BridgeName: "shared", HostNetwork: "gate-b"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"a shared alias with the VLAN of the closed network": {network: network{BridgeName: "shared", VLANID: vid(15)}, want: v1alpha1.ReasonHostNetworkNotAllowed, left: true},
		"an open network by the attachment":                  {network: network{NADName: "wukong-gate-open"}, want: "gate-open"},
		"a closed network by the attachment":                 {network: network{NADName: "wukong-gate-closed"}, want: v1alpha1.ReasonHostNetworkNotAllowed},
		"a closed network by VLAN alone":                     {network: network{VLANID: vid(11)}, want: v1alpha1.ReasonHostNetworkNotAllowed, left: true},
		"a closed network by VLAN and interface":             {network: network{VLANID: vid(11), PhysicalInterface: "eth1"}, want: v1alpha1.ReasonHostNetworkNotAllowed, left: true},
		"an open network and its VLAN":                       {network: network{HostNetwork: "gate-open", VLANID: vid(10)}, want: "gate-open"},
		"a network that does not exist":                      {network: network{HostNetwork: "gate-nowhere"}, want: v1alpha1.ReasonHostNetworkNotFound},
		"a bridge that does not exist":                       {network: network{BridgeName: "br-nowhere"}, want: v1alpha1.ReasonHostNetworkNotFound},
		"a name in capitals is another name":                 {network: network{HostNetwork: "GATE-CLOSED"}, want: v1alpha1.ReasonHostNetworkNotFound},
		"a name with a space is another name":                {network: network{HostNetwork: "gate-closed "}, want: v1alpha1.ReasonHostNetworkNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.network.Name = "lan"
			err := try(t, w.Admin, wukong(friend, tc.network))
			request, errs := render.ParseWukong(wukong(friend, tc.network))
			if request == nil {
				t.Fatal(errs)
			}
			choice, refusal := catalog.Resolve(render.Selection{Namespace: render.NamespaceInfo{Name: friend}, Wukong: "web", Network: request.Networks[0]})
			got := choice.HostNetwork
			if refusal != nil {
				got = refusal.Reason
			}
			if got != tc.want {
				t.Errorf("the controller decides %s, want %s: %v", got, tc.want, refusal)
			}
			if closed := tc.want == v1alpha1.ReasonHostNetworkNotAllowed && !tc.left; !closed && err != nil {
				t.Errorf("admission refuses it: %v", err)
			} else if closed {
				if err := refused(err, gate, "network lan", friend); err != nil {
					t.Error(err)
				}
				for _, other := range []string{"somebody", stranger} {
					if strings.Contains(fmt.Sprint(err), other) {
						t.Errorf("the message names another namespace: %v", err)
					}
				}
			}
		})
	}
}

// TestTheGateOfAdmissionReadsSelectorsAsTheControllerDoes holds many selectors, also ones that cannot be read, against
// namespaces with various labels.
func TestTheGateOfAdmissionReadsSelectorsAsTheControllerDoes(t *testing.T) {
	w := theWorld(t)
	spaces := map[string]map[string]string{}
	for _, l := range []map[string]string{nil, labels("a"), labels("b"), labels(""), {"team": "a", "env": "prod"}, {"example.com/env": "prod"}} {
		spaces[namespaceWith(t, w, l)] = l
	}
	random := rand.New(rand.NewPCG(7, 11))
	var networks []v1alpha1.HostNetwork
	for i := range 60 {
		networks = append(networks, hostNetwork(fmt.Sprintf("select-%d", i), allowedAtRandom(random, i)))
		store(t, w, &networks[i])
	}
	// The last one is open to nobody: when it is known, the others are.
	last := hostNetwork("select-last", nil)
	store(t, w, &last)
	known(t, w, []v1alpha1.HostNetwork{last})
	opened, closed := 0, 0
	for name, set := range spaces {
		for i := range networks {
			// As the API server knows them.
			info := render.NamespaceInfo{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}
			for k, v := range set {
				info.Labels[k] = v
			}
			allowed := render.Allowed(&networks[i], info)
			err := try(t, w.Admin, wukong(name, v1alpha1.WukongNetwork{Name: "lan", HostNetwork: networks[i].Name}))
			switch {
			case allowed && err != nil:
				t.Errorf("labels %v, allowed %+v: admission refuses: %v", set, networks[i].Spec.AllowedNamespaces.Selector, err)
			case !allowed && refused(err, gate) != nil:
				t.Errorf("labels %v, allowed %+v: %v", set, networks[i].Spec.AllowedNamespaces.Selector, refused(err, gate))
			}
			if allowed {
				opened++
			} else {
				closed++
			}
		}
	}
	if opened < 20 || closed < 100 {
		t.Errorf("%d open, %d closed: the selectors decide too little", opened, closed)
	}
}

// allowedAtRandom makes a rule of one or two parts; every eighth cannot be read.
func allowedAtRandom(random *rand.Rand, i int) *v1alpha1.AllowedNamespaces {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	s := &metav1.LabelSelector{}
	if random.IntN(3) == 0 {
		s.MatchLabels = map[string]string{pick("team", "env", "example.com/env"): pick("a", "b", "prod", "")}
	}
	for range random.IntN(3) {
		e := metav1.LabelSelectorRequirement{Key: pick("team", "env", "example.com/env"), Operator: metav1.LabelSelectorOperator(pick("In", "NotIn", "Exists", "DoesNotExist"))}
		if e.Operator == "In" || e.Operator == "NotIn" {
			e.Values = []string{pick("a", "b"), pick("prod", "")}
		}
		if i%8 == 0 {
			switch pick("key", "values", "value", "operator") {
			case "key":
				e.Key = pick("-x", "a b", "/x", "EXAMPLE.com/x", "a/b/c", strings.Repeat("k", 64))
			case "values":
				if e.Values = nil; e.Operator == "Exists" || e.Operator == "DoesNotExist" {
					e.Values = []string{"x"}
				}
			case "value":
				e.Operator, e.Values = "NotIn", []string{pick("a b", "-a", strings.Repeat("v", 64))}
			default:
				e.Operator = metav1.LabelSelectorOperator(pick("in", "Gt", ""))
			}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return &v1alpha1.AllowedNamespaces{Selector: s}
}

func TestAVLANOfATrunkIsOpenOnlyToWhomItsRangeSays(t *testing.T) {
	w := theWorld(t)
	a, b := namespaceWith(t, w, labels("a")), namespaceWith(t, w, labels("b"))
	trunk := hostNetwork("gate-trunk", named(a, b), called("old-trunk"), func(n *v1alpha1.HostNetwork) {
		n.Spec.Trunk = []v1alpha1.TrunkRange{{Min: 100, Max: 199}, {Min: 200, Max: 299, AllowedNamespaces: named(a)},
			{Min: 300, Max: 300, AllowedNamespaces: &v1alpha1.AllowedNamespaces{Selector: &metav1.LabelSelector{MatchLabels: labels("b")}}},
			{Min: 400, Max: 400, AllowedNamespaces: &v1alpha1.AllowedNamespaces{}},
			{Min: 290, Max: 290, AllowedNamespaces: named(b)}}
	})
	store(t, w, &trunk)
	known(t, w, []v1alpha1.HostNetwork{trunk})
	cases := map[string]struct {
		vlan   int32
		opened []string
	}{
		"a range without a rule":     {100, []string{a, b}},
		"the end of a named range":   {299, []string{a}},
		"the start of a named range": {200, []string{a}},
		"a range by labels":          {300, []string{b}},
		"a range with an empty rule": {400, nil},
		"a VLAN of two ranges":       {290, []string{a, b}},
		"a VLAN of no range":         {500, []string{a, b}}, // the controller says that there is none
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, ns := range []string{a, b} {
				for _, n := range []v1alpha1.WukongNetwork{{HostNetwork: trunk.Name}, {BridgeName: "br-gate-trunk"}, {BridgeName: "old-trunk"}, {NADName: "wukong-gate-trunk"},
					{NADName: fmt.Sprintf("wukong%d-gate-trunk", tc.vlan)}} {
					if n.Name = "lan"; !strings.HasPrefix(n.NADName, fmt.Sprint("wukong", tc.vlan)) {
						n.VLANID = &tc.vlan
					}
					err := try(t, w.Admin, wukong(ns, n))
					if open := strings.Contains(strings.Join(tc.opened, " "), ns); open && err != nil {
						t.Errorf("%+v: %v", n, err)
					} else if !open && refused(err, gate, fmt.Sprint(tc.vlan), ns) != nil {
						t.Errorf("%+v: %v", n, refused(err, gate, fmt.Sprint(tc.vlan), ns))
					}
				}
			}
		})
	}
}

func TestWhatAWukongSelectsAlreadyMayStayWhenTheNetworkIsClosed(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	network := hostNetwork("gate-ratchet", named(ns))
	store(t, w, &network)
	known(t, w, []v1alpha1.HostNetwork{network})
	wk := wukong(ns, v1alpha1.WukongNetwork{Name: "lan", HostNetwork: network.Name}, v1alpha1.WukongNetwork{Name: "default"})
	store(t, w, wk)
	network.Spec.AllowedNamespaces = nil
	if err := w.Admin.Update(t.Context(), &network); err != nil {
		t.Fatal(err)
	}
	fresh := wukong(ns, v1alpha1.WukongNetwork{Name: "lan", HostNetwork: network.Name})
	eventually(t, func() error { return refused(try(t, w.Admin, fresh), gate) })

	change := func(how func(*v1alpha1.Wukong)) error {
		o := wk.DeepCopy()
		how(o)
		return w.Admin.Update(t.Context(), o, client.DryRunAll)
	}
	mtu := int32(1400)
	for name, how := range map[string]func(*v1alpha1.Wukong){
		"a label":                     func(o *v1alpha1.Wukong) { o.Labels = map[string]string{"a": "b"} },
		"cpu":                         func(o *v1alpha1.Wukong) { o.Spec.CPU = 4 },
		"the MTU of the network":      func(o *v1alpha1.Wukong) { o.Spec.Networks[0].MTU = &mtu },
		"a finalizer":                 func(o *v1alpha1.Wukong) { o.Finalizers = []string{"example.com/a"} },
		"the order of the networks":   func(o *v1alpha1.Wukong) { n := o.Spec.Networks; n[0], n[1] = n[1], n[0] },
		"the network is taken out":    func(o *v1alpha1.Wukong) { o.Spec.Networks = o.Spec.Networks[1:] },
		"another network is selected": func(o *v1alpha1.Wukong) { o.Spec.Networks[0].HostNetwork = "gate-nowhere" },
	} {
		if err := change(how); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, how := range map[string]func(*v1alpha1.Wukong){
		"a second interface": func(o *v1alpha1.Wukong) {
			o.Spec.Networks = append(o.Spec.Networks, v1alpha1.WukongNetwork{Name: "more", HostNetwork: network.Name})
		},
		"the name of the network":  func(o *v1alpha1.Wukong) { o.Spec.Networks[0].Name = "wan" },
		"another way of selection": func(o *v1alpha1.Wukong) { o.Spec.Networks[0].BridgeName = "br-" + network.Name },
	} {
		if err := refused(change(how), gate); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	stored := wk.DeepCopy()
	stored.Status.ObservedGeneration = 7
	if err := w.Admin.Status().Update(t.Context(), stored); err != nil {
		t.Errorf("the status: %v", err)
	}
	if err := w.Admin.Delete(t.Context(), stored); err != nil {
		t.Errorf("the deletion: %v", err)
	}
}

// The costliest HostNetworks and Wukongs that the schema admits stay within what one admission may cost.
func TestTheLargestRulesAreWithinTheBudgetOfAdmission(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, labels("a"))
	big := hostNetwork("gate-big", named(ns), func(n *v1alpha1.HostNetwork) {
		for i := range 1023 {
			n.Spec.AllowedNamespaces.Names = append(n.Spec.AllowedNamespaces.Names, fmt.Sprintf("%s-%d", strings.Repeat("n", 50), i))
		}
		n.Spec.Aliases = &v1alpha1.Aliases{}
		for i := range 64 {
			n.Spec.Aliases.BridgeNames = append(n.Spec.Aliases.BridgeNames, fmt.Sprintf("%s-%d", strings.Repeat("b", 200), i))
		}
		for i := range v1alpha1.VLANID(256) {
			n.Spec.Trunk = append(n.Spec.Trunk, v1alpha1.TrunkRange{Min: i + 1, Max: i + 1, AllowedNamespaces: named("somebody", ns)})
		}
	})
	store(t, w, &big)
	known(t, w, []v1alpha1.HostNetwork{big})
	wk := wukong(ns)
	for i := range int32(64) {
		id := i + 1
		wk.Spec.Networks = append(wk.Spec.Networks, v1alpha1.WukongNetwork{Name: fmt.Sprintf("n%d", i), HostNetwork: big.Name, VLANID: &id})
	}
	if err := try(t, w.Admin, wk); err != nil {
		t.Error(err)
	}
}

func TestEveryPolicyFailsClosedAndHasABinding(t *testing.T) {
	w := theWorld(t)
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("admissionregistration.k8s.io/v1")
	list.SetKind("ValidatingAdmissionPolicyList")
	if err := w.Admin.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, p := range list.Items {
		if !strings.HasPrefix(p.GetName(), "wukong-network-") {
			continue
		}
		count++
		if fail, _, _ := unstructured.NestedString(p.Object, "spec", "failurePolicy"); fail != "Fail" {
			t.Errorf("%s: failurePolicy is %q", p.GetName(), fail)
		}
		binding := &unstructured.Unstructured{}
		binding.SetAPIVersion("admissionregistration.k8s.io/v1")
		binding.SetKind("ValidatingAdmissionPolicyBinding")
		if err := w.Admin.Get(t.Context(), client.ObjectKey{Name: p.GetName()}, binding); err != nil {
			t.Errorf("%s has no binding: %v", p.GetName(), err)
		}
	}
	if count != 10 {
		t.Errorf("%d policies are installed", count)
	}
}
