// Package server answers the questions of package query over HTTPS, from the caches of a manager and for whoever the API server
// lets read what an answer is made of. It changes nothing. Every replica serves, whether it leads or not.
//
// Who asks is found out by TokenReview. Every kind that an answer is made of is then read as if the asker read it: by
// SubjectAccessReview, in the words of the API server. So the manager tells nobody what they could not read by themselves, with
// one addition: whoever may list the Wukongs of a namespace gets the addresses of that namespace, without what their leases say
// about others.
//
// Where to start reading:
//
//   - routes.go: the paths and their parameters. openapi.yaml describes the same, and a test holds the two together.
//   - handler.go: what is common to all requests.
//   - access.go: who asks, and what they may.
//   - source.go and namespace.go: what is read, for somebody, and for somebody with the rights of one namespace.
//   - server.go: the server in the manager.
package server
