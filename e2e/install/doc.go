// Package install tests the ways to install: dist/install.yaml, the kustomizations of config and the Helm chart, by the real kubectl,
// kustomize and Helm (3 and 4), against the API server of the embedded control plane; and the manager as a process of its own: its
// metrics, its probes, and how it hands over to another replica.
//
// It has no kubelet, so no Pod runs: of Pods it asks what admission says about them.
package install
