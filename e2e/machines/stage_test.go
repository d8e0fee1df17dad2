package machines

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"novasphere.dev/wukong-network/e2e/cluster"
)

var shared = cluster.Shared{Options: cluster.Options{Without: []cluster.Component{cluster.Wukong, cluster.Nmstate}}}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(shared.Run(m))
}

// patience bounds every wait, on a machine that is busy with other tests.
const patience = 60 * time.Second

// stage is a namespace of its own, and a runner for the time of a test.
type stage struct {
	*Runner
	t         *testing.T
	cluster   *cluster.Cluster
	namespace string
}

func newStage(t *testing.T, opts Options) *stage {
	t.Helper()
	c := shared.ForTest(t)
	r, err := New(c.AdminConfig(), opts)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{Runner: r, t: t, cluster: c, namespace: c.Namespace(t)}
	s.must(r.Run(context.Background()))
	t.Cleanup(func() {
		s.clear()
		r.Halt()
	})
	return s
}

// clear takes away the machines, which needs the runner, and the nodes.
func (s *stage) clear() {
	ctx := context.Background()
	vms, nodes := &kubevirtv1.VirtualMachineList{}, &corev1.NodeList{}
	s.must(s.client.List(ctx, vms))
	for i := range vms.Items {
		s.LetGo(client.ObjectKeyFromObject(&vms.Items[i]))
		s.must(client.IgnoreNotFound(s.client.Delete(ctx, &vms.Items[i])))
	}
	s.eventually(func() string {
		s.must(s.client.List(ctx, vms))
		if len(vms.Items) > 0 {
			return fmt.Sprintf("%d machines are left, such as %s", len(vms.Items), vms.Items[0].Name)
		}
		return ""
	})
	s.must(s.client.List(ctx, nodes))
	for i := range nodes.Items {
		s.must(s.client.Delete(ctx, &nodes.Items[i]))
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits until what returns an empty text.
func (s *stage) eventually(what func() string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		wrong := what()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			out, _ := s.cluster.Kubectl(context.Background(), "-n", s.namespace, "get", "virtualmachines,virtualmachineinstances,pods", "-o", "yaml")
			s.t.Fatalf("not within %s: %s\n%s", patience, wrong, out)
		}
	}
}

// node adds a node that is ready.
func (s *stage) node(name string, labels map[string]string) {
	s.t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	for k, v := range labels {
		node.Labels[k] = v
	}
	s.must(s.client.Create(s.t.Context(), node))
	node.Spec.Taints = nil
	s.must(s.client.Update(s.t.Context(), node))
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	s.must(s.client.Status().Update(s.t.Context(), node))
}

func (s *stage) apply(format string, args ...any) {
	s.t.Helper()
	s.must(s.cluster.Apply(s.t.Context(), fmt.Appendf(nil, format, args...)))
}

func (s *stage) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace, Name: name}
}

// document makes the Secret that a machine reads: addresses of the interface with a MAC address.
func (s *stage) document(name, mac, addresses string) {
	s.t.Helper()
	s.apply(`
apiVersion: v1
kind: Secret
metadata: {namespace: %s, name: %s}
stringData:
  networkdata: |
    version: 2
    ethernets:
      net0: {match: {macaddress: "%s"}, set-name: net0, dhcp4: false, accept-ra: false, addresses: [%s]}
  userdata: |
    #cloud-config
    updates: {network: {when: [boot]}}
`, s.namespace, name, mac, addresses)
}

func (s *stage) attachment(name string) {
	s.t.Helper()
	s.apply(`
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {namespace: %s, name: %s}
spec: {config: "{}"}
`, s.namespace, name)
}

const mac = "02:00:00:00:00:01"

