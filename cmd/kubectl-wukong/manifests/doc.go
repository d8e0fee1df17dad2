// Package manifests reads manifests as people keep them in files and folders and makes them the input of a plan: it splits
// streams, checks our kinds as the API server would, fills in defaults as it would, and remembers where each field stands.
//
// It decides nothing about networks: that is package render's. It talks to no cluster and never panics on input.
//
// Where to start reading:
//
//   - sources.go: from arguments to texts.
//   - documents.go: from a text to YAML documents with line numbers.
//   - read.go: from documents to a render.Input, and the findings about what cannot become a part of it.
//   - schema.go: one kind's CustomResourceDefinition as a check of one object.
//   - place.go: from a field path to a line.
package manifests
