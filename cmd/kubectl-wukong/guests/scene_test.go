package guests

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/render"
)

const mac = "02:00:00:00:00:0a"

// scene is a guest that has what was asked for and delivered: 192.0.2.10/24 from a pool, and 2001:db8::10/64.
func scene(t *testing.T, change ...func(*Facts)) Facts {
	t.Helper()
	v6, gateway := v1alpha1.CIDR("2001:db8::10/64"), v1alpha1.Address("192.0.2.1")
	f := Facts{
		Wukong: &v1alpha1.Wukong{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web"},
			Spec: v1alpha1.WukongSpec{
				Disks: []v1alpha1.Disk{{Name: "root", Size: "1Gi"}},
				Networks: []v1alpha1.WukongNetwork{{Name: "lan", IPConfig: &v1alpha1.IPConfig{Mode: v1alpha1.IPModeStatic, IPPool: "lab",
					AdditionalAddresses: []v1alpha1.AdditionalAddress{{Address: &v6}}}}},
			},
			Status: v1alpha1.WukongStatus{ObservedGeneration: 1, Networks: []v1alpha1.WukongNetworkStatus{{
				Name: "lan", Interface: "net0", HostNetwork: "lab", NADName: "wukong-lab", MACAddress: mac,
				Addresses: []v1alpha1.WukongAddressStatus{{Address: "192.0.2.10/24", Pool: "lab"}, {Address: "2001:db8::10/64"}},
			}}},
		},
		Pools: []v1alpha1.AddressPool{{ObjectMeta: metav1.ObjectMeta{Name: "lab"}, Spec: v1alpha1.AddressPoolSpec{
			Segment: v1alpha1.Segment{PhysicalNetwork: "lab"}, Subnet: "192.0.2.0/24", Gateway: &gateway}}},
		Machine: &kubevirtv1.VirtualMachine{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web-vm"}},
	}
	for _, c := range change {
		c(&f)
	}
	deliver(t, &f)
	return f
}

// deliver makes the Secret of what is asked for, and a running instance that was started with it.
func deliver(t *testing.T, f *Facts) {
	t.Helper()
	now, err := f.render()
	if err != nil {
		t.Fatal(err)
	}
	text, err := render.NetworkData(now.nics)
	if err != nil {
		t.Fatal(err)
	}
	f.Wukong.Status.NetworkDataSecret = now.secret
	if now.secret != "" {
		f.AddSecret(now.secret, secretOf(text, now.user))
	}
	f.Instance = &kubevirtv1.VirtualMachineInstance{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: MachineName(f.Wukong)},
		Status: kubevirtv1.VirtualMachineInstanceStatus{Phase: kubevirtv1.Running, Interfaces: []kubevirtv1.VirtualMachineInstanceNetworkInterface{{
			Name: "lan", MAC: mac, IP: "192.0.2.10", IPs: []string{"192.0.2.10", "2001:db8::10", "fe80::1"}, InfoSource: "domain, guest-agent"}}},
	}
	start(f, now.secret)
}

func secretOf(networkData, userData string) *corev1.Secret {
	return &corev1.Secret{Data: map[string][]byte{render.NetworkDataKey: []byte(networkData), render.UserDataKey: []byte(userData)}}
}

// start has the instance run with a Secret.
func start(f *Facts, secret string) { f.Instance.Spec.Volumes = volumes(secret) }

// volumes are those of a machine that refers to a Secret; none where it is empty.
func volumes(secret string) []kubevirtv1.Volume {
	if secret == "" {
		return nil
	}
	ref := &corev1.LocalObjectReference{Name: secret}
	return []kubevirtv1.Volume{{Name: "cloudinitdisk", VolumeSource: kubevirtv1.VolumeSource{
		CloudInitNoCloud: &kubevirtv1.CloudInitNoCloudSource{NetworkDataSecretRef: ref, UserDataSecretRef: ref}}}}
}

// foreign makes it somebody else's machine.
func foreign(f *Facts) {
	f.Wukong.Spec.VirtualMachineName, f.Wukong.Spec.Disks = "erp", nil
	f.Machine.Name = "erp"
}
