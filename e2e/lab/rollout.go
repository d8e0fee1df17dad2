package lab

import "k8s.io/apimachinery/pkg/util/intstr"

// maxUnavailable is how many nodes may work on one policy at a time: a number, or a percentage of the policy's
// enactments rounded up, 50 % unless said, and never less than one.
func maxUnavailable(limit *intstr.IntOrString, enactments int) int {
	half := intstr.FromString("50%")
	if limit == nil {
		limit = &half
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(limit, enactments, true)
	if err != nil {
		n, _ = intstr.GetScaledValueFromIntOrPercent(&half, enactments, true)
	}
	return max(n, 1)
}

// admission is what a node may do next about one policy.
type admission int

const (
	admitted admission = iota
	mustWait
	mustAbort
)

// admit decides whether one more node may start on a policy of which busy nodes hold a slot. Failed nodes keep theirs,
// so once they fill the limit the others give up.
func admit(limit *intstr.IntOrString, busy int, enactments []enactment) admission {
	slots := maxUnavailable(limit, len(enactments))
	if busy < slots {
		return admitted
	}
	failed := 0
	for _, e := range enactments {
		if hasFailed(e) {
			failed++
		}
	}
	if failed >= slots {
		return mustAbort
	}
	return mustWait
}

// hasFailed reports whether a node has given up.
func hasFailed(e enactment) bool {
	return isTrue(e.Status.Conditions, "Failing") && !isTrue(e.Status.Conditions, "Progressing")
}

// inProgress counts the enactments of a generation that are being applied.
func inProgress(generation int64, enactments []enactment) int {
	n := 0
	for _, e := range enactments {
		if e.Status.PolicyGeneration == generation && isTrue(e.Status.Conditions, "Progressing") {
			n++
		}
	}
	return n
}
