package policies

import (
	"fmt"
	"strings"
	"testing"

	netattach "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/e2e/world"
	"novasphere.dev/wukong-network/render"
)

// Policies about attachments.
const (
	marks   = "tenant-attachments"
	bridges = "tenant-attachments-bridges"
	uplinks = "tenant-attachments-uplinks"
)

func attachment(namespace, name, config string) *netattach.NetworkAttachmentDefinition {
	return &netattach.NetworkAttachmentDefinition{
		TypeMeta:   metav1.TypeMeta{APIVersion: "k8s.cni.cncf.io/v1", Kind: "NetworkAttachmentDefinition"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       netattach.NetworkAttachmentDefinitionSpec{Config: config},
	}
}

// declared makes what tenants must not reach: uplinks of several kinds, a network that is open to the namespace, and devices.
func declared(t *testing.T, w *world.World, open string) {
	t.Helper()
	store(t, w,
		object(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: guarded-nic}, spec: {physicalNetwork: guarded, interface: ens1f0, nodeSelector: {matchLabels: {none: such}}}}`),
		object(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: guarded-dot}, spec: {physicalNetwork: guarded-dot, interface: en.x, nodeSelector: {matchLabels: {none: such}}}}`),
		object(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostUplink, metadata: {name: guarded-bond}, spec: {physicalNetwork: guarded-bond, bond: {name: bond7, mode: active-backup, ports: [ens2f0, ens2f1]}, nodeSelector: {matchLabels: {none: such}}}}`),
		object(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: guarded-vf}, spec: {physicalNetwork: guarded, type: sriov, sriov: {resourceName: example.com/fast}}}`),
		object(t, `{apiVersion: vm.novasphere.dev/v1alpha1, kind: HostNetwork, metadata: {name: guarded-tap}, spec: {physicalNetwork: guarded, type: macvlan}}`),
	)
	network := hostNetwork("guarded", named(open), func(n *v1alpha1.HostNetwork) { n.Spec.PhysicalNetwork = "guarded" })
	store(t, w, &network)
}

