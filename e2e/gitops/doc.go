// Package gitops judges what the tools of GitOps make of our objects, with their own code: Argo CD's Lua interpreter on the health
// checks of config/gitops/argocd, kstatus, and Flux's expressions and condition checker. It is a module of its own, so that none
// of them becomes a dependency of the product.
//
// Where to start reading:
//
//   - judges_test.go: the tools.
//   - health_test.go: their judgement of every state that an object can be in (testdata/health).
//   - stories_test.go: what happens to objects in their lives. judge_test.go judges every revision of them, by the evidence that
//     oracle_test.go finds in the store.
//   - sync_test.go: folders in any order, drift, and the marks of tools.
//   - kustomize_test.go: the function, run by kustomize.
//   - policy_test.go: our own type of a policy, held against kubernetes-nmstate's.
package gitops
