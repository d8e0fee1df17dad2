package main

import (
	"slices"

	"novasphere.dev/wukong-network/render"
)

// Parts of what is rendered that can be chosen.
const (
	partPolicies         = "policies"
	partExternalPolicies = "external-policies"
	partAttachments      = "attachments"
	partSecrets          = "secrets"
	partMachines         = "machines"
)

func choices() []string {
	return []string{partPolicies, partExternalPolicies, partAttachments, partSecrets, partMachines}
}

// only leaves the parts of a plan that are chosen, or all of them where none is.
func only(plan render.Output, chosen []string) render.Output {
	if len(chosen) == 0 {
		return plan
	}
	has := func(part string) bool { return slices.Contains(chosen, part) }
	var out render.Output
	for i := range plan.Policies {
		if policy := &plan.Policies[i]; has(partPolicies) || has(partExternalPolicies) && render.ForPipeline(policy) {
			out.Policies = append(out.Policies, *policy)
		}
	}
	if has(partAttachments) {
		out.NADs = plan.NADs
	}
	if has(partSecrets) {
		out.Secrets = plan.Secrets
	}
	if has(partMachines) {
		out.VirtualMachines = plan.VirtualMachines
	}
	return out
}
