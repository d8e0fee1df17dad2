// Package cluster starts a real, small Kubernetes control plane on loopback: etcd, kube-apiserver and
// kube-controller-manager, with the definitions of KubeVirt, nmstate and Multus, nmstate's admission rules, and our own
// definitions. Demos and tests run against it alike.
//
// It simulates no component: nodes, nmstate's handler and KubeVirt are not here, so nothing happens to their objects unless
// somebody plays them. It must not know our controllers.
//
// Start reading at Start in start.go; tests begin with ForTest or Shared in fortest.go.
package cluster