func TestTenantsCannotAttachAroundAHostNetwork(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	team := tenant(t, w, ns)
	declared(t, w, ns)
	cases := map[string]struct{ config, policy string }{
		"a bridge of ours":                             {`{"type":"bridge","bridge":"br-guarded"}`, bridges},
		"a bridge of ours by its name on OpenShift":    {`{"type":"cnv-bridge","bridge":"br-guarded","macspoofchk":false}`, bridges},
		"a bridge of ours by Open vSwitch":             {`{"type":"ovs","bridge":"br-guarded","vlan":7}`, bridges},
		"a bridge of ours with space around":           {"{ \"type\" : \"bridge\",\n\t\"bridge\" :\r\n \"br-guarded\" }", bridges},
		"a key in capitals":                            {`{"type":"bridge","BRIDGE":"br-guarded"}`, bridges},
		"a key that comes twice":                       {`{"type":"bridge","bridge":"mine","bridge":"br-guarded"}`, bridges},
		"a list of plugins":                            {`{"name":"x","plugins":[{"type":"tuning"},{"type":"bridge","bridge":"br-guarded"}]}`, bridges},
		"a bridge of ours below macvlan":               {`{"type":"macvlan","master":"br-guarded"}`, bridges},
		"a bridge of ours below a plugin nobody knows": {`{"type":"other","things":{"deep":["br-guarded"]}}`, bridges},
		"an escaped letter":                            {`{"type":"bridge","bridge":"\u0062r-guarded"}`, marks},
		"an escaped key":                               {`{"type":"bridge","\u0062ridge":"x"}`, marks},
		"an escaped quote":                             {`{"type":"bridge","x":"\"","bridge":"x"}`, marks},
		"a letter that folds into one of a key":        {`{"type":"host-device","pciBuſID":"0000:03:00.0"}`, marks},
		"a byte order mark":                            {"\ufeff" + `{"type":"bridge"}`, marks},
		"an uplink by macvlan":                         {`{"type":"macvlan","master":"ens1f0"}`, uplinks},
		"an uplink by ipvlan":                          {`{"type":"ipvlan","master":"ens1f0","mode":"l2"}`, uplinks},
		"an uplink by vlan":                            {`{"type":"vlan","master":"ens1f0","vlanId":5}`, uplinks},
		"an uplink by host-device":                     {`{"type":"host-device","device":"ens1f0"}`, uplinks},
		"an uplink by macvtap":                         {`{"type":"macvtap","lowerDevice":"ens1f0"}`, uplinks},
		"an uplink by tuning":                          {`{"plugins":[{"type":"tuning","master":"ens1f0"}]}`, uplinks},
		"a VLAN of an uplink":                          {`{"type":"macvlan","master":"ens1f0.100"}`, uplinks},
		"a VLAN of an uplink with a dot":               {`{"type":"macvlan","master":"en.x.100"}`, uplinks},
		"a VLAN of an uplink with a long name":         {`{"type":"macvlan","master":"` + render.VLANInterfaceName("averylonguplink", 100) + `"}`, uplinks},
		"a bond":                                       {`{"type":"macvlan","master":"bond7"}`, uplinks},
		"a VLAN of a bond":                             {`{"type":"ipvlan","master":"bond7.30"}`, uplinks},
		"a port of a bond":                             {`{"type":"host-device","device":"ens2f1"}`, uplinks},
		"a device by its PCI address":                  {`{"type":"host-device","pciBusID":"0000:03:00.0"}`, marks},
		"a device by its MAC address":                  {`{"type":"host-device","hwaddr":"52:54:00:00:00:01"}`, marks},
		"a device by its path":                         {`{"type":"host-device","KernelPath" : "/sys/devices/x"}`, marks},
		"a device that no resource gave":               {`{"type":"sriov","deviceID":"0000:03:00.1"}`, marks},
		"macvlan on the default route":                 {`{"type":"macvlan"}`, marks},
		"ipvlan on the default route":                  {`{"type":"ipvlan","mode":"l3"}`, marks},
		"macvlan with an empty master":                 {`{"type":"macvlan","master":""}`, marks},
		"macvlan with no master after all":             {`{"type":"macvlan","master":"eth9","master":""}`, marks},
		"macvlan with a master of null":                {`{"type":"macvlan","master": null}`, marks},
		"macvlan with a master elsewhere":              {`{"args":{"master":"eth9"},"type":"macvlan"}`, marks},
		"macvlan with a decoy beside it":               {`{"x":{"type":"macvlan","master":"eth9"},"type":"macvlan"}`, marks},
		"macvlan with a decoy in a list":               {`{"plugins":[{"type":"macvlan"},{"type":"x","master":"eth9"}]}`, marks},
		"more than can be looked through":              {`{"type":"bridge","x":"` + strings.Repeat("x", 20000) + `"}`, marks},
	}
	eventually(t, func() error {
		return refused(try(t, team, attachment(ns, "x", cases["a bridge of ours"].config)), bridges)
	})
	eventually(t, func() error { return refused(try(t, team, attachment(ns, "x", cases["a bond"].config)), uplinks) })
	eventually(t, func() error {
		return refused(try(t, team, attachment(ns, "x", cases["an uplink by vlan"].config)), uplinks)
	})
	eventually(t, func() error {
		return refused(try(t, team, attachment(ns, "x", cases["a VLAN of an uplink with a dot"].config)), uplinks)
	})
	mine := attachment(ns, "mine", `{"type":"bridge","bridge":"br-mine"}`)
	if err := team.Create(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := refused(try(t, team, attachment(ns, "x", tc.config)), tc.policy, "spec.config"); err != nil {
				t.Errorf("create: %v", err)
			}
			changed := mine.DeepCopy()
			changed.Spec.Config = tc.config
			if err := refused(team.Update(t.Context(), changed, client.DryRunAll), tc.policy); err != nil {
				t.Errorf("update: %v", err)
			}
			if err := try(t, w.Admin, attachment(ns, "x", tc.config)); err != nil {
				t.Errorf("the platform team: %v", err)
			}
		})
	}
	for name, config := range map[string]string{
		"no configuration":                 ``,
		"a bridge of the team":             `{"cniVersion":"0.3.1","name":"x","type":"bridge","bridge":"br-mine","ipam":{}}`,
		"a bridge with a similar name":     `{"type":"bridge","bridge":"br-guarded2"}`,
		"a free interface":                 `{"cniVersion":"0.3.1","type":"macvlan","master":"eth9","mode":"bridge","ipam":{"type":"host-local"}}`,
		"a free interface, master first":   "{\n  \"master\": \"eth9\",\n  \"type\": \"ipvlan\"\n}",
		"an interface with a similar name": `{"type":"macvlan","master":"ens1f01"}`,
		"a VLAN of a similar name":         `{"type":"macvlan","master":"enax.100"}`,
		"an overlay":                       `{"type":"ovn-k8s-cni-overlay","topology":"layer2","netAttachDefName":"a/b"}`,
	} {
		if err := try(t, team, attachment(ns, "x", config)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTenantsCannotTakeTheDevicesOfAHostNetwork(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	team := tenant(t, w, ns)
	declared(t, w, ns)
	for _, resource := range []string{"example.com/fast", "macvtap.network.kubevirt.io/guarded-tap"} {
		nad := attachment(ns, "x", `{"type":"sriov"}`)
		nad.Annotations = map[string]string{"k8s.v1.cni.cncf.io/resourceName": resource}
		eventually(t, func() error { return refused(try(t, team, nad), bridges, resource) })
	}
	free := attachment(ns, "x", `{"type":"sriov"}`)
	free.Annotations = map[string]string{"k8s.v1.cni.cncf.io/resourceName": "example.com/slow"}
	if err := try(t, team, free); err != nil {
		t.Error(err)
	}
}

// Who is held is decided by permissions: the right to change HostNetworks is the mark of the platform team.
func TestThePlatformTeamAttachesByHandAndReadersDoNot(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	declared(t, w, ns)
	bind := func(name, role string) client.Client {
		if err := w.Cluster.Apply(t.Context(), fmt.Appendf(nil, `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: %[1]s, namespace: %[3]s}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: %[3]s-%[1]s},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[2]s},
 subjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[3]s}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: %[1]s, namespace: %[3]s},
 rules: [{apiGroups: [k8s.cni.cncf.io], resources: [network-attachment-definitions], verbs: [create]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: %[1]s, namespace: %[3]s},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s},
 subjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[3]s}]}
`, name, role, ns)); err != nil {
			t.Fatal(err)
		}
		rc, err := w.Cluster.ServiceAccountConfig(t.Context(), ns, name)
		if err != nil {
			t.Fatal(err)
		}
		return clientOf(t, rc)
	}
	nad := attachment(ns, "by-hand", `{"type":"bridge","bridge":"br-guarded"}`)
	reader, platform := bind("reader", "wukong-network-address-reader"), bind("platform", "wukong-network-platform")
	eventually(t, func() error { return refused(try(t, reader, nad), bridges) })
	eventually(t, func() error { return try(t, platform, nad) })
	network := hostNetwork("by-platform", named(ns))
	if err := try(t, platform, &network); err != nil {
		t.Errorf("the platform team declares: %v", err)
	}
}

func TestAnAttachmentFromBeforeStaysUsable(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	team := tenant(t, w, ns)
	declared(t, w, ns)
	for name, config := range map[string]string{
		"bridge": `{"type":"bridge","bridge":"br-guarded"}`, "uplink": `{"type":"macvlan","master":"ens1f0"}`,
		"escape": `{"type":"bridge","bridge":"\u0062r-guarded"}`, "default-route": `{"type":"macvlan"}`,
	} {
		nad := attachment(ns, name, config)
		if err := w.Admin.Create(t.Context(), nad); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if try(t, team, attachment(ns, "other", config)) == nil {
				return refused(nil, bridges)
			}
			return nil
		})
		nad.Labels = map[string]string{"a": "b"}
		nad.Finalizers = []string{"example.com/a"}
		if err := team.Update(t.Context(), nad); err != nil {
			t.Errorf("%s: metadata: %v", name, err)
		}
		nad.Finalizers = nil
		if err := team.Update(t.Context(), nad); err != nil {
			t.Errorf("%s: a finalizer: %v", name, err)
		}
		if err := team.Delete(t.Context(), nad); err != nil {
			t.Errorf("%s: deletion: %v", name, err)
		}
	}
}

