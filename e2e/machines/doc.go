// Package machines plays KubeVirt against a real API server, in process: its controllers and its nodes, a scheduler and a kubelet
// for its pods, Multus as far as attachments have to exist, and guests with cloud-init and the guest agent.
//
// A VirtualMachine gets an instance, the instance a virt-launcher pod on a node that fits, and then a guest that boots: with
// the network data that really was in the Secret when the pod started, as cloud-init understands it. What the guest agent
// reports, what needs a restart, what is plugged in live, and what a migration looks like from outside follow KubeVirt 1.9.
//
// The runner judges the software under test, so it imports none of its packages: it reads network data by itself. No machine
// runs, disks are there at once, and nothing is timed as in reality: see Options. Of run strategies, Once and WaitAsReceiver
// are not played.
//
// Reading order: runner.go (what it is and its loop), control.go (what a test or the demo can do), machine.go (what happens to a
// VirtualMachine), instance.go and migrate.go (to an instance), pods.go and kubelet.go, and the pure files that they ask:
// live.go, defaults.go, schedule.go, netplan.go, guest.go, report.go.
package machines
