// Package policies tests the admission policies of config/policies against the real API server: what tenants cannot write, what
// the controller's own ServiceAccount cannot write, and that what a tenant writes never reaches a host.
package policies
