// Package guests makes answers about guests out of objects that were read: the documents that a guest gets, and whether the
// guest has what was asked for and delivered.
//
// It is pure: objects in, text out. It knows no cluster, no clock, no terminal and no flags. Documents are rendered by package
// render, which the controller asks, too; what a guest reports is compared by the same package. Nothing secret leaves it:
// passwords, their hashes and whatever else of user data is not known to be harmless are hidden.
//
// Where to start reading:
//
//   - facts.go: what was read.
//   - rendered.go: the document that the status of a Wukong stands for.
//   - documents.go: the documents of one guest, as text.
//   - mask.go: what is hidden.
//   - verify.go and conclude.go: requested, delivered and observed, and what follows.
package guests
