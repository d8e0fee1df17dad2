// Command demo runs the main job of wukong-network before your eyes: on a real API server with simulated nodes it leases an
// address, rolls a bridge out node by node, delivers the guest's network data, refuses a duplicate, builds a trunk over a bond
// beside the bridge, gives a machine another address by a restart, reports a guest that drifted, reports and survives a broken
// node, and takes everything back. Each scenario checks what it shows. With --once it ends after the scenarios, with a non-zero
// exit code if one of them failed; otherwise it leaves the cluster up until Ctrl-C.
//
// Start with scenarios in scenarios.go; the manifests are those of config/samples.
package main