func TestTenantsCannotPassAttachmentsOffAsOursNorChangeOurs(t *testing.T) {
	w := theWorld(t)
	ns := namespaceWith(t, w, nil)
	team := tenant(t, w, ns)
	plain := attachment(ns, "plain", `{"type":"bridge","bridge":"br-mine"}`)
	ours, err := render.NAD(ns, render.Choice{HostNetwork: "theirs", UID: "1-2-3", Bridge: "br-theirs", NADName: "wukong-theirs", CNIType: "bridge"})
	if err != nil {
		t.Fatal(err)
	}
	if err := team.Create(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return refused(try(t, team, &ours), marks) })
	if err := controller(t, w).Create(t.Context(), &ours); err != nil {
		t.Fatal(err)
	}
	mark := func(of *netattach.NetworkAttachmentDefinition, change func(labels, annotations map[string]string)) error {
		o := of.DeepCopy()
		l, a := map[string]string{}, map[string]string{}
		for k, v := range of.Labels {
			l[k] = v
		}
		for k, v := range of.Annotations {
			a[k] = v
		}
		change(l, a)
		o.Labels, o.Annotations = l, a
		return team.Update(t.Context(), o, client.DryRunAll)
	}
	for name, err := range map[string]error{
		"managed-by is set":     mark(plain, func(l, _ map[string]string) { l[v1alpha1.ManagedByLabel] = v1alpha1.ManagedBy }),
		"host-network is set":   mark(plain, func(l, _ map[string]string) { l[v1alpha1.HostNetworkLabel] = "theirs" }),
		"owner-uid is set":      mark(plain, func(_, a map[string]string) { a[v1alpha1.OwnerUIDAnnotation] = "1-2-3" }),
		"managed-by is taken":   mark(&ours, func(l, _ map[string]string) { delete(l, v1alpha1.ManagedByLabel) }),
		"managed-by is changed": mark(&ours, func(l, _ map[string]string) { l[v1alpha1.ManagedByLabel] = "me" }),
		"host-network is taken": mark(&ours, func(l, _ map[string]string) { delete(l, v1alpha1.HostNetworkLabel) }),
		"owner-uid is changed":  mark(&ours, func(_, a map[string]string) { a[v1alpha1.OwnerUIDAnnotation] = "4-5-6" }),
		"a device is asked for": mark(&ours, func(_, a map[string]string) { a["k8s.v1.cni.cncf.io/resourceName"] = "example.com/any" }),
		"the config is replaced": func() error {
			o := ours.DeepCopy()
			o.Spec.Config = `{"type":"bridge"}`
			return team.Update(t.Context(), o, client.DryRunAll)
		}(),
	} {
		if err := refused(err, marks); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := mark(&ours, func(l, _ map[string]string) { l["a"] = "b" }); err != nil {
		t.Errorf("another label: %v", err)
	}
	if err := mark(plain, func(l, _ map[string]string) { l[v1alpha1.ManagedByLabel] = "helm" }); err != nil {
		t.Errorf("managed by somebody else: %v", err)
	}
	if err := team.Delete(t.Context(), &ours, client.DryRunAll); err != nil {
		t.Errorf("deletion, which a namespace needs: %v", err)
	}
}
