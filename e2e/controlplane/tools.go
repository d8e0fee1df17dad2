//go:build tools

// Package controlplane pins the sources of the control plane that demos and tests run: it is never compiled, it only keeps
// the commands below, and so their dependencies, in go.mod. The fetch command in e2e/parts builds them.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
