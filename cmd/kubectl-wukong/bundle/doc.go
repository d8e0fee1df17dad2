// Package bundle makes the archive that goes with a bug report: objects without their secrets, texts, and a list of what is in it, what
// was cut, and what could not be read. It is pure: objects and texts in, bytes out, the same for the same input.
//
// Secrets are taken out three times: by where they stand (clean.go), by what they look like (text.go), and by value: what was hidden
// in one place is hidden wherever else it stands (bundle.go).
package bundle
