// Package controllers does all cluster I/O: it gathers objects, asks the pure packages (render, nmstate, ipam, conflicts)
// what follows from them, applies the answer and reports it. It holds no rule about addresses, policies or documents.
//
// One controller per kind: wukong (leases, attachments, Secret, machine), addresslease (release by proof), hostuplink
// (revisions on nodes), hostnetwork (who uses it, where it is). Everything else is mapped to one of them by watches, so each
// is level based and a restart changes no decision. Start with Setup in setup.go, then a Reconcile method: each fits on one
// screen and names its steps.
package controllers