// machine makes a machine with one interface on an attachment, which reads the Secret and needs a node with the label lan.
func (s *stage) machine(name, secret, strategy string) {
	s.t.Helper()
	s.apply(`
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {namespace: %s, name: %s}
spec:
  runStrategy: %s
  template:
    metadata: {labels: {app: web}}
    spec:
      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: lan, operator: Exists}]}]}}}
      domain:
        cpu: {cores: 1}
        firmware: {uuid: 11111111-2222-5333-8444-555555555555}
        devices:
          autoattachPodInterface: false
          disks: [{name: seed, disk: {bus: virtio}}]
          interfaces: [{name: lan, bridge: {}, macAddress: "%s"}]
      networks: [{name: lan, multus: {networkName: wires}}]
      volumes: [{name: seed, cloudInitNoCloud: {networkDataSecretRef: {name: %s}, secretRef: {name: %s}}}]
`, s.namespace, name, strategy, mac, secret, secret)
}

// running makes everything that a machine needs, and waits until its guest reports.
func (s *stage) running(name string) types.NamespacedName {
	s.t.Helper()
	s.attachment("wires")
	s.document(name+"-1", mac, "192.0.2.10/24")
	s.machine(name, name+"-1", "Always")
	s.reports(name, "192.0.2.10")
	return s.key(name)
}

func (s *stage) vm(name string) *kubevirtv1.VirtualMachine {
	s.t.Helper()
	vm := &kubevirtv1.VirtualMachine{}
	s.must(s.client.Get(s.t.Context(), s.key(name), vm))
	return vm
}

// vmi reads an instance, or nil.
func (s *stage) vmi(name string) *kubevirtv1.VirtualMachineInstance {
	s.t.Helper()
	vmi := &kubevirtv1.VirtualMachineInstance{}
	err := s.client.Get(s.t.Context(), s.key(name), vmi)
	if apierrors.IsNotFound(err) {
		return nil
	}
	s.must(err)
	return vmi
}

// pods are the launcher pods of a machine, by name.
func (s *stage) pods(name string) []corev1.Pod {
	s.t.Helper()
	list := &corev1.PodList{}
	s.must(s.client.List(s.t.Context(), list, client.InNamespace(s.namespace), client.MatchingLabels{"vm.kubevirt.io/name": name}))
	return list.Items
}

// patch changes a machine's spec by a merge patch.
func (s *stage) patch(name, patch string) {
	s.t.Helper()
	s.must(s.client.Patch(s.t.Context(), s.vm(name), client.RawPatch(types.MergePatchType, []byte(patch))))
}

// reports waits until the guest of a machine reports an address first.
func (s *stage) reports(name, address string) {
	s.t.Helper()
	s.eventually(func() string {
		vmi := s.vmi(name)
		if vmi == nil || vmi.Status.Phase != kubevirtv1.Running || len(vmi.Status.Interfaces) == 0 || vmi.Status.Interfaces[0].IP != address {
			return fmt.Sprintf("%s does not report %s; trouble: %v", name, address, s.Trouble(s.key(name)))
		}
		return ""
	})
}

// phase waits until an instance is in a phase.
func (s *stage) phase(name string, phase kubevirtv1.VirtualMachineInstancePhase) {
	s.t.Helper()
	s.eventually(func() string {
		if vmi := s.vmi(name); vmi == nil || vmi.Status.Phase != phase {
			return fmt.Sprintf("%s is not %s; trouble: %v", name, phase, s.Trouble(s.key(name)))
		}
		return ""
	})
}

func (s *stage) printed(name string, status kubevirtv1.VirtualMachinePrintableStatus) {
	s.t.Helper()
	s.eventually(func() string {
		if got := s.vm(name).Status.PrintableStatus; got != status {
			return fmt.Sprintf("%s is %s, not %s; trouble: %v", name, got, status, s.Trouble(s.key(name)))
		}
		return ""
	})
}

func (s *stage) restartRequired(name string, want bool) {
	s.t.Helper()
	s.eventually(func() string {
		got := slices.ContainsFunc(s.vm(name).Status.Conditions, func(c kubevirtv1.VirtualMachineCondition) bool {
			return c.Type == kubevirtv1.VirtualMachineRestartRequired && c.Status == corev1.ConditionTrue
		})
		if got != want {
			return fmt.Sprintf("RestartRequired is %v", got)
		}
		return ""
	})
}
