package checks

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// check is one question. ask gives nil where it does not arise.
type check struct {
	id, group string
	// pre and installed say when it is asked.
	pre, installed bool
	ask            func(*Facts) *answer
}

// Groups, in the order in which they are told.
const (
	groupCluster   = "cluster"
	groupInstalled = "wukong-network"
	groupHosts     = "hosts"
	groupAddresses = "addresses"
	groupMachines  = "machines"
)

// checks are all there are, in the order in which they are told.
var checks = []check{
	{"kubernetes-version", groupCluster, true, true, kubernetesVersion},
	{"install-rights", groupCluster, true, false, installRights},
	{"nmstate-kinds", groupCluster, true, true, nmstateKinds},
	{"nmstate-handler", groupCluster, true, true, nmstateHandler},
	{"kubevirt", groupCluster, true, true, kubeVirt},
	{"multus", groupCluster, true, true, multus},
	{"foreign-operator", groupCluster, true, true, foreignOperator},
	{"several-controllers", groupCluster, true, true, severalControllers},
	{"kinds", groupInstalled, false, true, kinds},
	{"kinds-before", groupInstalled, true, false, kindsBefore},
	{"controller", groupInstalled, false, true, controllerRuns},
	{"version-skew", groupInstalled, false, true, versionSkew},
	{"leader", groupInstalled, false, true, leader},
	{"permissions", groupInstalled, false, true, permissions},
	{"admission", groupInstalled, false, true, admission},
	{"node-states", groupHosts, true, true, nodeStates},
	{"ownerless-policies", groupHosts, true, true, ownerlessPolicies},
	{"uplinks", groupHosts, false, true, uplinks},
	{"networks", groupHosts, false, true, networks},
	{"pools", groupAddresses, false, true, pools},
	{"pool-space", groupAddresses, false, true, poolSpace},
	{"collisions", groupAddresses, false, true, collisions},
	{"ownerless-leases", groupAddresses, false, true, ownerlessLeases},
	{"attachments", groupMachines, false, true, attachments},
	{"wukongs", groupMachines, false, true, wukongs},
}

// IDs names all checks, in order.
func IDs() []string {
	var out []string
	for _, c := range checks {
		out = append(out, c.id)
	}
	return out
}

// Decide answers every check that arises. apiVersion is that of the answer.
func Decide(f *Facts, apiVersion string) *Report {
	r := &Report{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: "CheckReport"}, Phase: "Installed", Results: []Result{}}
	if f.Pre {
		r.Phase = "Pre"
	}
	for _, c := range checks {
		if f.Pre && !c.pre || !f.Pre && !c.installed {
			continue
		}
		a := c.ask(f)
		if a == nil {
			continue
		}
		r.Results = append(r.Results, a.result(c))
		switch a.level {
		case Failed:
			r.Failed++
		case Warning:
			r.Warnings++
		case Unknown:
			r.Unknown++
		default:
			r.Passed++
		}
	}
	return r
}
